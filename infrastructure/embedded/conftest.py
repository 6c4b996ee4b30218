"""Fixtures of the embedded cloud's tests."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infrastructure.state import StateFolder

if TYPE_CHECKING:
    from infrastructure.embedded.apis.rds.tests.aurora_world import Aurora


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The daemon runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where platforms with databases lie: they share the template of a database, which takes a second to make."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    made = StateFolder.of("test", tmp_path)
    yield made
    made.remove_run()


@pytest.fixture
def no_daemon_left(state: StateFolder) -> Iterator[None]:
    """However a daemon ended, it is waited for: none stays a zombie of the process that launched it."""
    from infrastructure.embedded import launch  # for few tests

    yield
    launch.stop(state, within_s=0.0)
    assert launch._children == {}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where programs of ours that run as other users may write; pytest's own folders are closed to them."""
    with tempfile.TemporaryDirectory(prefix="cafe-") as made:
        folder = Path(made)
        folder.chmod(0o777)
        yield folder


@pytest.fixture
async def db(postgres_home: Path) -> "AsyncIterator[Aurora]":
    """Databases of a test's own; none yet."""
    from infrastructure.embedded.apis.rds.tests.aurora_world import aurora, own_state  # psycopg and more, for few tests

    async with aurora(own_state(postgres_home)) as made:
        yield made


@pytest.fixture
async def pair(db: "Aurora") -> "Aurora":
    """A writer with one row, the first instance, and a reader that confirms; a test may take them apart."""
    from infrastructure.embedded.apis.rds.tests.aurora_world import FIRST, SECOND

    db.create(FIRST, SECOND)
    await db.settle()
    await db.fill()
    return db

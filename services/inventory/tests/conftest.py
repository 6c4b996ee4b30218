"""A real PostgreSQL and a real Redis, as Aurora and ElastiCache are."""

from collections.abc import Iterator

import pytest

from services.chassis.conftest import redis_url as redis_url
from services.chassis.postgres.tests.server import Server
from services.inventory.tests.database import Database
from services.loyalty.tests.conftest import server as server


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Stock as it is at the beginning, in a server that the tests of a module share."""
    made = Database(server)
    yield made
    made.empty()

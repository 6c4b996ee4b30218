"""The tables of stock in a real PostgreSQL, as Aurora is."""

from collections.abc import Iterator

import pytest

from services.chassis.postgres.tests.server import Server
from services.inventory.tests.database import Database


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Stock as it is at the beginning, in a server that the tests of a module share."""
    made = Database(server)
    yield made
    made.empty()

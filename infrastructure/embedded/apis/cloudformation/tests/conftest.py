"""What the tests of CloudFormation's calls share: a client, on APIs that answer as their controllers make them."""

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.embedded.stacks.tests.world import Stacks
from infrastructure.embedded.tests.in_process import Clients


@pytest.fixture
def clients() -> Iterator[Clients]:
    stacks = Stacks()
    made = Clients(stacks.control.plane)
    yield made
    made.close()


@pytest.fixture
def cloudformation(clients: Clients) -> Any:
    return clients.client("cloudformation")

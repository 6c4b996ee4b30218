"""What the tests of CloudFormation's calls share: a client, on APIs that answer as their controllers make them."""

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.embedded.stacks.tests.world import Stacks
from infrastructure.embedded.tests.sdk import Sdk


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    stacks = Stacks()
    made = Sdk(stacks.control.plane)
    yield made
    made.close()


@pytest.fixture
def cloudformation(sdk: Sdk) -> Any:
    return sdk.client("cloudformation")

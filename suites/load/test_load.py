"""The platform carries the load it promises to carry, and the books balance afterwards."""

from collections.abc import Callable

import pytest

from plugins.load.scenario import LoadScenario
from suites.load import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_load(scenario: LoadScenario, load: Callable[[LoadScenario], None]) -> None:
    load(scenario)

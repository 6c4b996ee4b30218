"""Every fault of the catalogue is survived, taken back, and loses nothing that was acknowledged."""

from collections.abc import Callable

import pytest

from plugins.chaos.scenario import Scenario
from suites.chaos import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.id for scenario in SCENARIOS])
def test_platform_survives(experiment: Callable[[Scenario], None], scenario: Scenario) -> None:
    experiment(scenario)

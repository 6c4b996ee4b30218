"""Load scenarios, one file each; every one is a locustfile too. Adding one is a file and its line in `SCENARIOS`."""

from plugins.load.scenario import LoadScenario
from suites.load import morning_rush

SCENARIOS: tuple[LoadScenario, ...] = (morning_rush.SCENARIO,)

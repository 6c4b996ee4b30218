"""The orders that flow during an experiment, and the view of them that stop conditions have."""

from collections.abc import Callable
from pathlib import Path

from plugins.chaos.scenario import Scenario, Windows
from plugins.chaos.stop import Tally
from plugins.load.arrivals import Constant
from plugins.load.plan import LoadPlan
from plugins.load.result import LoadResult
from plugins.load.runner import Endpoints, LoadRun, start

RESERVE_S = 300.0
"""How much longer than its windows a schedule is: a rollback may take minutes on AWS, and load must not run dry."""

TIMEOUT_S = 5.0
_REREAD_S = 2.0


class OrderTraffic:
    """Offers `scenario.rate` requests a second, evenly spaced, until it is stopped. `clock` is any clock in seconds."""

    def __init__(
        self, scenario: Scenario, windows: Windows, platform: Endpoints, folder: Path, clock: Callable[[], float]
    ) -> None:
        self._plan = LoadPlan(
            arrivals=Constant(per_s=scenario.rate, duration_s=windows.total_s + RESERVE_S),
            mix=scenario.mix,
            max_in_flight=round(scenario.rate * TIMEOUT_S * 1.5),
            timeout_s=TIMEOUT_S,
        )
        self._platform = platform
        self._folder = folder
        self._clock = clock
        self._run: LoadRun | None = None
        self._seen = Tally()
        self._seen_at = 0.0

    def start(self) -> None:
        self._run = start(self._plan, self._platform, self._folder)
        self._seen_at = self._clock()

    def tally(self) -> Tally:
        """At most two seconds old: reading all samples takes the longer the longer the run is."""
        if self._run is None:
            return self._seen
        self._run.check()
        if self._clock() - self._seen_at >= _REREAD_S:
            whole = self._run.snapshot().whole()
            self._seen, self._seen_at = Tally(requests=whole.samples, errors=whole.bad.total), self._clock()
        return self._seen

    def stop(self) -> None:
        if self._run is not None:
            self._run.stop()

    def result(self) -> LoadResult | None:
        """What was recorded, even by a generator that crashed; None when it never started."""
        return None if self._run is None else LoadResult.read(self._folder)

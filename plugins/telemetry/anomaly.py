"""What the dashboard must show during a fault: which metric moves, which way, by how much, and that it comes back.

before ──────┐        ┌────── after      moved:    extreme(during) - median(before), in the expected direction, ≥ by
             └────────┘                  returned: median(after) no further than half of `by` from median(before)
               during                                   or no further than `may_stay` of how far it moved
"""

from dataclasses import dataclass
from statistics import median
from typing import Literal

from plugins.slo import Verdict, plain
from plugins.telemetry.timeline import Series, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyResult:
    """One expectation, checked; `text` says in one line what was expected and what was seen."""

    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """`metric` must go `direction` by at least `by` (in the metric's unit) during the fault and return afterwards.

    `silent_is_zero`: a count that is reported only when something happened (5XX counts, throttles) reads 0 in each
    whole period in which it is silent. A gauge that is silent is not zero but missing: the expectation stays
    inconclusive, as it does where no whole period lies in a window.
    `may_stay` (0..1): the share of the move that need not be made up for: of a pool, what is wanted then comes back.
    """

    name: str
    direction: Literal["up", "down"]
    by: float
    unit: str = ""
    silent_is_zero: bool = False
    must_return: bool = True
    may_stay: float = 0.0

    def __str__(self) -> str:
        share = f"{1.0 - self.may_stay:.0%} of it " if self.may_stay else ""
        back = f", and {share}back afterwards" if self.must_return else ""
        return f"{self.name} {self.direction} by at least {plain(self.by)} {self.unit}".rstrip() + back

    def check(self, series: Series, before: Span, during: Span, after: Span) -> AnomalyResult:
        """Hold the series against the expectation; a window without data leaves it inconclusive."""
        windows = [
            self._known(series.within(before.start, before.end), series.periods_within(before.start, before.end)),
            # A fault's effect may lie wholly in the period in which it was injected, so mixed periods count here.
            self._known(series.touching(during.start, during.end), series.periods_touching(during.start, during.end)),
            self._known(series.within(after.start, after.end), series.periods_within(after.start, after.end)),
        ]
        empty = [span.name for span, values in zip((before, during, after), windows, strict=True) if not values]
        if empty:
            return self._result(Verdict.INCONCLUSIVE, f"no data during {', '.join(empty)}")
        normal, settled = median(windows[0]), median(windows[2])
        sign = 1.0 if self.direction == "up" else -1.0
        moved = max(sign * (value - normal) for value in windows[1])
        if moved < self.by:
            return self._result(Verdict.FAIL, f"it moved by {plain(moved)} from {plain(normal)} {self.unit}".rstrip())
        if self.must_return and sign * (settled - normal) > max(self.by / 2, self.may_stay * moved):
            return self._result(
                Verdict.FAIL, f"it moved by {plain(moved)} but stayed at {plain(settled)} (before: {plain(normal)})"
            )
        return self._result(
            Verdict.PASS, f"{plain(normal)} → {plain(normal + sign * moved)} → {plain(settled)} {self.unit}".rstrip()
        )

    def _known(self, series: Series, periods: int) -> tuple[float, ...]:
        """The values, and a zero for each of the other `periods` where silence is one."""
        if not self.silent_is_zero:
            return series.values
        return series.values + (0.0,) * ((periods if series.period_s else 1) - len(series.values))

    def _result(self, verdict: Verdict, seen: str) -> AnomalyResult:
        expected = f"{self.name} goes {self.direction} by ≥ {self.by:g} {self.unit}".rstrip()
        return AnomalyResult(verdict=verdict, text=f"{expected}: {seen}")

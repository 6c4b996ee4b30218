"""What happened when: named series of numbers and shaded spans on one wall clock. Pure data."""

import math
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric over time. `points` are (Unix seconds, value), ascending.

    `period_s`: what a point covers, from its time on, a multiple of it as in CloudWatch; 0 for an instant.
    """

    name: str
    unit: str
    points: tuple[tuple[float, float], ...]
    period_s: float = 0.0

    def between(self, start: float, end: float) -> "Series":
        """The points with start <= t < end."""
        return replace(self, points=tuple(p for p in self.points if start <= p[0] < end))

    def within(self, start: float, end: float) -> "Series":
        """The points whose whole period lies between `start` and `end`."""
        return self.between(start, end - self.period_s)

    def touching(self, start: float, end: float) -> "Series":
        """The points whose period overlaps what lies between `start` and `end`."""
        return replace(self, points=tuple(p for p in self.points if start < p[0] + self.period_s and p[0] < end))

    def periods_within(self, start: float, end: float) -> int:
        """How many points `within` has when each period is reported; 0 of instants."""
        return max(math.ceil(end / self.period_s) - 1 - math.ceil(start / self.period_s), 0) if self.period_s else 0

    def periods_touching(self, start: float, end: float) -> int:
        """How many points `touching` has when each period is reported; 0 of instants."""
        return max(math.ceil(end / self.period_s) - math.floor(start / self.period_s), 0) if self.period_s else 0

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(value for _, value in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A named stretch of time in Unix seconds: a phase of an experiment, a stage of a load test."""

    name: str
    start: float
    end: float
    is_fault: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Series and spans of one run."""

    series: tuple[Series, ...] = ()
    spans: tuple[Span, ...] = field(default=())

    def span(self, name: str) -> Span:
        """The span called `name`; `KeyError` names the known ones."""
        for candidate in self.spans:
            if candidate.name == name:
                return candidate
        raise KeyError(f"no span is called {name!r}; there are {', '.join(s.name for s in self.spans) or 'none'}")

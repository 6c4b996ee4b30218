"""A rate that changes in a straight line."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from plugins.load.arrivals.shape import within


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """From `start_per_s` to `end_per_s` over `duration_s` seconds, up or down."""

    name: ClassVar[str] = "ramp"
    start_per_s: float
    end_per_s: float
    duration_s: float

    @property
    def peak(self) -> float:
        return max(self.start_per_s, self.end_per_s)

    def rate(self, at: float) -> float:
        if not 0 <= at <= self.duration_s:
            return 0.0
        return self.start_per_s + self._slope * at

    def count(self, until: float) -> float:
        t = within(until, self.duration_s)
        return self.start_per_s * t + self._slope * t * t / 2

    def scaled(self, *, time: float = 1.0, rate: float = 1.0) -> Self:
        return replace(
            self,
            start_per_s=self.start_per_s * rate,
            end_per_s=self.end_per_s * rate,
            duration_s=self.duration_s * time,
        )

    @property
    def _slope(self) -> float:
        return (self.end_per_s - self.start_per_s) / self.duration_s if self.duration_s else 0.0

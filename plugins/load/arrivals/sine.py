"""A wave round a mean: the daily rise and fall of traffic, shortened."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from plugins.load.arrivals.shape import within
from plugins.slo import ClaimError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sine:
    """`per_s` on average, swinging by `swing_per_s` (at most `per_s`) every `period_s` seconds; starts at its low."""

    name: ClassVar[str] = "sine"
    per_s: float
    swing_per_s: float
    period_s: float
    duration_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.swing_per_s <= self.per_s:
            raise ClaimError(
                f"a swing of {self.swing_per_s:g}/s round {self.per_s:g}/s: it must be 0 to {self.per_s:g}"
            )

    @property
    def peak(self) -> float:
        return self.per_s + self.swing_per_s

    def rate(self, at: float) -> float:
        if not 0 <= at <= self.duration_s:
            return 0.0
        return self.per_s - self.swing_per_s * math.cos(self._omega * at)

    def count(self, until: float) -> float:
        t = within(until, self.duration_s)
        return self.per_s * t - self.swing_per_s * math.sin(self._omega * t) / self._omega

    def scaled(self, *, time: float = 1.0, rate: float = 1.0) -> Self:
        return replace(
            self,
            per_s=self.per_s * rate,
            swing_per_s=self.swing_per_s * rate,
            period_s=self.period_s * time,
            duration_s=self.duration_s * time,
        )

    @property
    def _omega(self) -> float:
        return 2 * math.pi / self.period_s

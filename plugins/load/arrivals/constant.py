"""The same rate from start to end."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from plugins.load.arrivals.shape import within


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """`per_s` arrivals a second for `duration_s` seconds."""

    name: ClassVar[str] = "constant"
    per_s: float
    duration_s: float

    @property
    def peak(self) -> float:
        return self.per_s

    def rate(self, at: float) -> float:
        return self.per_s if 0 <= at <= self.duration_s else 0.0

    def count(self, until: float) -> float:
        return self.per_s * within(until, self.duration_s)

    def scaled(self, *, time: float = 1.0, rate: float = 1.0) -> Self:
        return replace(self, per_s=self.per_s * rate, duration_s=self.duration_s * time)

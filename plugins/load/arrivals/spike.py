"""A sudden burst out of a steady rate, and back."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from plugins.load.arrivals.shape import within


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """`per_s` throughout, but `spike_per_s` from `spike_at_s` for `spike_s` seconds."""

    name: ClassVar[str] = "spike"
    per_s: float
    spike_per_s: float
    spike_at_s: float
    spike_s: float
    duration_s: float

    @property
    def peak(self) -> float:
        return max(self.per_s, self.spike_per_s)

    def rate(self, at: float) -> float:
        if not 0 <= at <= self.duration_s:
            return 0.0
        return self.spike_per_s if self.spike_at_s <= at < self.spike_at_s + self.spike_s else self.per_s

    def count(self, until: float) -> float:
        t = within(until, self.duration_s)
        spiking = within(t - self.spike_at_s, self.spike_s)
        return self.per_s * (t - spiking) + self.spike_per_s * spiking

    def scaled(self, *, time: float = 1.0, rate: float = 1.0) -> Self:
        return replace(
            self,
            per_s=self.per_s * rate,
            spike_per_s=self.spike_per_s * rate,
            spike_at_s=self.spike_at_s * time,
            spike_s=self.spike_s * time,
            duration_s=self.duration_s * time,
        )

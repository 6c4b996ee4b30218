"""Independent customers: random gaps round any shape, the same ones for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from plugins.load.arrivals.shape import Arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """A Poisson process round `around`: `rate` and `count` are expected values, the gaps are exponential."""

    name: ClassVar[str] = "poisson"
    around: Arrivals
    seed: int

    @property
    def duration_s(self) -> float:
        return self.around.duration_s

    @property
    def peak(self) -> float:
        return self.around.peak

    def rate(self, at: float) -> float:
        return self.around.rate(at)

    def count(self, until: float) -> float:
        return self.around.count(until)

    def scaled(self, *, time: float = 1.0, rate: float = 1.0) -> Self:
        return replace(self, around=self.around.scaled(time=time, rate=rate))

    def marks(self) -> Iterator[float]:
        """Unit-rate exponential gaps, summed."""
        draw = random.Random(self.seed)  # noqa: S311 - a repeatable schedule, no secret
        mark = 0.0
        while True:
            mark += draw.expovariate(1.0)
            yield mark

"""A measured figure: its name, its unit, and how one sample of it is taken."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar, Protocol

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.slo import nearest_rank


class NotMeasurableHere(Exception):
    """This machine lacks what a figure is measured with; the text says what. That is no failure of the figure."""


class Figure(Protocol):
    """One file a figure. `samples` may take more than it is asked for, never fewer."""

    name: ClassVar[str]
    unit: ClassVar[str]
    needs_platform: ClassVar[bool]
    """Does it measure a platform that is up, or bring up its own?"""

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        """Measured values in `unit`, one at a time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of `make bench`."""

    name: str
    unit: str
    median: float
    p95: float
    p99: float
    n: int

    @classmethod
    def of(cls, name: str, unit: str, values: Sequence[float]) -> "Line":
        """Percentiles by nearest rank: with fewer than 100 samples the p99 is the largest.

        `EnvironmentFault` of no values, and of one that is no finite number: there is no figure then.
        """
        if not values or not all(map(math.isfinite, values)):
            raise EnvironmentFault(f"there is no figure in the {len(values)} values {list(values[:10])}")
        ordered = sorted(values)
        p95, p99 = (nearest_rank(ordered, share) or 0.0 for share in (0.95, 0.99))
        return cls(name=name, unit=unit, median=median(ordered), p95=p95, p99=p99, n=len(ordered))

    def __str__(self) -> str:
        figures = {"median": round(self.median, 4), "p95": round(self.p95, 4), "p99": round(self.p99, 4)}
        return json.dumps({"name": self.name, "unit": self.unit, **figures, "n": self.n})

"""A measured figure: its name, its unit, and how one sample of it is taken."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar, Protocol

from infrastructure.cloud import Platform


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
    p99: float
    n: int

    @classmethod
    def of(cls, name: str, unit: str, values: Sequence[float]) -> "Line":
        """Nearest-rank p99: with fewer than 100 samples it is the largest."""
        ordered = sorted(values)
        rank = max(math.ceil(0.99 * len(ordered)) - 1, 0)
        return cls(name=name, unit=unit, median=median(ordered), p99=ordered[rank], n=len(ordered))

    def __str__(self) -> str:
        figures = {"name": self.name, "unit": self.unit, "median": round(self.median, 4), "p99": round(self.p99, 4)}
        return json.dumps({**figures, "n": self.n})

"""Shapes one after another, each stage with a name of its own: the SLO is judged per stage."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from plugins.load.arrivals.shape import Arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A named stretch of a run."""

    name: str
    arrivals: Arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Each stage starts when the one before it ends; at the seam the earlier one counts."""

    name: ClassVar[str] = "stages"
    stages: tuple[Stage, ...]

    @property
    def duration_s(self) -> float:
        return sum(stage.arrivals.duration_s for stage in self.stages)

    @property
    def peak(self) -> float:
        return max((stage.arrivals.peak for stage in self.stages), default=0.0)

    def rate(self, at: float) -> float:
        for start, stage in self.offsets():
            if start <= at <= start + stage.arrivals.duration_s:
                return stage.arrivals.rate(at - start)
        return 0.0

    def count(self, until: float) -> float:
        return sum(stage.arrivals.count(until - start) for start, stage in self.offsets())

    def scaled(self, *, time: float = 1.0, rate: float = 1.0) -> Self:
        return replace(
            self,
            stages=tuple(replace(stage, arrivals=stage.arrivals.scaled(time=time, rate=rate)) for stage in self.stages),
        )

    def offsets(self) -> Iterator[tuple[float, Stage]]:
        """Each stage with the second it starts at."""
        start = 0.0
        for stage in self.stages:
            yield start, stage
            start += stage.arrivals.duration_s


def then(*shapes: Arrivals) -> Stages:
    """`shapes` one after another, named by their kind and place."""
    return Stages(stages=tuple(Stage(name=f"{n}-{shape.name}", arrivals=shape) for n, shape in enumerate(shapes, 1)))

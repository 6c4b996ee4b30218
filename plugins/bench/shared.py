"""Runs that several figures share: one number of each run is one figure's, another number another's."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar

from infrastructure.cloud import Platform

Run = TypeVar("Run")


class SharedRuns(ABC, Generic[Run]):
    """The runs: whichever figure needs more of them makes them."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def take(self, platform: Platform | None, count: int) -> Iterator[Run]:
        """`count` runs on `platform`, made where there are not so many yet."""
        for number in range(count):
            if number >= len(self._runs):
                self._runs.append(self.make(platform))
            yield self._runs[number]

    @abstractmethod
    def make(self, platform: Platform | None) -> Run:
        """One more run. There is a platform unless its figures say that they need none."""


class FigureOfRuns(ABC, Generic[Run]):
    """One number of each run."""

    needs_platform: ClassVar[bool] = True

    def __init__(self, runs: SharedRuns[Run]) -> None:
        self._runs = runs

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        for run in self._runs.take(platform, repeats):
            yield self.read(run)

    @abstractmethod
    def read(self, run: Run) -> float:
        """The number, in the figure's unit."""

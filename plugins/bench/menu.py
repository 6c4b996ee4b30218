"""Menu items read a second at a fixed offered rate."""

from typing import ClassVar

from plugins.bench.offered import OfferedRuns, rate
from plugins.bench.shared import FigureOfRuns
from plugins.load.journeys import ReadMenu
from plugins.load.result import Window


class ReadRuns(OfferedRuns):
    """Reads, a little above the goal of 800 a second, so that it is not met by rounding."""

    per_s: ClassVar[float] = 850.0
    journey: ClassVar[str] = ReadMenu.name


class MenuCachedReads(FigureOfRuns[Window]):
    """Items answered 200 a second, through the load balancer."""

    name: ClassVar[str] = "menu_cached_reads"
    unit: ClassVar[str] = "/s"

    def read(self, run: Window) -> float:
        return rate(run)

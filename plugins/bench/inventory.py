"""Stock reserved at a fixed offered rate, each reservation of its own: one run, two figures."""

from typing import ClassVar

from plugins.bench.offered import OfferedRuns, p99_ms, rate
from plugins.bench.shared import FigureOfRuns
from plugins.load.journeys import Reserve
from plugins.load.result import Window


class ReserveRuns(OfferedRuns):
    """Reservations, a little above the goal of 400 a second, so that it is not met by rounding."""

    per_s: ClassVar[float] = 410.0
    journey: ClassVar[str] = Reserve.name


class InventoryReserves(FigureOfRuns[Window]):
    """Reservations held a second."""

    name: ClassVar[str] = "inventory_reserves"
    unit: ClassVar[str] = "/s"

    def read(self, run: Window) -> float:
        return rate(run)


class InventoryReserveLatency(FigureOfRuns[Window]):
    """The p99 of each run; its median over the runs is the figure to quote."""

    name: ClassVar[str] = "inventory_reserve_p99"
    unit: ClassVar[str] = "ms"

    def read(self, run: Window) -> float:
        return p99_ms(run)

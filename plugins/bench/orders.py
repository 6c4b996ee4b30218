"""Orders acknowledged at a fixed offered rate: one run, two figures."""

from typing import ClassVar

from plugins.bench.offered import OfferedRuns, p99_ms, rate
from plugins.bench.shared import FigureOfRuns
from plugins.load.result import Window


class OrderRuns(OfferedRuns):
    """Orders, a little above the goal of 150 a second, so that it is not met by rounding."""

    per_s: ClassVar[float] = 160.0


class OrdersAcknowledgedRate(FigureOfRuns[Window]):
    """Orders answered 201 a second."""

    name: ClassVar[str] = "orders_acknowledged_rate"
    unit: ClassVar[str] = "/s"

    def read(self, run: Window) -> float:
        return rate(run)


class OrderLatency(FigureOfRuns[Window]):
    """The p99 of each run; its median over the runs is the figure to quote."""

    name: ClassVar[str] = "order_latency"
    unit: ClassVar[str] = "ms"

    def read(self, run: Window) -> float:
        return p99_ms(run)

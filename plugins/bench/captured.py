"""Orders from POST to captured, at a fixed offered rate for half a minute: one run, two figures."""

from dataclasses import dataclass
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.offered import offered
from plugins.bench.shared import FigureOfRuns, SharedRuns
from plugins.books.captures import CaptureTimeline, CaptureWindow, read_captures
from plugins.books.settling import settle
from plugins.load.result import Window
from plugins.telemetry import Metric, read

OFFERED = 105.0
"""Orders offered a second: a little above the goal of 100, so that the goal is not met by rounding."""
_LENGTH_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    captures: CaptureWindow
    oldest_s: float
    """Age of the oldest message of the payment queue, at its highest."""


class CapturedRuns(SharedRuns[_Run]):
    """Half a minute of orders each."""

    def make(self, platform: Platform | None) -> _Run:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        return _run(platform)


class OrdersCapturedRate(FigureOfRuns[_Run]):
    """Payments captured a second over thirty seconds, after three of warming up, while orders keep coming."""

    name: ClassVar[str] = "orders_captured_rate"
    unit: ClassVar[str] = "/s"

    def read(self, run: _Run) -> float:
        rate = run.captures.indicators()["capture.rate"]
        if rate is None:
            raise EnvironmentFault("nothing was captured while orders came")
        return rate


class PaymentQueueAge(FigureOfRuns[_Run]):
    """How long the oldest order had waited in the payment queue, at its worst, in each run: bounded, or it piles up."""

    name: ClassVar[str] = "payment_queue_age"
    unit: ClassVar[str] = "s"

    def read(self, run: _Run) -> float:
        return run.oldest_s


def _run(platform: Platform) -> _Run:
    window = offered(platform, per_s=OFFERED, seconds=_LENGTH_S)
    if left := settle(platform).total:
        raise EnvironmentFault(f"{left} orders were still not captured after the load had ended")
    captures = CaptureTimeline(read_captures(platform)).window(window.start, window.end)
    return _Run(captures=captures, oldest_s=_oldest_s(platform, window))


def _oldest_s(platform: Platform, window: Window) -> float:
    queue = platform.output("PaymentQueueName")
    metric = Metric.of("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", {"QueueName": queue})
    ages = read(platform, metric, window.start, window.end).values
    if not ages:
        raise EnvironmentFault(f"CloudWatch has no ApproximateAgeOfOldestMessage of {queue}")
    return max(ages)

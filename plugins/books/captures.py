"""When each order was captured, from the payments table: how long orders waited, and how many were captured a second.

    placed_at ──────── waits in the queue, is captured ────────> captured_at

An order that was declined, or not captured yet, has no capture; that none is missing is what the books prove.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from plugins.books.readers import Cloud, scan
from plugins.slo import nearest_rank
from plugins.telemetry.timeline import Series

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def indicators_of(stage: str) -> tuple[str, ...]:
    """What a stage can be judged by: the names that `CaptureWindow.indicators` explains."""
    return tuple(f"{stage}.{name}" for name in (*_QUANTILES, "rate"))


INDICATORS = indicators_of("capture")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One captured payment. Unix seconds: `placed_at` when its message was sent, `captured_at` when it was captured.

    Of another stage: when the order came to it, and when it was through.
    """

    order_id: str
    placed_at: float
    captured_at: float

    @property
    def latency_s(self) -> float:
        return self.captured_at - self.placed_at


def read_captures(cloud: Cloud) -> tuple[Capture, ...]:
    """Every captured payment of the payments table, in the order of capture."""
    items = scan(cloud, cloud.output("PaymentsTableName"))
    captures = (
        Capture(
            order_id=item["order_id"]["S"],
            placed_at=float(item["placed_at"]["N"]),
            captured_at=float(item["captured_at"]["N"]),
        )
        for item in items
        if item["status"]["S"] == "captured"
    )
    return tuple(sorted(captures, key=lambda capture: capture.captured_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureWindow:
    """The captured orders placed in `start` <= t < `end` (Unix seconds), whenever they were captured.

    `latencies` in seconds, shortest first; `captured` counts what was captured in the window, whenever it was placed.
    `stage` is what the names of its indicators begin with.
    """

    start: float
    end: float
    latencies: tuple[float, ...]
    captured: int
    stage: str = "capture"

    @property
    def samples(self) -> int:
        return len(self.latencies)

    def indicators(self) -> Mapping[str, float | None]:
        """`<stage>.p50` p95 p99 max (ms from placed to captured, nearest rank), `<stage>.rate` (captures/s).

        Where nothing was placed there is nothing to say of latency: None, never 0.
        """
        length = self.end - self.start
        quantiles = {f"{self.stage}.{name}": self._ms(quantile) for name, quantile in _QUANTILES.items()}
        return {**quantiles, f"{self.stage}.rate": self.captured / length if length > 0 else None}

    def _ms(self, quantile: float) -> float | None:
        latency_s = nearest_rank(self.latencies, quantile)
        return None if latency_s is None else 1000 * latency_s


@dataclass(frozen=True)
class CaptureTimeline:
    """Captures over time. Pure: made from what `read_captures` read, in any order."""

    captures: tuple[Capture, ...]
    stage: str = "capture"

    @cached_property
    def _placed(self) -> tuple[Capture, ...]:
        return tuple(sorted(self.captures, key=lambda capture: capture.placed_at))

    @cached_property
    def _captured_at(self) -> tuple[float, ...]:
        return tuple(sorted(capture.captured_at for capture in self.captures))

    def window(self, start: float, end: float) -> CaptureWindow:
        """The orders placed, and those captured, in [`start`, `end`)."""
        first, last = (bisect_left(self._placed, at, key=lambda capture: capture.placed_at) for at in (start, end))
        captured_first, captured_last = (bisect_left(self._captured_at, at) for at in (start, end))
        latencies = sorted(capture.latency_s for capture in self._placed[first:last])
        captured = captured_last - captured_first
        return CaptureWindow(start=start, end=end, latencies=tuple(latencies), captured=captured, stage=self.stage)

    def series(self) -> tuple[Series, ...]:
        """Per second, for a chart: captures (/s) by when they were captured, a second without one being a 0; and
        `<stage>.p99` (ms) by when they were placed, a second without an order being a gap.
        """
        counts = Counter(math.floor(at) for at in self._captured_at)
        seconds = range(min(counts), max(counts) + 1) if counts else ()
        captured = tuple((float(s), float(counts[s])) for s in seconds)
        rate = Series(name=f"{self.stage}s", unit="/s", points=captured, period_s=1.0)
        p99 = f"{self.stage}.p99"
        placed = sorted({math.floor(capture.placed_at) for capture in self.captures})
        points = ((float(second), self.window(second, second + 1).indicators()[p99]) for second in placed)
        latency = tuple((at, value) for at, value in points if value is not None)
        return rate, Series(name=p99, unit="ms", points=latency, period_s=1.0)

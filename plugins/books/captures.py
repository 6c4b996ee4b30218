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

_QUANTILES = {"capture.p50": 0.5, "capture.p95": 0.95, "capture.p99": 0.99, "capture.max": 1.0}
INDICATORS = (*_QUANTILES, "capture.rate")
"""What captures can be judged by: the names that `CaptureWindow.indicators` explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One captured payment. Unix seconds: `placed_at` when its message was sent, `captured_at` when it was captured."""

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
    """

    start: float
    end: float
    latencies: tuple[float, ...]
    captured: int

    @property
    def samples(self) -> int:
        return len(self.latencies)

    def indicators(self) -> Mapping[str, float | None]:
        """capture.p50 p95 p99 max (ms from placed to captured, nearest rank), capture.rate (captures/s).

        Where nothing was placed there is nothing to say of latency: None, never 0.
        """
        length = self.end - self.start
        quantiles = {name: self._ms(quantile) for name, quantile in _QUANTILES.items()}
        return {**quantiles, "capture.rate": self.captured / length if length > 0 else None}

    def _ms(self, quantile: float) -> float | None:
        latency_s = nearest_rank(self.latencies, quantile)
        return None if latency_s is None else 1000 * latency_s


@dataclass(frozen=True)
class CaptureTimeline:
    """Captures over time. Pure: made from what `read_captures` read, in any order."""

    captures: tuple[Capture, ...]

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
        return CaptureWindow(start=start, end=end, latencies=tuple(latencies), captured=captured_last - captured_first)

    def series(self) -> tuple[Series, ...]:
        """Per second, for a chart: captures (/s) by when they were captured, a second without one being a 0; and
        capture.p99 (ms) by when they were placed, a second without an order being a gap.
        """
        counts = Counter(math.floor(at) for at in self._captured_at)
        seconds = range(min(counts), max(counts) + 1) if counts else ()
        captured = tuple((float(s), float(counts[s])) for s in seconds)
        rate = Series(name="captures", unit="/s", points=captured, period_s=1.0)
        placed = sorted({math.floor(capture.placed_at) for capture in self.captures})
        points = ((float(second), self.window(second, second + 1).indicators()["capture.p99"]) for second in placed)
        latency = tuple((at, value) for at, value in points if value is not None)
        return rate, Series(name="capture.p99", unit="ms", points=latency, period_s=1.0)

"""What the platform measures about itself, reported in AWS's own namespaces through the same API that callers use.

Sources are asked once every `pace.metric_period_s`, on the boundary of that period, so that each period holds exactly
one data point of a source. A data point's time is the start of the period it covers, as in CloudWatch.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infrastructure.embedded.apis.cloudwatch.api import MetricCalls
from infrastructure.embedded.control.background import end
from infrastructure.embedded.control.metric_store import Key, MetricStore

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends
    from infrastructure.embedded.pace import Pace

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One measured number. `unit` is CloudWatch's (`Percent`, `Count`, `Seconds`); `at` Unix seconds, None for now."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    at: float | None = None


Source = Callable[[float], Iterable[Datum]]
"""Asked every period with the seconds since it was last asked; must not block."""


class Metrics:
    """Collects from the registered sources and answers CloudWatch's metric calls out of the same store."""

    def __init__(self, backends: "Backends", pace: "Pace", *, clock: Callable[[], float] = time.time) -> None:
        self.period_s = pace.metric_period_s
        self._clock = clock
        self._sources: list[Source] = []
        self._task: asyncio.Task[None] | None = None
        self.store = MetricStore()
        backends.operations.bind("monitoring", MetricCalls(backends.cloudwatch, self.store, clock))

    def put(
        self, namespace: str, name: str, value: float, unit: str, dimensions: Mapping[str, str], at: float | None = None
    ) -> None:
        """Record one number now (or `at`, Unix seconds). Cheap enough for every request."""
        key = Key.of(namespace, name, dimensions)
        self.store.bucket(key, unit, self._clock() if at is None else at).add(value)

    def record(self, datum: Datum, at: float | None = None) -> None:
        """Record `datum`; one that carries no time of its own at `at`."""
        at = at if datum.at is None else datum.at
        self.put(datum.namespace, datum.name, datum.value, datum.unit, datum.dimensions, at)

    def register(self, source: Source) -> None:
        self._sources.append(source)

    def collect(self, elapsed_s: float, period_start: float) -> None:
        """Ask every source once; what carries no time of its own is filed under `period_start` (Unix seconds)."""
        for source in self._sources:
            try:
                for datum in source(elapsed_s):
                    self.record(datum, period_start)
            except Exception:  # noqa: BLE001  one source's defect must not silence the others; it is logged
                _log.exception("a metric source failed; its numbers of this period are missing")

    async def run(self) -> None:
        """Collect on every period's boundary until `close`."""
        self._task = asyncio.current_task()
        asked, last = time.monotonic(), 0.0
        while True:
            boundary = self._next_boundary()
            if boundary == last:  # woken a hair too early: that boundary is done
                boundary += self.period_s
            last = boundary
            await asyncio.sleep(max(boundary - self._clock(), 0.0))
            now = time.monotonic()
            self.collect(now - asked, boundary - self.period_s)
            asked = now
            self.store.prune(boundary)

    def _next_boundary(self) -> float:
        return (self._clock() // self.period_s + 1) * self.period_s

    async def close(self) -> None:
        """Stop collecting. Safe to call twice, and when `run` never ran."""
        await end(self._task)

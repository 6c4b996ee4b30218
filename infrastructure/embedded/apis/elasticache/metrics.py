"""What Redis says of itself, as CloudWatch's AWS/ElastiCache metrics, per node.

Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from infrastructure.embedded.control.background import tell_defect
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.engines.redis.engine import RedisNode

_log = logging.getLogger(__name__)

NAMESPACE = "AWS/ElastiCache"
NODE = "0001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One INFO: counters since the server's start, and what is now. CPU in seconds of the main thread."""

    pid: str
    cpu_s: float
    hits: float
    misses: float
    evictions: float
    connections: float
    items: float
    used_bytes: float

    @classmethod
    def of(cls, info: Mapping[str, str]) -> "Reading":
        def number(name: str) -> float:
            return float(info.get(name, 0.0))

        main = "used_cpu_user_main_thread" in info
        suffix = "_main_thread" if main else ""
        return cls(
            pid=info.get("process_id", ""),
            cpu_s=number(f"used_cpu_user{suffix}") + number(f"used_cpu_sys{suffix}"),
            hits=number("keyspace_hits"),
            misses=number("keyspace_misses"),
            evictions=number("evicted_keys"),
            connections=number("connected_clients"),
            items=sum(_keys(value) for name, value in info.items() if name[:2] == "db" and name[2:].isdigit()),
            used_bytes=number("used_memory"),
        )


def _keys(keyspace: str) -> float:
    """`keys=3,expires=1,avg_ttl=0` has 3."""
    return float(dict(part.split("=", 1) for part in keyspace.split(","))["keys"])


def metrics_between(before: Reading | None, after: Reading, elapsed_s: float) -> Iterable[tuple[str, float, str]]:
    """(metric, value, unit) for the `elapsed_s` seconds up to `after`; counters begin anew with each server."""
    base = before if before is not None and before.pid == after.pid else None

    def grown(name: str) -> float:
        return float(max(getattr(after, name) - (getattr(base, name) if base else 0.0), 0.0))

    yield "EngineCPUUtilization", 100.0 * grown("cpu_s") / elapsed_s, "Percent"
    yield "CacheHits", grown("hits"), "Count"
    yield "CacheMisses", grown("misses"), "Count"
    yield "Evictions", grown("evictions"), "Count"
    yield "CurrConnections", after.connections, "Count"
    yield "CurrItems", after.items, "Count"
    yield "BytesUsedForCache", after.used_bytes, "Bytes"


class ElastiCacheMetrics:
    """Asks every running node once a period. The asking takes a moment, so the numbers are filed when they come."""

    def __init__(self, metrics: Metrics, period_s: float, running: Callable[[], list[tuple[str, RedisNode]]]) -> None:
        self._metrics = metrics
        self._period_s = period_s
        self._running = running
        self._seen: dict[str, Reading] = {}
        self._task: asyncio.Task[None] | None = None

    def collect(self, elapsed_s: float) -> Iterable[Datum]:
        """A metric source that answers later; a question still open is not asked twice."""
        if elapsed_s > 0 and (self._task is None or self._task.done()):
            # Asked on the boundary, so the period that has just ended began one period before the nearest boundary.
            at = (round(time.time() / self._period_s) - 1) * self._period_s
            self._task = asyncio.create_task(self._ask(elapsed_s, at), name="elasticache metrics")
            tell_defect(self._task, _log, "a look at the metrics of ElastiCache")
        return ()

    async def _ask(self, elapsed_s: float, at: float) -> None:
        running = self._running()
        answers = await asyncio.gather(*(node.info() for _, node in running), return_exceptions=True)
        for (cluster, _), answer in zip(running, answers, strict=True):
            if isinstance(answer, BaseException):  # it died or hangs: a period without data, as on AWS
                self._seen.pop(cluster, None)
                continue
            reading = Reading.of(answer)
            for name, value, unit in metrics_between(self._seen.get(cluster), reading, elapsed_s):
                self._metrics.put(NAMESPACE, name, value, unit, {"CacheClusterId": cluster}, at)
                self._metrics.put(NAMESPACE, name, value, unit, {"CacheClusterId": cluster, "CacheNodeId": NODE}, at)
            self._seen[cluster] = reading

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

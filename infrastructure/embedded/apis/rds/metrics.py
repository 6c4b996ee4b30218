"""What the servers say of themselves, as CloudWatch's AWS/RDS metrics, per instance, and per role of the cluster.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from infrastructure.embedded.apis.rds.cluster import AuroraCluster
from infrastructure.embedded.apis.rds.member import Member
from infrastructure.embedded.control.background import tell_defect
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.host import proctree

_log = logging.getLogger(__name__)

NAMESPACE = "AWS/RDS"
_ASK_S = 2.0
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> current_user"
_LAG = """SELECT application_name, coalesce(extract(epoch FROM replay_lag) * 1000, 0)
FROM pg_stat_replication WHERE state = 'streaming'"""
"""The time from the writer's flush to the reader's replay; none while nothing is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One number of one instance. `role` is the cluster's word for it."""

    cluster: str
    instance: str
    role: str
    name: str
    value: float
    unit: str


class RdsMetrics:
    """Asks every running server once a period. The asking takes a moment, so the numbers are filed when they come.

    `wake` is called when the answers show something to do.
    """

    def __init__(
        self,
        metrics: Metrics,
        period_s: float,
        clusters: Mapping[str, AuroraCluster],
        wake: Callable[[], None],
    ) -> None:
        self._metrics = metrics
        self._period_s = period_s
        self._clusters = clusters
        self._wake = wake
        self._cpu_s: dict[tuple[str, int], float] = {}
        self._task: asyncio.Task[None] | None = None

    def collect(self, elapsed_s: float) -> Iterable[Datum]:
        """A metric source that answers later; a question still open is not asked twice, a stopped server may be why."""
        if any(_is_stopped(member) for _, member in self._running()):
            self._wake()
        if elapsed_s > 0 and (self._task is None or self._task.done()):
            # Asked on the boundary, so the period that has just ended began one period before the nearest boundary.
            at = (round(time.time() / self._period_s) - 1) * self._period_s
            self._task = asyncio.create_task(self._ask(elapsed_s, at), name="rds metrics")
            tell_defect(self._task, _log, "a look at the metrics of Aurora")
        return ()

    def _running(self) -> list[tuple[AuroraCluster, Member]]:
        return [(c, m) for c in self._clusters.values() for m in c.members.values() if m.is_running]

    async def _ask(self, elapsed_s: float, at: float) -> None:
        running = self._running()
        for cluster, member in running:
            for reading in self._of_process(cluster, member, elapsed_s):
                self._file(reading, at)
        asked = [self._of_server(cluster, member) for cluster, member in running]
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, OSError):  # it died or hangs: a period without data, as on AWS
                self._wake()
            elif not isinstance(answer, BaseException):
                for reading in answer:
                    self._file(reading, at)
        alive = {(m.id, m.node.process.pid) for _, m in running if m.node.process is not None}
        self._cpu_s = {key: value for key, value in self._cpu_s.items() if key in alive}

    def _of_process(self, cluster: AuroraCluster, member: Member, elapsed_s: float) -> Iterator[Reading]:
        process = member.node.process
        if process is None:
            return
        usage, size = process.usage(), member.node.spec.size
        used = max(usage.cpu_s - self._cpu_s.get((member.id, process.pid), 0.0), 0.0)
        self._cpu_s[member.id, process.pid] = usage.cpu_s
        yield _reading(cluster, member, "CPUUtilization", 100.0 * used / (elapsed_s * size.vcpu), "Percent")
        yield _reading(cluster, member, "FreeableMemory", max(size.memory_bytes - usage.rss_bytes, 0.0), "Bytes")

    async def _of_server(self, cluster: AuroraCluster, member: Member) -> list[Reading]:
        connections = float(await member.node.value(_CONNECTIONS, timeout_s=_ASK_S))
        readings = [_reading(cluster, member, "DatabaseConnections", connections, "Count")]
        if member is cluster.writer:
            lags = {name: float(lag or 0) for name, lag in await member.node.query(_LAG, timeout_s=_ASK_S)}
            if any(cluster.is_confirming(m) and m.name not in lags for m in cluster.members.values()):
                self._wake()  # commits may be waiting for a reader that does not listen
            readings += [
                _reading(cluster, reader, "AuroraReplicaLag", lags[reader.name], "Milliseconds")
                for reader in cluster.members.values()
                if reader.name in lags
            ]
        return readings

    def _file(self, reading: Reading, at: float) -> None:
        by_role = {"DBClusterIdentifier": reading.cluster, "Role": reading.role}
        for dimensions in ({"DBInstanceIdentifier": reading.instance}, by_role):
            self._metrics.put(NAMESPACE, reading.name, reading.value, reading.unit, dimensions, at)

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _is_stopped(member: Member) -> bool:
    return member.node.process is not None and proctree.is_stopped(member.node.process.pid)


def _reading(cluster: AuroraCluster, member: Member, name: str, value: float, unit: str) -> Reading:
    role = "WRITER" if member is cluster.writer else "READER"
    return Reading(cluster=cluster.id, instance=member.id, role=role, name=name, value=value, unit=unit)

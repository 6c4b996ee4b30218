"""What the servers say of themselves, as CloudWatch's AWS/RDS metrics, per instance, and per role of the cluster.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
"""

from collections.abc import Callable, Iterator, Mapping

from infrastructure.embedded.apis.rds.cluster import AuroraCluster
from infrastructure.embedded.apis.rds.member import Member
from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.engines.postgres.settings import CLIENTS
from infrastructure.embedded.host import proctree

NAMESPACE = "AWS/RDS"
_CONNECTIONS = f"SELECT count(*) FROM pg_stat_activity WHERE {CLIENTS}"  # noqa: S608 - a constant
_LAG = """SELECT application_name, coalesce(extract(epoch FROM replay_lag) * 1000, 0)
FROM pg_stat_replication WHERE state = 'streaming'"""
"""The time from the writer's flush to the reader's replay; none while nothing is written."""


class RdsMetrics:
    """Measures every running server's process, and asks the server itself once a period.

    `wake` is called when the answers, or their absence, show something to do.
    """

    def __init__(self, metrics: Metrics, clusters: Mapping[str, AuroraCluster], wake: Callable[[], None]) -> None:
        self._clusters = clusters
        self._wake = wake
        self._cpu_s: dict[tuple[str, int], float] = {}
        metrics.register(self._of_processes)
        self.asking = Asking(metrics, "Aurora", self._running, self._of_server, missed=lambda _: wake())

    def _running(self) -> list[tuple[AuroraCluster, Member]]:
        return [(c, m) for c in self._clusters.values() for m in c.members.values() if m.is_running]

    def _of_processes(self, elapsed_s: float) -> Iterator[Datum]:
        cpu_s: dict[tuple[str, int], float] = {}
        for cluster, member in self._running():
            process, size = member.node.process, member.node.spec.size
            if process is None:
                continue
            if proctree.is_stopped(process.pid):  # seen here also while it is being asked, and does not answer
                self._wake()
            usage, key = process.usage(), (member.id, process.pid)
            used, cpu_s[key] = max(usage.cpu_s - self._cpu_s.get(key, 0.0), 0.0), usage.cpu_s
            free = max(size.memory_bytes - usage.rss_bytes, 0.0)
            yield from _datums(cluster, member, "CPUUtilization", 100.0 * used / (elapsed_s * size.vcpu), "Percent")
            yield from _datums(cluster, member, "FreeableMemory", free, "Bytes")
        self._cpu_s = cpu_s

    async def _of_server(self, asked: tuple[AuroraCluster, Member], _elapsed_s: float) -> list[Datum]:
        cluster, member = asked
        connections = float(await member.node.value(_CONNECTIONS))
        data = [*_datums(cluster, member, "DatabaseConnections", connections, "Count")]
        if member is cluster.writer:
            lags = {name: float(lag or 0) for name, lag in await member.node.query(_LAG)}
            if any(cluster.is_confirming(m) and m.name not in lags for m in cluster.members.values()):
                self._wake()  # commits may be waiting for a reader that does not listen
            for reader in cluster.members.values():
                if reader.name in lags:
                    data += _datums(cluster, reader, "AuroraReplicaLag", lags[reader.name], "Milliseconds")
        return data


def _datums(cluster: AuroraCluster, member: Member, name: str, value: float, unit: str) -> Iterator[Datum]:
    """By instance, and by role, which is the cluster's word for it."""
    role = "WRITER" if member is cluster.writer else "READER"
    for dimensions in ({"DBInstanceIdentifier": member.id}, {"DBClusterIdentifier": cluster.id, "Role": role}):
        yield Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions=dimensions)

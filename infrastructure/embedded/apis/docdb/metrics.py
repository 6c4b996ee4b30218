"""What the servers do, as CloudWatch's AWS/DocDB metrics, per instance, and per role of the cluster.

Source: https://docs.aws.amazon.com/documentdb/latest/developerguide/cloud_watch.html
"""

from collections.abc import Iterator, Mapping
from weakref import WeakKeyDictionary

from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.control.usage import CpuReadings
from infrastructure.embedded.engines.documents.cluster import DocumentCluster
from infrastructure.embedded.engines.documents.engine import DocumentNode

NAMESPACE = "AWS/DocDB"
_VCPU = 2.0
"""Of the smallest classes."""
_GIB = float(1 << 30)
_MEMORY = 4 * _GIB
_OPCOUNTERS = tuple(f"Opcounters{each}" for each in ("Command", "Delete", "Getmore", "Insert", "Query", "Update"))
Asked = tuple[DocumentCluster, str, DocumentNode]


class DocumentDbMetrics:
    """Measures every server's process, and asks the server itself once a period."""

    def __init__(self, metrics: Metrics, clusters: Mapping[str, DocumentCluster]) -> None:
        self._clusters = clusters
        self._cpu: CpuReadings[tuple[str, str]] = CpuReadings()
        self._counted: WeakKeyDictionary[DocumentNode, Mapping[str, int]] = WeakKeyDictionary()
        metrics.register(self._of_processes)
        self.asking = Asking(metrics, "DocumentDB", self._running, self._of_server)

    def _running(self) -> list[Asked]:
        return [(c, name, node) for c in self._clusters.values() for name, node in c.running()]

    def _of_processes(self, elapsed_s: float) -> Iterator[Datum]:
        running = [((c.id, name), node.process) for c, name, node in self._running()]
        for (cluster, name), cores, usage in self._cpu.read(running, elapsed_s):
            found = self._clusters[cluster]
            yield from _datums(found, name, "CPUUtilization", 100.0 * cores / _VCPU, "Percent")
            yield from _datums(found, name, "FreeableMemory", max(_MEMORY - usage.rss_bytes, 0.0), "Bytes")
        for each in self._clusters.values():
            size, dimensions = float(each.engine.size(each.id)), {"DBClusterIdentifier": each.id}
            yield Datum(namespace=NAMESPACE, name="VolumeBytesUsed", value=size, unit="Bytes", dimensions=dimensions)

    async def _of_server(self, asked: Asked, _elapsed_s: float) -> list[Datum]:
        cluster, name, node = asked
        figures = await node.be()
        before, now = self._counted.get(node, {}), figures["counted"]
        self._counted[node] = now
        data = [*_datums(cluster, name, "DatabaseConnections", float(figures["connections"]), "Count")]
        for counter in _OPCOUNTERS:
            data += _datums(cluster, name, counter, float(now.get(counter, 0) - before.get(counter, 0)), "Count")
        if name != cluster.primary:  # they read the same volume
            data += _datums(cluster, name, "DBInstanceReplicaLag", 0.0, "Milliseconds")
        return data


def _datums(cluster: DocumentCluster, instance: str, name: str, value: float, unit: str) -> Iterator[Datum]:
    role = "WRITER" if instance == cluster.primary else "READER"
    for dimensions in ({"DBInstanceIdentifier": instance}, {"DBClusterIdentifier": cluster.id, "Role": role}):
        yield Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions=dimensions)

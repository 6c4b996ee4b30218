"""What the clusters do, as CloudWatch's AWS/Redshift metrics.

Source: Amazon Redshift Management Guide, "Monitoring Amazon Redshift using CloudWatch metrics".
"""

from collections.abc import Iterator
from typing import Any

from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.control.usage import CpuReadings
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse

NAMESPACE = "AWS/Redshift"
_VCPU = 2.0
"""A warehouse has two threads, as many as the smallest node has cores."""


class RedshiftMetrics:
    """Measures every warehouse once a period."""

    def __init__(self, metrics: Metrics, fleet: Fleet[Any, Warehouse]) -> None:
        self._fleet = fleet
        self._cpu: CpuReadings[str] = CpuReadings()
        self._completed: dict[Warehouse, int] = {}
        """Of each warehouse there is, paused ones too: a namesake begins anew."""
        metrics.register(self._collect)

    def _collect(self, elapsed_s: float) -> Iterator[Datum]:
        running = [(key, each.node.process) for key, each in self._fleet.running.items() if each.node is not None]
        for cluster, cores, _usage in self._cpu.read(running, elapsed_s):
            yield _datum(cluster, "CPUUtilization", 100.0 * cores / _VCPU, "Percent")
        standing = self._fleet.matched()
        self._completed = {warehouse: self._completed.get(warehouse, 0) for _, warehouse in standing}
        for record, warehouse in standing:
            cluster = record.cluster_identifier
            if record.status != "paused":
                yield _datum(cluster, "HealthStatus", float(warehouse.is_running), "Count")
            if warehouse.is_running:
                yield from self._of_statements(cluster, warehouse, elapsed_s)

    def _of_statements(self, cluster: str, warehouse: Warehouse, elapsed_s: float) -> Iterator[Datum]:
        before, self._completed[warehouse] = self._completed[warehouse], warehouse.completed
        rate = (warehouse.completed - before) / elapsed_s if elapsed_s > 0 else 0.0
        yield _datum(cluster, "QueriesCompletedPerSecond", rate, "Count/Second")
        yield _datum(cluster, "WLMQueueLength", float(warehouse.queue.waiting), "Count")
        yield _datum(cluster, "WLMRunningQueries", float(warehouse.queue.running), "Count")
        yield _datum(cluster, "DatabaseConnections", float(warehouse.connections), "Count")

    async def close(self) -> None:
        self._completed.clear()


def _datum(cluster: str, name: str, value: float, unit: str) -> Datum:
    return Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions={"ClusterIdentifier": cluster})

"""CPU and memory of ECS services, measured on their processes.

One data point per task and period, in percent of what the task was allotted, so that the average is the service's and
the maximum its busiest task's. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from infrastructure.embedded.apis.ecs.tasks import Live
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.control.usage import CpuReadings

NAMESPACE = "AWS/ECS"


class LiveTasks(Protocol):
    """The tasks to measure."""

    def __iter__(self) -> Iterator[Live]: ...


class EcsMetrics:
    """Figures of every running task of a service."""

    def __init__(self, tasks: LiveTasks) -> None:
        self._tasks = tasks
        self._readings: CpuReadings[Live] = CpuReadings()

    def collect(self, elapsed_s: float) -> Iterable[Datum]:
        """CPUUtilization and MemoryUtilization over the last `elapsed_s` seconds."""
        running = [(live, live.process) for live in self._tasks if live.service and live.process and live.is_running]
        for live, cores, usage in self._readings.read(running, elapsed_s):
            yield _datum(live, "CPUUtilization", 100.0 * cores / live.allotment.vcpu)
            yield _datum(live, "MemoryUtilization", 100.0 * usage.rss_bytes / live.allotment.memory_bytes)


def _datum(live: Live, name: str, value: float) -> Datum:
    service = str(live.record.group).removeprefix("service:")
    dimensions = {"ClusterName": str(live.record.cluster_name), "ServiceName": service}
    return Datum(namespace=NAMESPACE, name=name, value=value, unit="Percent", dimensions=dimensions)

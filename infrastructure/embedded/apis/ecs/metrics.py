"""CPU and memory of ECS services, measured on their processes.

One data point per task and period, in percent of what the task was allotted, so that the average is the service's and
the maximum its busiest task's. Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
"""

import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from infrastructure.embedded.apis.ecs.tasks import Live
from infrastructure.embedded.control.metrics import Datum

NAMESPACE = "AWS/ECS"


class LiveTasks(Protocol):
    """The tasks to measure."""

    def __iter__(self) -> Iterator[Live]: ...


class EcsMetrics:
    """Remembers each task's CPU seconds from one period to the next."""

    def __init__(self, tasks: LiveTasks) -> None:
        self._tasks = tasks
        self._seen: dict[str, float] = {}

    def collect(self, elapsed_s: float) -> Iterable[Datum]:
        """CPUUtilization and MemoryUtilization of every running task of a service over the last `elapsed_s` seconds."""
        seen: dict[str, float] = {}
        found: list[Datum] = []
        for live in self._tasks:
            if live.service is None or live.process is None or not live.is_running:
                continue
            usage = live.process.usage()
            seen[live.arn] = usage.cpu_s
            span = elapsed_s if live.arn in self._seen else min(elapsed_s, time.time() - live.process.started_at)
            if span <= 0:
                continue
            used = max(usage.cpu_s - self._seen.get(live.arn, 0.0), 0.0)
            cpu = 100.0 * used / (span * live.allotment.vcpu)
            found.append(_datum(live, "CPUUtilization", cpu))
            found.append(_datum(live, "MemoryUtilization", 100.0 * usage.rss_bytes / live.allotment.memory_bytes))
        self._seen = seen
        return found


def _datum(live: Live, name: str, value: float) -> Datum:
    service = str(live.record.group).removeprefix("service:")
    dimensions = {"ClusterName": str(live.record.cluster_name), "ServiceName": service}
    return Datum(namespace=NAMESPACE, name=name, value=value, unit="Percent", dimensions=dimensions)

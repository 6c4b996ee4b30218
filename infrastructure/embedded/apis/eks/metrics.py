"""Container Insights: CPU and memory of pods, measured on their processes, while the cluster has CloudWatch's add-on.

Filed under the pod's name, and under every Service that selects it.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from infrastructure.embedded.apis.eks.record import INSIGHTS, ClusterRecord
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.control.usage import CpuReadings

if TYPE_CHECKING:
    from infrastructure.embedded.kubernetes.cluster import Cluster

NAMESPACE = "ContainerInsights"
Pod = tuple[str, str, str]
"""Cluster, namespace, name."""


class PodMetrics:
    """Figures of the pods of all clusters, by name."""

    def __init__(self, records: Mapping[str, ClusterRecord], running: "Mapping[str, Cluster]") -> None:
        self._records = records
        self._running = running
        self._readings: CpuReadings[tuple[Pod, str]] = CpuReadings()

    def collect(self, elapsed_s: float) -> Iterable[Datum]:
        """What is reported of pods over the last `elapsed_s` seconds."""
        pods: dict[Pod, Any] = {}
        processes = []
        for name, cluster in self._running.items():
            if INSIGHTS in self._records[name].addons:
                for pod, container, process in cluster.running():
                    of = (name, pod["metadata"]["namespace"], pod["metadata"]["name"])
                    pods[of] = pod
                    processes.append(((of, container), process))
        cores: dict[Pod, float] = dict.fromkeys(pods, 0.0)
        memory: dict[Pod, int] = dict.fromkeys(pods, 0)
        for (of, _), used, usage in self._readings.read(processes, elapsed_s):
            cores[of] += used
            memory[of] += usage.rss_bytes
        for of, pod in pods.items():
            for dimensions in self._dimensions(of, pod):
                yield from _data(pod, cores[of], memory[of], dimensions)

    def _dimensions(self, of: Pod, pod: Any) -> Iterator[dict[str, str]]:
        cluster, namespace, name = of
        where = {"ClusterName": cluster, "Namespace": namespace}
        yield {**where, "PodName": _workload(pod, name)}
        for service in self._running[cluster].services_of(pod):
            yield {**where, "Service": service}


def _workload(pod: Any, name: str) -> str:
    """What Container Insights calls a pod: its Deployment's name, without what makes it one of several."""
    owners = pod["metadata"].get("ownerReferences") or ()
    hashed = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
    owner = next((str(each["name"]) for each in owners), name)
    return owner.removesuffix(f"-{hashed}")


def _data(pod: Any, cores: float, memory: int, dimensions: Mapping[str, str]) -> Iterator[Datum]:
    from infrastructure.embedded.kubernetes.store import quantity

    for name, used, resource in (("cpu", cores, "cpu"), ("memory", float(memory), "memory")):
        limits = [(each.get("resources") or {}).get("limits", {}).get(resource) for each in pod["spec"]["containers"]]
        if all(limits):
            share = 100.0 * used / sum(quantity.value(each) for each in limits)
            metric = f"pod_{name}_utilization_over_pod_limit"
            yield Datum(namespace=NAMESPACE, name=metric, value=share, unit="Percent", dimensions=dict(dimensions))

"""Container Insights: what pods use of their limits, under their workload and every Service, with the add-on alone."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infrastructure.embedded.apis.eks.metrics import PodMetrics
from infrastructure.embedded.apis.eks.record import INSIGHTS, Addon, ClusterRecord
from infrastructure.embedded.host.proctree import Usage

POD = {
    "metadata": {
        "namespace": "cafe",
        "name": "menu-abc-1",
        "labels": {"pod-template-hash": "abc"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "menu-abc"}],
    },
    "spec": {"containers": [{"name": "menu", "resources": {"limits": {"cpu": "250m", "memory": "256Mi"}}}]},
}


class Worker:
    """A process that uses a tenth of a core, and 64 MiB."""

    def __init__(self) -> None:
        self.started_at = time.time() - 100.0
        self.cpu_s = 0.0

    def usage(self) -> Usage:
        self.cpu_s += 0.1
        return Usage(cpu_s=self.cpu_s, rss_bytes=64 << 20, processes=1)


class OnePod:
    """A cluster with a pod that one Service selects."""

    def __init__(self, pod: Any) -> None:
        self._pod, self._worker = pod, Worker()

    def running(self) -> Iterator[Any]:
        yield self._pod, "menu", self._worker

    def services_of(self, _pod: Any) -> list[str]:
        return ["menu"]


def metrics_of(*addons: str, pod: Any = POD) -> PodMetrics:
    record = ClusterRecord(name="cafe", arn="", given={}, vpc="", tags={})
    record.addons = {each: Addon(name=each, arn="", cluster="cafe", version="", tags={}) for each in addons}
    return PodMetrics({"cafe": record}, cast("Any", {"cafe": OnePod(pod)}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("pod_cpu_utilization_over_pod_limit", 40.0), ("pod_memory_utilization_over_pod_limit", 25.0)],
)
def test_a_pod_is_measured_against_its_limit(name: str, expected: float) -> None:
    metrics = metrics_of(INSIGHTS)
    list(metrics.collect(1.0))
    found = {str(each.dimensions): each.value for each in metrics.collect(1.0) if each.name == name}
    where = {"ClusterName": "cafe", "Namespace": "cafe"}
    assert found == {
        str({**where, "PodName": "menu"}): pytest.approx(expected),
        str({**where, "Service": "menu"}): pytest.approx(expected),
    }


def test_without_the_add_on_nothing_is_reported() -> None:
    assert list(metrics_of().collect(1.0)) == []


def test_without_a_limit_there_is_no_share_of_it() -> None:
    unlimited = SimpleNamespace(**POD).__dict__ | {"spec": {"containers": [{"name": "menu"}]}}
    assert list(metrics_of(INSIGHTS, pod=unlimited).collect(1.0)) == []

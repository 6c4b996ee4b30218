"""A node is drained as kubectl does it, under fifty requests a second: how long it takes, and how many of them fail."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from infrastructure.cloud import Platform
from plugins.bench.pods.load import offered
from plugins.bench.pods.small_cluster import NAMESPACE, NODES, PODS, SmallCluster, small_cluster
from plugins.bench.shared import FigureOfRuns, SharedRuns

_RATE = 50.0
_REPLICAS = 4
_PRE_STOP = {"preStop": {"sleep": {"seconds": 15}}}
_BUDGETS = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"
_LATER_S = 0.05
"""How soon an eviction is asked for again that the budget refused; kubectl itself waits five seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drain:
    seconds: float
    failed: int


class DrainRuns(SharedRuns[_Drain]):
    """Each on a cluster of its own, with half of its pods on the node, of which a budget lets one go at a time."""

    def make(self, platform: Platform | None) -> _Drain:
        del platform
        with small_cluster() as (runner, cluster):
            address = runner.run(cluster.serve(_REPLICAS, lifecycle=_PRE_STOP))
            return runner.run(_drained(cluster, address))


class NodeDrain(FigureOfRuns[_Drain]):
    """From the cordon until the last pod is gone from the node and all of them are ready elsewhere."""

    name: ClassVar[str] = "node_drain"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = False

    def read(self, run: _Drain) -> float:
        return run.seconds


class NodeDrainFailures(FigureOfRuns[_Drain]):
    """Requests that failed meanwhile."""

    name: ClassVar[str] = "node_drain_failures"
    unit: ClassVar[str] = "requests"
    needs_platform: ClassVar[bool] = False

    def read(self, run: _Drain) -> float:
        return float(run.failed)


async def _drained(cluster: SmallCluster, address: str) -> _Drain:
    budget = {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": 1}
    meta = {"name": "web"}
    kind = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta}
    await cluster.api("POST", _BUDGETS, {**kind, "spec": budget})
    async with offered(address, 8080, _RATE) as seen:
        began = time.monotonic()
        await cluster.api("PATCH", f"/api/v1/nodes/{NODES[0]}", {"spec": {"unschedulable": True}})
        moved = [each["metadata"] for each in await cluster.pods() if each["spec"]["nodeName"] == NODES[0]]
        await asyncio.gather(*(_evicted(cluster, each) for each in moved))
        await cluster.until_ready(_REPLICAS, without=frozenset(each["uid"] for each in moved))
        seconds = time.monotonic() - began
    return _Drain(seconds=seconds, failed=seen.failed)


async def _evicted(cluster: SmallCluster, meta: Any) -> None:
    """Asked again and again until the budget lets it go."""
    name = {"name": meta["name"], "namespace": NAMESPACE}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": name}
    while True:
        said = await cluster.api("POST", f"{PODS}/{meta['name']}/eviction", body, may_be=(429,))
        if said.get("code") != 429:
            return
        await asyncio.sleep(_LATER_S)

"""From a pod's deletion without grace until its Deployment has as many ready pods as before."""

import time
from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform
from plugins.bench.pods.small_cluster import PODS, SmallCluster, small_cluster

_TRIES = 60
_REPLICAS = 3


class PodRecovery:
    """As chaos tools kill a pod; seen as any client sees it, by asking the API. At least sixty tries."""

    name: ClassVar[str] = "pod_recovery"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = False

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        del platform
        with small_cluster() as (runner, cluster):
            runner.run(cluster.serve(_REPLICAS))
            for _ in range(max(repeats, _TRIES)):
                yield runner.run(_replaced(cluster))


async def _replaced(cluster: SmallCluster) -> float:
    gone = (await cluster.pods())[0]["metadata"]
    began = time.monotonic()
    await cluster.api("DELETE", f"{PODS}/{gone['name']}?gracePeriodSeconds=0")
    await cluster.until_ready(_REPLICAS, without=frozenset({gone["uid"]}))
    return time.monotonic() - began

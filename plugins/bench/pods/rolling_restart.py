"""Requests that fail while every pod of a Deployment is replaced, a hundred a second at its Service's address.

None when pods go on serving until nobody is sent to them any more (preStop); some when they do not, as on AWS.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.pods.load import offered
from plugins.bench.pods.small_cluster import DEPLOYMENT, SmallCluster, small_cluster

_RATE = 100.0
_REPLICAS = 4
_PRE_STOP = {"lifecycle": {"preStop": {"sleep": {"seconds": 15}}}}


class _RestartFailures:
    """Of one `kubectl rollout restart` each."""

    unit: ClassVar[str] = "requests"
    needs_platform: ClassVar[bool] = False
    container: ClassVar[Any]

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        del platform
        with small_cluster() as (runner, cluster):
            address = runner.run(cluster.serve(_REPLICAS, **self.container))
            for _ in range(repeats):
                yield runner.run(_restarted(cluster, address))


class RestartFailures(_RestartFailures):
    """With a preStop hook of 15 s, 0.3 s at this pace."""

    name: ClassVar[str] = "rolling_restart_failures"
    container: ClassVar[Any] = _PRE_STOP


class RestartFailuresWithoutHook(_RestartFailures):
    """Without one: what the hook is for."""

    name: ClassVar[str] = "rolling_restart_failures_without_hook"
    container: ClassVar[Any] = {}


async def _restarted(cluster: SmallCluster, address: str) -> float:
    before = frozenset(each["metadata"]["uid"] for each in await cluster.pods())
    stamp = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
    async with offered(address, 8080, _RATE) as seen:
        await cluster.api("PATCH", DEPLOYMENT, {"spec": {"template": {"metadata": {"annotations": stamp}}}})
        await cluster.until_ready(_REPLICAS, without=before)
    if not seen.asked:
        raise EnvironmentFault("the restart was over before anything was asked")
    return float(seen.failed)

"""Requests through the load balancer that fail while every pod of the services is replaced.

    kubectl rollout restart ──▶ new pod ready once its target is healthy ──▶ old one deregistered, preStop, then SIGTERM

None when the manifests' readiness gates, preStop hooks and grace do what they are for. The services wait for their last
request by themselves, too: some fail when they do not (resilience "off") and have no hook either.
"""

import tempfile
import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import NAMESPACE
from plugins.chaos.fault import Patience
from plugins.chaos.targets import eks
from plugins.load.arrivals import Constant
from plugins.load.journeys import LookUp
from plugins.load.plan import LoadPlan
from plugins.load.result import Window
from plugins.load.runner import start_at
from services.catalog import services_on

OFFERED = 100.0
"""Questions a second."""
_WARM_UP_S, _AFTER_S = 3.0, 3.0
"""Before the restart, and after it: the last of the old pods end meanwhile."""
_LONGEST_S = 240.0


class ServiceRestartFailures:
    """Of one restart each of all services on EKS, side by side. What got no answer counts, too."""

    name: ClassVar[str] = "service_restart_failures"
    unit: ClassVar[str] = "requests"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                window = _restarted(platform, Path(folder))
            if not window.good.total:
                raise EnvironmentFault(f"none of {window.due} requests was answered well: the services do not serve")
            yield float(window.due - window.good.total)


def _restarted(platform: Platform, folder: Path) -> Window:
    load = LoadPlan(arrivals=Constant(per_s=OFFERED, duration_s=_LONGEST_S), journey=LookUp.name)
    with start_at(load, platform.endpoint("alb"), folder) as run:
        time.sleep(_WARM_UP_S)
        _restart(platform)
        time.sleep(_AFTER_S)
        ended = time.time()
        time.sleep(_AFTER_S)  # the last ones that count have their answers
        run.stop()
        return run.result().window(run.started_at + _WARM_UP_S, ended)


def _restart(platform: Platform) -> None:
    """As `kubectl rollout restart deployment` and `rollout status` do it."""
    cluster, services = platform.kubernetes(), services_on("eks")
    former = {pod.metadata.uid for pod in eks.pods_of(cluster, services)}
    stamp = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
    for service in services:
        change = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
        cluster.apps.patch_namespaced_deployment(service.name, NAMESPACE, change)
    Patience(deadline_s=_LONGEST_S / 2).until_clear(lambda: _left(platform, former))


def _left(platform: Platform, former: Collection[str]) -> str | None:
    """What is left to do: a pod of `former`, by uid, to replace, or a new one to get ready."""
    old = [pod for pod in eks.pods_of(platform.kubernetes(), services_on("eks")) if pod.metadata.uid in former]
    if old:
        return f"pods are not replaced: {', '.join(map(eks.key, old))}"
    return eks.missing(platform, eks.behind(platform, services_on("eks")))

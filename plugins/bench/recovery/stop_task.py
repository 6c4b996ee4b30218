"""From `ecs.stop_task`'s return until the service has all its targets healthy again without the stopped one."""

import time
from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from services.catalog import services_on

_SERVICE = services_on("ecs")[0]
_DEADLINE_S = 30.0


class StopTaskRecovery:
    """Observed as any client would, through `describe_target_health`."""

    name: ClassVar[str] = "stop_task_recovery"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        ecs, cluster = platform.client("ecs"), platform.output("ClusterName")
        for _ in range(repeats):
            before = healthy(platform)
            task = ecs.list_tasks(cluster=cluster, serviceName=platform.output(_SERVICE.key("ServiceName")))[
                "taskArns"
            ][0]
            ecs.stop_task(cluster=cluster, task=task, reason="make bench")
            stopped = time.monotonic()
            _until_replaced(platform, before, stopped)
            yield time.monotonic() - stopped


def healthy(platform: Platform) -> frozenset[tuple[str, int]]:
    """Address and port of every healthy target of the service."""
    found = platform.client("elbv2").describe_target_health(
        TargetGroupArn=platform.output(_SERVICE.key("TargetGroupArn"))
    )
    return frozenset(
        (one["Target"]["Id"], one["Target"]["Port"])
        for one in found["TargetHealthDescriptions"]
        if one["TargetHealth"]["State"] == "healthy"
    )


def _until_replaced(platform: Platform, before: frozenset[tuple[str, int]], since: float) -> None:
    while time.monotonic() - since < _DEADLINE_S:
        now = healthy(platform)
        if len(now) >= len(before) and now != before:
            return
    raise EnvironmentFault(f"no healthy replacement within {_DEADLINE_S:g} s of stop_task")

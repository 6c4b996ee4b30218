"""From `ec2.terminate_instances`'s return until the group has as many in service and healthy as before."""

import time
from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.chaos.targets import ecs, workers, zones
from services.catalog import services_on

_SERVICE = services_on("ec2")[0]
_DEADLINE_S = 60.0
_LOOK_S = 0.02


class InstanceRecovery:
    """Observed as any client would: in service by the group's word, healthy by the target group's."""

    name: ClassVar[str] = "instance_recovery"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        for _ in range(repeats):
            before = serving(platform)
            gone = min(before)
            platform.client("ec2").terminate_instances(InstanceIds=[gone])
            terminated = time.monotonic()
            _until_replaced(platform, gone, len(before), terminated)
            yield time.monotonic() - terminated


def serving(platform: Platform) -> frozenset[str]:
    """The group's instances that are in service, and get requests."""
    group = zones.group(platform, platform.output(_SERVICE.key("AutoScalingGroupName")))
    healthy = ecs.healthy(platform, platform.output(_SERVICE.key("TargetGroupArn")))
    return frozenset(workers.in_service(group)) & {target.rpartition(":")[0] for target in healthy}


def _until_replaced(platform: Platform, gone: str, count: int, since: float) -> None:
    while time.monotonic() - since < _DEADLINE_S:
        now = serving(platform)
        if gone not in now and len(now) >= count:
            return
        time.sleep(_LOOK_S)
    raise EnvironmentFault(f"no replacement of {gone} is in service within {_DEADLINE_S:g} s of terminate_instances")

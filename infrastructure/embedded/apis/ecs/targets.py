"""The target groups as the ECS scheduler uses them: it registers its tasks, takes them out, and asks how they are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from infrastructure.embedded.apis.ecs.schedule import Health
from infrastructure.embedded.network.envoy.model import LOOPBACK

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends

_HEALTH: dict[str, Health] = {"healthy": "healthy", "unhealthy": "unhealthy"}


@dataclass(frozen=True, slots=True)
class Target:
    """A task in a target group."""

    group: str
    port: int


class Targets:
    """Over one region's load balancing. `changed` is called after each change."""

    def __init__(self, backends: "Backends", changed: Callable[[], None]) -> None:
        self._backend = backends.elbv2
        self._call = partial(backends.operations.call, "elasticloadbalancing")
        self._changed = changed

    def register(self, target: Target) -> bool:
        """Register it; False when the target group is gone."""
        if target.group not in self._backend.target_groups:
            return False
        self._call("RegisterTargets", TargetGroupArn=target.group, Targets=[_described(target)])
        self._changed()
        return True

    def deregister(self, target: Target) -> None:
        """Take it out, if nobody else has."""
        if self._state(target) is None:
            return
        self._call("DeregisterTargets", TargetGroupArn=target.group, Targets=[_described(target)])
        self._changed()

    def health(self, target: Target) -> Health:
        """What the load balancer says of it. One that somebody took out gets no requests and counts as initial."""
        return _HEALTH.get(self._state(target) or "", "initial")

    def _state(self, target: Target) -> str | None:
        """The target's state, None when it is not in the group or on its way out."""
        if target.group not in self._backend.target_groups:
            return None
        for found in self._call("DescribeTargetHealth", TargetGroupArn=target.group)["TargetHealthDescriptions"]:
            if found["Target"] == _described(target):
                state = str(found["TargetHealth"]["State"])
                return None if state == "draining" else state
        return None


def _described(target: Target) -> dict[str, object]:
    return {"Id": LOOPBACK, "Port": target.port}

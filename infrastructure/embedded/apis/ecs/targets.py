"""The target groups as the ECS scheduler uses them: it registers its tasks, takes them out, and asks how they are.

By the calls that anybody makes; a target group may be gone at any time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.ecs.schedule import Health
from infrastructure.embedded.gateway.operations import Operations, Output
from infrastructure.embedded.network.envoy.model import LOOPBACK

_HEALTH: dict[str, Health] = {"healthy": "healthy", "unhealthy": "unhealthy"}


@dataclass(frozen=True, slots=True)
class Target:
    """A task in a target group."""

    group: str
    port: int


class Targets:
    """Over the load balancing API. `groups` are the target groups that there are, by ARN."""

    def __init__(self, operations: Operations, groups: Mapping[str, Any]) -> None:
        self._operations = operations
        self._groups = groups

    def register(self, target: Target) -> bool:
        """Register it; False when the target group is gone."""
        return self._call("RegisterTargets", target) is not None

    def deregister(self, target: Target) -> None:
        """Take it out, if nobody else has."""
        self._call("DeregisterTargets", target)

    def health(self, target: Target) -> Health:
        """What the load balancer says of it. One that somebody took out gets no requests and counts as initial."""
        output = self._call("DescribeTargetHealth", target) or {}
        states = [each["TargetHealth"]["State"] for each in output.get("TargetHealthDescriptions", ())]
        return _HEALTH.get(states[0], "initial") if states else "initial"

    def _call(self, name: str, target: Target) -> Output | None:
        if target.group not in self._groups:
            return None
        described = [{"Id": LOOPBACK, "Port": target.port}]
        return self._operations.call("elasticloadbalancing", name, TargetGroupArn=target.group, Targets=described)

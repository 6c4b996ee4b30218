"""The target groups as the ECS scheduler uses them: it registers its tasks, takes them out, and asks how they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.ecs.schedule import Health
from infrastructure.embedded.network.envoy.model import LOOPBACK

_HEALTH: dict[str, Health] = {"healthy": "healthy", "unhealthy": "unhealthy"}


@dataclass(frozen=True, slots=True)
class Target:
    """A task in a target group."""

    group: str
    port: int


class Targets:
    """Over moto's load balancing records of one region. `changed` is called after each change."""

    def __init__(self, backend: Any, changed: Callable[[], None]) -> None:  # a moto back end, which has no types
        self._backend = backend
        self._changed = changed

    def register(self, target: Target) -> bool:
        """Register it; False when the target group is gone."""
        if target.group not in self._backend.target_groups:
            return False
        self._backend.register_targets(target.group, [_described(target)])
        self._changed()
        return True

    def deregister(self, target: Target) -> None:
        """Take it out, if nobody else has."""
        if self._state(target) is None:
            return
        self._backend.deregister_targets(target.group, [_described(target)])
        self._changed()

    def health(self, target: Target) -> Health:
        """What the load balancer says of it. One that somebody took out gets no requests and counts as initial."""
        return _HEALTH.get(self._state(target) or "", "initial")

    def _state(self, target: Target) -> str | None:
        """The target's state, None when it is not in the group or on its way out."""
        if target.group not in self._backend.target_groups:
            return None
        for health in self._backend.describe_target_health(target.group, []):
            if (health.instance_id, int(health.port)) == (LOOPBACK, target.port):
                return None if health.status == "draining" else str(health.status)
        return None


def _described(target: Target) -> dict[str, object]:
    return {"Id": LOOPBACK, "Port": target.port}

"""The registered targets and their health: what RegisterTargets, DeregisterTargets and DescribeTargetHealth do.

Replaces `register_targets`, `deregister_targets` and `describe_target_health` of one `moto.elbv2.models.ELBv2Backend`
instance. Against moto 5.2 (`FakeTargetGroup.register`, `.deregister`, `.health_for`): a target is an address *and* a
port instead of an address alone, a deregistered one drains before it is gone, and health is what the checks found.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.elbv2.exceptions import TargetGroupNotFoundError, TargetNotRunning
from moto.elbv2.models import FakeHealthStatus

from infrastructure.embedded.apis.elbv2.record import Wire, groups_in_use, load_balancers, target_group
from infrastructure.embedded.network.envoy.model import Endpoint
from infrastructure.embedded.network.health import Health
from infrastructure.embedded.pace import Pace

_REGISTERING = Health(
    state="initial", reason="Elb.RegistrationInProgress", description="Target registration is in progress"
)
_NOT_IN_USE = Health(
    state="unused",
    reason="Target.NotInUse",
    description="Target group is not configured to receive traffic from the load balancer",
)
_NOT_REGISTERED = Health(
    state="unused",
    reason="Target.NotRegistered",
    description="Target is not registered to the target group",
)
_DRAINING = Health(
    state="draining",
    reason="Target.DeregistrationInProgress",
    description="Target deregistration is in progress",
)


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A target of a group, as AWS identifies it."""

    group: str
    id: str
    port: int

    def __str__(self) -> str:
        return f"{self.group.split('/')[1]} {self.id}:{self.port}"

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it listens; None for an address outside this machine, which is never contacted."""
        try:
            address = ipaddress.ip_address(self.id)
        except ValueError:
            return None
        return Endpoint(self.id, self.port) if address.version == 4 and address.is_loopback else None


class Targets:
    """The targets of every group of one back end. `health_of` tells what the checks know of one, None if unchecked."""

    def __init__(
        self,
        backend: Any,
        pace: Pace,
        health_of: Callable[[Target], Health | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._pace = pace
        self._health_of = health_of
        self._clock = clock
        self._registered: dict[Target, None] = {}
        self._draining: dict[Target, float] = {}
        backend.register_targets = self.register
        backend.deregister_targets = self.deregister
        backend.describe_target_health = self.describe

    # --- the three calls ----------------------------------------------------------------------------------------------

    def register(self, target_group_arn: str, instances: Sequence[Wire]) -> None:
        """Add targets; one that is registered stays as it is, one that drains comes back as a new one."""
        for target in self._named(target_group_arn, instances):
            self._refuse_stopped_instance(target.id)
            self._draining.pop(target, None)
            self._registered[target] = None
        self._mirror(target_group_arn)

    def deregister(self, target_group_arn: str, instances: Sequence[Wire]) -> None:
        """Begin to drain targets; without a port every target of that address. AWS ignores what is not registered."""
        delay_s = self._pace.seconds(target_group(self._group(target_group_arn)).deregistration_delay_s)
        asked = self._named(target_group_arn, [wire for wire in instances if "Port" in wire])
        whole = {str(wire["Id"]) for wire in instances if "Port" not in wire}
        asked += [target for target in self._of(target_group_arn) if target.id in whole]
        for target in asked:
            if target in self._registered:
                del self._registered[target]
                self._draining[target] = self._clock() + delay_s
        self._mirror(target_group_arn)

    def describe(self, target_group_arn: str, targets: Sequence[Wire]) -> list[FakeHealthStatus]:
        """The health of `targets`, or of all that are registered or draining."""
        group = self._group(target_group_arn)
        asked = self._named(target_group_arn, targets) if targets else self._of(target_group_arn)
        is_used = target_group_arn in groups_in_use(load_balancers(self._backend))
        return [self._status(target, group, is_used=is_used) for target in asked]

    # --- for the controller -------------------------------------------------------------------------------------------

    def registered(self, groups: Iterable[str]) -> tuple[Target, ...]:
        """The registered targets of these groups, in the order of their registration."""
        wanted = frozenset(groups)
        return tuple(target for target in self._registered if target.group in wanted)

    def forget_departed(self) -> float | None:
        """Drop what has drained and what belonged to deleted groups; seconds until the next one has drained."""
        now, groups = self._clock(), self._backend.target_groups
        self._draining = {t: end for t, end in self._draining.items() if end > now and t.group in groups}
        self._registered = {target: None for target in self._registered if target.group in groups}
        return min(self._draining.values()) - now if self._draining else None

    def health(self, target: Target, *, is_used: bool) -> Health:
        """What AWS would say of `target`, whose group a load balancer sends to when `is_used`."""
        if target in self._draining:
            return _DRAINING if self._draining[target] > self._clock() else _NOT_REGISTERED
        if target not in self._registered:
            return _NOT_REGISTERED
        if not is_used:
            return _NOT_IN_USE
        return self._health_of(target) or _REGISTERING

    # --- between the wire and data ------------------------------------------------------------------------------------

    def _group(self, arn: str) -> Any:
        group = self._backend.target_groups.get(arn)
        if group is None:
            raise TargetGroupNotFoundError
        return group

    def _named(self, arn: str, wires: Iterable[Wire]) -> list[Target]:
        default_port = self._group(arn).port
        return [Target(arn, str(wire["Id"]), int(wire.get("Port") or default_port)) for wire in wires]

    def _of(self, arn: str) -> list[Target]:
        now = self._clock()
        draining = [target for target, end in self._draining.items() if target.group == arn and end > now]
        return [*self.registered((arn,)), *draining]

    def _refuse_stopped_instance(self, target_id: str) -> None:
        if not target_id.startswith("i-"):
            return
        instance = self._backend.ec2_backend.get_instance_by_id(target_id)
        if instance is not None and instance.state != "running":
            raise TargetNotRunning(instance_id=target_id)

    def _mirror(self, arn: str) -> None:
        """Keep moto's own record complete: other parts of moto read it."""
        records: Mapping[str, object] = {
            f"{target.id}:{target.port}": {"Id": target.id, "Port": target.port} for target in self.registered((arn,))
        }
        group = self._group(arn)
        group.targets.clear()
        group.targets.update(records)

    def _status(self, target: Target, group: Any, *, is_used: bool) -> FakeHealthStatus:
        health = self.health(target, is_used=is_used)
        configured = str(group.health_check_port or "traffic-port")
        port = str(target.port) if configured == "traffic-port" else configured
        return FakeHealthStatus(
            target.id, target.port, port, health.state, health.reason or None, health.description or None
        )

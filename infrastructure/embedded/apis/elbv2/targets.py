"""The registered targets and their health: RegisterTargets, DeregisterTargets and DescribeTargetHealth.

Against moto 5.2 (`FakeTargetGroup.register`, `.deregister`, `.health_for`): a target is an address *and* a port instead
of an address alone, a deregistered one drains before it is gone, and health is what the checks found.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded import lags
from infrastructure.embedded.apis.elbv2.record import Wire, groups_in_use, load_balancers, target_group
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused
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
_NOT_RUNNING = Health(state="unused", reason="Target.InvalidState", description="Target is in the stopped state")
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
    def is_instance(self) -> bool:
        return self.id.startswith("i-")

    @property
    def address(self) -> Endpoint | None:
        """Where a target by address listens; None for one outside this machine, which is never contacted."""
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
        instance_endpoint: Callable[[str], Endpoint | None] = lambda _instance: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._pace = pace
        self._health_of = health_of
        self._instance_endpoint = instance_endpoint
        self._clock = clock
        self._registered: dict[Target, None] = {}
        self._draining: dict[Target, float] = {}
        self._late: dict[Target, tuple[Health, float]] = {}
        """Deregistered ones that still get requests, as who they were, until when."""

    # --- the three calls ----------------------------------------------------------------------------------------------

    @operation("RegisterTargets", effect="health checks start; a healthy target gets requests")
    def _register(self, given: Members) -> None:
        """One that is registered stays as it is, one that drains comes back as a new one."""
        arn = given["TargetGroupArn"]
        for target in self._named(arn, given["Targets"]):
            self._refuse_stopped_instance(target.id)
            self._draining.pop(target, None)
            self._registered[target] = None
        self._mirror(arn)

    @operation("DeregisterTargets", effect="no new requests after a moment; drains, then is gone")
    def _deregister(self, given: Members) -> None:
        """Without a port every target of that address drains. AWS ignores what is not registered."""
        arn, wires = given["TargetGroupArn"], given["Targets"]
        delay_s = self._pace.seconds(target_group(self._group(arn)).deregistration_delay_s)
        asked = self._named(arn, [wire for wire in wires if "Port" in wire])
        whole = {str(wire["Id"]) for wire in wires if "Port" not in wire}
        asked += [target for target in self._of(arn) if target.id in whole]
        now, late_s = self._clock(), lags.DEREGISTERED_TARGET.at(self._pace)
        for target in asked:
            if target in self._registered:
                del self._registered[target]
                self._draining[target] = now + delay_s
                health = self._health_of(target)
                if health is not None:
                    self._late[target] = health, now + late_s
        self._mirror(arn)

    @operation("DescribeTargetHealth", effect="answers what the health checks found")
    def _describe(self, given: Members) -> Output:
        """Of the targets that are asked for, or of all that are registered or draining."""
        arn = given["TargetGroupArn"]
        group = self._group(arn)
        asked = self._named(arn, given["Targets"]) if given.get("Targets") else self._of(arn)
        is_used = arn in groups_in_use(load_balancers(self._backend))
        return {"TargetHealthDescriptions": [self._described(target, group, is_used=is_used) for target in asked]}

    # --- for the controller -------------------------------------------------------------------------------------------

    def registered(self, groups: Iterable[str]) -> tuple[Target, ...]:
        """The registered targets of these groups, in the order of their registration."""
        wanted = frozenset(groups)
        return tuple(target for target in self._registered if target.group in wanted)

    def forget_departed(self) -> float | None:
        """Drop what has drained and what belonged to deleted groups; seconds until the next one is through."""
        now, groups = self._clock(), self._backend.target_groups
        self._draining = {t: end for t, end in self._draining.items() if end > now and t.group in groups}
        self._late = {t: late for t, late in self._late.items() if late[1] > now and t.group in groups}
        self._registered = {target: None for target in self._registered if target.group in groups}
        ends = [*self._draining.values(), *(end for _, end in self._late.values())]
        return min(ends) - now if ends else None

    def serving(self, group: str) -> tuple[Endpoint, ...]:
        """Who gets its requests: the healthy, or for want of them the unhealthy; late ones are what they were."""
        now, by_state = self._clock(), dict[str, set[Endpoint]]()
        late = [(target, health) for target, (health, end) in self._late.items() if target.group == group and end > now]
        for target, health in (*((t, self._health_of(t)) for t in self.registered((group,))), *late):
            endpoint = self.endpoint(target)
            if endpoint is not None and health is not None:
                by_state.setdefault(health.state, set()).add(endpoint)
        return tuple(sorted(by_state.get("healthy") or by_state.get("unhealthy") or ()))

    def weights(self, group: str, endpoints: Sequence[Endpoint]) -> tuple[int, ...]:
        """Of endpoints of a group whose load balancer keeps to its zones: every zone gets as much as each other one.

        A node sends to the targets of its zone alone, and clients use all nodes that have some. Those whose zone is not
        known are together in one.
        """
        places = {
            each: self._zone_of(target) for target in self.registered((group,)) if (each := self.endpoint(target))
        }
        crowd = Counter(places.get(each, "") for each in endpoints)
        whole = math.lcm(*crowd.values())
        return tuple(whole // crowd[places.get(each, "")] for each in endpoints)

    def _zone_of(self, target: Target) -> str:
        instance = self._backend.ec2_backend.get_instance_by_id(target.id) if target.is_instance else None
        return str(instance.availability_zone) if instance is not None else ""

    def endpoint(self, target: Target) -> Endpoint | None:
        """Where the target listens; None while it is nowhere."""
        return self._instance_endpoint(target.id) if target.is_instance else target.address

    def health(self, target: Target, *, is_used: bool) -> Health:
        """What AWS would say of `target`, whose group a load balancer sends to when `is_used`."""
        if target in self._draining:
            return _DRAINING if self._draining[target] > self._clock() else _NOT_REGISTERED
        if target not in self._registered:
            return _NOT_REGISTERED
        if not is_used:
            return _NOT_IN_USE
        if target.is_instance and self.endpoint(target) is None:
            return _NOT_RUNNING
        return self._health_of(target) or _REGISTERING

    # --- between the wire and data ------------------------------------------------------------------------------------

    def _group(self, arn: str) -> Any:
        group = self._backend.target_groups.get(arn)
        if group is None:
            raise Refused("TargetGroupNotFound", "One or more target groups not found")
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
            text = f"The following targets are not in a running state and cannot be registered: '{target_id}'"
            raise Refused("InvalidTarget", text)

    def _mirror(self, arn: str) -> None:
        """Keep moto's own record complete: other parts of moto read it."""
        records: Mapping[str, object] = {
            f"{target.id}:{target.port}": {"Id": target.id, "Port": target.port} for target in self.registered((arn,))
        }
        group = self._group(arn)
        group.targets.clear()
        group.targets.update(records)

    def _described(self, target: Target, group: Any, *, is_used: bool) -> Output:
        health = self.health(target, is_used=is_used)
        configured = str(group.health_check_port or "traffic-port")
        return {
            "Target": {"Id": target.id, "Port": target.port},
            "HealthCheckPort": str(target.port) if configured == "traffic-port" else configured,
            "TargetHealth": {
                "State": health.state,
                "Reason": health.reason or None,
                "Description": health.description or None,
            },
        }

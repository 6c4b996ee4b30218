"""Target groups, and the targets that are registered in them: addresses, instances, or one Application Load Balancer.

Only healthy targets get requests; when all are unhealthy, all of them do. A deregistered one gets none any more: it is
DRAINING while what is under way there comes to its end. A group of load balancers is not checked: UNAVAILABLE. AWS
lists no reason codes: these are the ones of load balancers' targets.
Sources: https://docs.aws.amazon.com/vpc-lattice/latest/ug/target-groups.html
https://docs.aws.amazon.com/vpc-lattice/latest/ug/target-group-health-checks.html
"""

import ipaddress
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.vpc_lattice.record import LatticeTargetGroup, now
from infrastructure.embedded.apis.vpc_lattice.store import (
    Store,
    conflict,
    invalid,
    listed,
    require_new_name,
    require_room,
)
from infrastructure.embedded.control.context import Couplings
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.network.envoy.model import Endpoint
from infrastructure.embedded.network.health import Health
from infrastructure.embedded.pace import Pace

DRAINING_S = 300.0
"""The default draining time; no call changes it."""
_PORTS = {"HTTP": 80, "HTTPS": 443}
_CHECK = {
    "protocol": "HTTP",
    "protocolVersion": "HTTP1",
    "path": "/",
    "healthCheckIntervalSeconds": 30,
    "healthCheckTimeoutSeconds": 5,
    "healthyThresholdCount": 5,
    "unhealthyThresholdCount": 2,
    "matcher": {"httpCode": "200"},
}
"""What health checks are unless it is said; a number of 0 stands for these, too."""


@dataclass(frozen=True, slots=True, order=True)
class LatticeTarget:
    """A target of a group (its id), as AWS identifies it."""

    group: str
    id: str
    port: int

    def __str__(self) -> str:
        return f"{self.group} {self.id}:{self.port}"

    @property
    def wire(self) -> dict[str, object]:
        return {"id": self.id, "port": self.port}


class TargetGroups:
    """Answers about target groups and targets. `health_of` tells what the checks know of one, None if unchecked."""

    def __init__(
        self,
        store: Store,
        ec2: Any,
        elbv2: Any,
        pace: Pace,
        health_of: Callable[[LatticeTarget], Health | None],
        couplings: Couplings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._ec2 = ec2
        self._elbv2 = elbv2
        self._pace = pace
        self._health_of = health_of
        self._couplings = couplings
        self._clock = clock
        self._registered: dict[LatticeTarget, None] = {}
        self._draining: dict[LatticeTarget, float] = {}

    # --- target groups ------------------------------------------------------------------------------------------------

    @operation("CreateTargetGroup", effect="targets can be registered")
    def create_group(self, given: Members) -> Output:
        kept, config = self._store.groups, dict(given["config"])
        require_new_name(kept.values(), given["name"], "TARGET_GROUP")
        require_room("target groups per region", len(kept) + 1)
        if config["vpcIdentifier"] not in self._ec2.vpcs:
            raise invalid("config.vpcIdentifier", f"VPC {config['vpcIdentifier']} does not exist")
        made = LatticeTargetGroup(
            **self._store.new("targetgroup", "tg"),
            name=given["name"],
            status="CREATE_IN_PROGRESS",
            type=given["type"],
            config=_whole(config, given["type"]),
            tags=dict(given.get("tags") or {}),
        )
        kept[made.id] = made
        return self._told(made)

    @operation("GetTargetGroup")
    def get_group(self, given: Members) -> Output:
        return self._told(self._store.group(given["targetGroupIdentifier"]))

    @operation("ListTargetGroups")
    def list_groups(self, given: Members) -> Output:
        found = [
            each.stamped(type=each.type, status=each.status, serviceArns=self._users(each), **_summary(each.config))
            for each in self._store.groups.values()
            if given.get("targetGroupType") in (None, each.type)
            and given.get("vpcIdentifier") in (None, each.config["vpcIdentifier"])
        ]
        return listed(found, given)

    @operation("UpdateTargetGroup", effect="health checks change")
    def update_group(self, given: Members) -> Output:
        group = self._store.group(given["targetGroupIdentifier"])
        if group.type == "ALB":
            raise invalid("healthCheck", "Health checks are not supported for target groups of type ALB")
        group.config["healthCheck"] = _check(group.config["healthCheck"], given["healthCheck"])
        group.updated = now()
        return self._told(group)

    @operation("DeleteTargetGroup", effect="it is gone")
    def delete_group(self, given: Members) -> Output:
        group = self._store.group(given["targetGroupIdentifier"])
        if self._users(group):
            raise conflict(group, "TARGET_GROUP", f"Target group {group.id} is in use by a listener or a rule")
        if self._of(group.id):
            text = f"Target group {group.id} has registered or draining targets: deregister them first"
            raise conflict(group, "TARGET_GROUP", text)
        group.status = "DELETE_IN_PROGRESS"
        return self._told(group)

    def _told(self, group: LatticeTargetGroup) -> dict[str, object]:
        users = self._users(group)
        return group.stamped(type=group.type, config=group.config, status=group.status, serviceArns=users)

    def _users(self, group: LatticeTargetGroup) -> list[str]:
        return [each.arn for each in self._store.services.values() if each.is_there and group.id in each.groups]

    # --- targets ------------------------------------------------------------------------------------------------------

    @operation("RegisterTargets", effect="health checks start; a healthy target gets requests")
    def register(self, given: Members) -> Output:
        """One that is registered stays as it is, one that drains comes back as a new one."""
        group = self._store.group(given["targetGroupIdentifier"])
        asked = self._named(group, given["targets"])
        for target in asked:
            self._require_possible(group, target)
        standing = {target for target in self._registered if target.group == group.id}
        if group.type == "ALB" and len(standing | set(asked)) > 1:
            raise invalid("targets", "A target group of type ALB has one target at most")
        require_room("targets per target group", len(standing | set(asked)))
        for target in asked:
            self._draining.pop(target, None)
            self._registered[target] = None
        return {"successful": [target.wire for target in asked], "unsuccessful": []}

    @operation("DeregisterTargets", effect="no new requests from now on; drains, then is gone")
    def deregister(self, given: Members) -> Output:
        """In a group that no service uses nothing can be under way."""
        group = self._store.group(given["targetGroupIdentifier"])
        asked = self._named(group, given["targets"])
        unknown = [target for target in asked if target not in self._registered]
        is_used = bool(self._users(group))
        for target in asked:
            if self._registered.pop(target, 0) is None and is_used:
                self._draining[target] = self._clock() + self._pace.seconds(DRAINING_S)
        failures = [{**t.wire, "failureCode": "TargetNotFound", "failureMessage": _NOT_HERE} for t in unknown]
        return {"successful": [t.wire for t in asked if t not in unknown], "unsuccessful": failures}

    @operation("ListTargets", effect="answers what the health checks found")
    def list_targets(self, given: Members) -> Output:
        group = self._store.group(given["targetGroupIdentifier"])
        standing = self._of(group.id)
        if given.get("targets"):
            asked = self._named(group, given["targets"])
            standing = [target for target in standing if target in asked]
        is_used = bool(self._users(group))
        return listed([self._described(target, group, is_used=is_used) for target in standing], given)

    # --- for the controller -------------------------------------------------------------------------------------------

    def registered(self, group: str) -> tuple[LatticeTarget, ...]:
        return tuple(target for target in self._registered if target.group == group)

    def is_used(self, group: LatticeTargetGroup) -> bool:
        return bool(self._users(group))

    def forget_departed(self) -> float | None:
        """Drop what has drained and what belonged to deleted groups; seconds until the next one is through."""
        now_s, groups = self._clock(), self._store.groups
        self._draining = {t: end for t, end in self._draining.items() if end > now_s and t.group in groups}
        self._registered = {target: None for target in self._registered if target.group in groups}
        return min(self._draining.values()) - now_s if self._draining else None

    def serving(self, group: LatticeTargetGroup) -> tuple[Endpoint, ...]:
        """Who gets its requests: the healthy, or for want of them the unhealthy; all where there are no checks."""
        by_state: dict[str, set[Endpoint]] = {}
        for target in self.registered(group.id):
            endpoint, health = self.endpoint(target, group), self._health_of(target)
            if endpoint is not None:
                state = health.state if health is not None and group.is_checked else "unchecked"
                by_state.setdefault(state, set()).add(endpoint)
        kinds = ("healthy", "unhealthy") if group.is_checked else ("unchecked",)
        return tuple(sorted(next((by_state[kind] for kind in kinds if kind in by_state), ())))

    def endpoint(self, target: LatticeTarget, group: LatticeTargetGroup) -> Endpoint | None:
        """Where the target listens; None while it is nowhere, or outside this machine."""
        if group.type == "ALB":
            return self._couplings.balancer_endpoint(target.id, target.port)
        if group.type == "INSTANCE":
            return self._couplings.instance_endpoint(target.id)
        return Endpoint(target.id, target.port) if ipaddress.IPv4Address(target.id).is_loopback else None

    # --- between the wire and data ------------------------------------------------------------------------------------

    def _named(self, group: LatticeTargetGroup, wires: Iterable[Members]) -> list[LatticeTarget]:
        default_port = group.config["port"]
        return [LatticeTarget(group.id, str(wire["id"]), int(wire.get("port") or default_port)) for wire in wires]

    def _of(self, group: str) -> list[LatticeTarget]:
        now_s = self._clock()
        draining = [target for target, end in self._draining.items() if target.group == group and end > now_s]
        return [*self.registered(group), *draining]

    def _require_possible(self, group: LatticeTargetGroup, target: LatticeTarget) -> None:
        match group.type:
            case "ALB":
                self._require_balancer(group, target)
            case "INSTANCE":
                instance = self._ec2.get_instance_by_id(target.id) if target.id.startswith("i-") else None
                if instance is None or instance.state != "running":
                    raise invalid("targets", f"Instance {target.id} does not exist or is not running")
            case _:
                self._require_address(target.id)

    def _require_balancer(self, group: LatticeTargetGroup, target: LatticeTarget) -> None:
        found = self._elbv2.load_balancers.get(target.id)
        if found is None or found.type != "application" or found.vpc_id != group.config["vpcIdentifier"]:
            vpc = group.config["vpcIdentifier"]
            raise invalid("targets", f"{target.id} is no Application Load Balancer in {vpc}, the VPC of {group.id}")
        if target.port not in [int(each.port) for each in found.listeners.values()]:
            raise invalid("targets", f"Load balancer {target.id} has no listener on port {target.port}")

    @staticmethod
    def _require_address(text: str) -> None:
        try:
            ipaddress.IPv4Address(text)
        except ValueError as problem:
            raise invalid("targets", f"{text} is not an IPv4 address") from problem

    def _described(self, target: LatticeTarget, group: LatticeTargetGroup, *, is_used: bool) -> dict[str, object]:
        status, reason = self._status(target, group, is_used=is_used)
        return {**target.wire, "status": status, **({"reasonCode": reason} if reason else {})}

    def _status(self, target: LatticeTarget, group: LatticeTargetGroup, *, is_used: bool) -> tuple[str, str]:
        if target in self._draining:
            return "DRAINING", "DeregistrationInProgress"
        if not is_used:
            return "UNUSED", "NotInUse"
        if not group.is_checked:
            return "UNAVAILABLE", "HealthCheckDisabled"
        health = self._health_of(target)
        if health is None or health.state == "initial":
            return "INITIAL", "InitialHealthChecking"
        return health.state.upper(), health.reason.rpartition(".")[2]


_NOT_HERE = "The target is not registered with the target group"


def _whole(config: dict[str, Any], kind: str) -> dict[str, Any]:
    """With every default."""
    protocol = config.get("protocol", "HTTP")
    whole = {**config, "protocol": protocol, "port": config.get("port", _PORTS[protocol])}
    whole.setdefault("protocolVersion", "HTTP1")
    if kind == "IP":
        whole.setdefault("ipAddressType", "IPV4")
    if kind != "ALB":
        whole["healthCheck"] = _check({"enabled": True, **_CHECK}, config.get("healthCheck") or {})
    return whole


def _check(standing: Members, given: Members) -> dict[str, Any]:
    """Health checks after a change; a number of 0, or an empty text, resets its setting."""
    changed = {name: value or _CHECK.get(name) for name, value in given.items() if name != "enabled"}
    on = given.get("enabled", standing.get("enabled"))
    whole = {**standing, **changed, "enabled": on}
    return {name: value for name, value in whole.items() if value is not None}


def _summary(config: Members) -> dict[str, Any]:
    return {name: config.get(name) for name in ("port", "protocol", "ipAddressType", "vpcIdentifier")}

"""What moto's records say of load balancers, as frozen data; the one place that knows moto's attribute names.

Read from `moto.elbv2.models` 5.2: FakeLoadBalancer, FakeListener, FakeListenerRule, FakeTargetGroup. Conditions and
actions are in the shape in which they came over the wire.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_DEREGISTRATION_DELAY_S = 300.0
DEFAULT_IDLE_TIMEOUT_S = 60.0
CARRIED = frozenset({("application", "HTTP"), ("network", "TCP")})
"""The listeners that listen: their load balancer's type, and their protocol."""
USE_BALANCERS = "use_load_balancer_configuration"
CROSS_ZONE = "load_balancing.cross_zone.enabled"
ALGORITHMS = ("round_robin", "least_outstanding_requests")

Wire = Mapping[str, Any]
"""A condition or action as an AWS client sent it: nested dictionaries in AWS's spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRecord:
    """One rule: its conditions (none in the default rule) and its actions, of which the last one routes."""

    arn: str
    conditions: tuple[Wire, ...]
    actions: tuple[Wire, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerRecord:
    """One listener with its rules in the order in which they are tried; the last one is the default rule."""

    arn: str
    protocol: str
    port: int
    rules: tuple[RuleRecord, ...]

    @property
    def identifier(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerRecord:
    """One load balancer; `full_name` as CloudWatch's dimension has it: `app/<name>/<id>`; `address` is its DNSName."""

    arn: str
    name: str
    address: str
    type: str
    idle_timeout_s: float
    is_cross_zone: bool
    is_internal: bool
    listeners: tuple[ListenerRecord, ...]

    @property
    def full_name(self) -> str:
        return self.arn.rpartition(":loadbalancer/")[2]

    @property
    def group(self) -> str:
        """Its name in Envoy's statistics."""
        return self.full_name.replace("/", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroupRecord:
    """One target group; lengths in seconds, as configured. `full_name` as CloudWatch's dimension has it."""

    arn: str
    protocol: str
    health_protocol: str
    health_path: str
    health_port: str
    interval_s: float
    timeout_s: float
    healthy_threshold: int
    unhealthy_threshold: int
    codes: str
    deregistration_delay_s: float
    algorithm: str
    cross_zone: str = USE_BALANCERS
    """`true`, `false`, or as its load balancer has it."""

    @property
    def full_name(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def upstream(self) -> str:
        """Its name in the data plane."""
        _, name, identifier = self.full_name.split("/")
        return f"tg-{name}-{identifier}"


def load_balancers(backend: Any) -> tuple[LoadBalancerRecord, ...]:
    """All load balancers of a moto back end, oldest first."""
    return tuple(
        LoadBalancerRecord(
            arn=balancer.arn,
            name=balancer.name,
            address=balancer.dns_name,
            type=balancer.type,
            idle_timeout_s=float(balancer.attrs.get("idle_timeout.timeout_seconds", DEFAULT_IDLE_TIMEOUT_S)),
            is_cross_zone=balancer.type == "application" or balancer.attrs.get(CROSS_ZONE) == "true",
            is_internal=balancer.scheme == "internal",
            listeners=tuple(_listener(listener) for listener in balancer.listeners.values()),
        )
        for balancer in backend.load_balancers.values()
    )


def target_group(record: Any) -> TargetGroupRecord:
    """One moto target group, as data."""
    attributes = record.attributes
    delay = attributes.get("deregistration_delay.timeout_seconds", DEFAULT_DEREGISTRATION_DELAY_S)
    return TargetGroupRecord(
        arn=record.arn,
        protocol=record.protocol or "HTTP",
        health_protocol=record.health_check_protocol or record.protocol or "HTTP",
        health_path=record.health_check_path or "/",
        health_port=str(record.health_check_port or "traffic-port"),
        interval_s=float(record.health_check_interval_seconds),
        timeout_s=float(record.health_check_timeout_seconds),
        healthy_threshold=int(record.healthy_threshold_count),
        unhealthy_threshold=int(record.unhealthy_threshold_count),
        codes=str((getattr(record, "matcher", None) or {}).get("HttpCode") or "200"),
        deregistration_delay_s=float(delay),
        algorithm=str(attributes.get("load_balancing.algorithm.type", "round_robin")),
        cross_zone=str(attributes.get(CROSS_ZONE, USE_BALANCERS)),
    )


def groups_in_use(balancers: Iterable[LoadBalancerRecord]) -> Mapping[str, tuple[str, ...]]:
    """Target group ARN to the ARNs of the load balancers whose listeners or rules send to it."""
    found: dict[str, dict[str, None]] = {}
    for balancer in balancers:
        for group in _forwarded(balancer):
            found.setdefault(group, {})[balancer.arn] = None
    return {group: tuple(arns) for group, arns in found.items()}


def zonal(balancers: Iterable[LoadBalancerRecord], groups: Mapping[str, TargetGroupRecord]) -> frozenset[str]:
    """The target groups whose load balancer keeps to its zones; their own setting counts before its."""
    kept = {arn: balancer.is_cross_zone for balancer in balancers for arn in _forwarded(balancer)}
    own = {"true": True, "false": False}
    return frozenset(
        arn for arn, is_open in kept.items() if arn in groups and not own.get(groups[arn].cross_zone, is_open)
    )


def shares(action: Wire) -> tuple[tuple[str, int], ...]:
    """The target groups a forward action names, with their weights; a single one may be written either way."""
    config = action.get("ForwardConfig") or {}
    groups = config.get("TargetGroups") or ([action] if action.get("TargetGroupArn") else [])
    return tuple((str(group["TargetGroupArn"]), int(group.get("Weight", 1))) for group in groups)


def _forwarded(balancer: LoadBalancerRecord) -> Iterator[str]:
    for listener in balancer.listeners:
        for rule in listener.rules:
            for action in rule.actions:
                yield from (arn for arn, _ in shares(action))


def _listener(listener: Any) -> ListenerRecord:
    """Priorities arrive as numbers from an API call, as text from a template; the default rule has a word for it."""
    rules = sorted(listener.rules.values(), key=lambda rule: (bool(rule.is_default), _priority(rule.priority)))
    return ListenerRecord(
        arn=listener.arn,
        protocol=listener.protocol,
        port=int(listener.port),
        rules=tuple(
            RuleRecord(
                arn=rule.arn,
                conditions=tuple(rule.conditions),
                actions=tuple(action.data for action in rule.actions),
            )
            for rule in rules
        ),
    )


def _priority(priority: object) -> int:
    text = str(priority)
    return int(text) if text.isdigit() else 0

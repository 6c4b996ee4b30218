"""The values that attributes of load balancers and target groups may have.

Source: Elastic Load Balancing API Reference, LoadBalancerAttribute and TargetGroupAttribute.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from infrastructure.embedded.apis.elbv2.record import ALGORITHMS
from infrastructure.embedded.gateway.refused import Refused, unsupported

NUMBERS: Mapping[str, tuple[int, int]] = {
    "client_keep_alive.seconds": (60, 604_800),
    "deregistration_delay.timeout_seconds": (0, 3600),
    "idle_timeout.timeout_seconds": (1, 4000),
    "slow_start.duration_seconds": (30, 900),
    "stickiness.app_cookie.duration_seconds": (1, 604_800),
    "stickiness.lb_cookie.duration_seconds": (1, 604_800),
}
"""The least and the most."""
_OFF = {"slow_start.duration_seconds": "0"}
"""The value beside, which switches it off."""
_FLAG = ("true", "false")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "load_balancing.algorithm.anomaly_mitigation": ("on", "off"),
    "load_balancing.cross_zone.enabled": (*_FLAG, "use_load_balancer_configuration"),
    "routing.http.desync_mitigation_mode": ("monitor", "defensive", "strictest"),
    "routing.http.xff_header_processing.mode": ("append", "preserve", "remove"),
    "stickiness.type": ("lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"),
}
GROUP_KEYS = frozenset(
    {
        *NUMBERS.keys() - {"client_keep_alive.seconds", "idle_timeout.timeout_seconds"},
        "deregistration_delay.connection_termination.enabled",
        "lambda.multi_value_headers.enabled",
        "load_balancing.algorithm.anomaly_mitigation",
        "load_balancing.algorithm.type",
        "load_balancing.cross_zone.enabled",
        "preserve_client_ip.enabled",
        "proxy_protocol_v2.enabled",
        "stickiness.app_cookie.cookie_name",
        "stickiness.enabled",
        "stickiness.type",
        "target_failover.on_deregistration",
        "target_failover.on_unhealthy",
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "target_health_state.unhealthy.connection_termination.enabled",
        "target_health_state.unhealthy.draining_interval_seconds",
    }
)
"""What target groups have; moto knows those of load balancers."""


def require(attributes: Iterable[Mapping[str, Any]], known: frozenset[str] | None = None) -> None:
    """`Refused` for a value that its key does not have, and for a key that is none of `known`."""
    for key, value in ((each["Key"], each.get("Value", "")) for each in attributes):
        if known is not None and key not in known:
            raise Refused("InvalidConfigurationRequest", f"Key {key} not valid")
        if key in NUMBERS and value != _OFF.get(key):
            least, most = NUMBERS[key]
            if not (value.isdecimal() and least <= int(value) <= most):
                raise _invalid(key, value, f"between {least} and {most}")
        choices = CHOICES.get(key, _FLAG if key.endswith(".enabled") else ())
        if choices and value not in choices:
            raise _invalid(key, value, f"one of {', '.join(choices)}")
        if key == "load_balancing.algorithm.type" and value not in ALGORITHMS:
            raise unsupported(f"the algorithm {value!r}")


def _invalid(key: str, value: str, what: str) -> Refused:
    return Refused("InvalidConfigurationRequest", f"The value '{value}' of '{key}' is not valid: it must be {what}")

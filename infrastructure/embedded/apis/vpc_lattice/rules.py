"""What VPC Lattice refuses of a request by itself, and what the embedded cloud does not provide of it.

Source: https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/
"""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.apis.vpc_lattice.record import Wire
from infrastructure.embedded.apis.vpc_lattice.store import invalid
from infrastructure.embedded.gateway.checks.rules import Members, Rule
from infrastructure.embedded.gateway.refused import unsupported

FIXED_STATUSES = (404, 500)
METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
BOUNDS: Mapping[str, tuple[int, int]] = {
    "healthCheckIntervalSeconds": (5, 300),
    "healthCheckTimeoutSeconds": (1, 120),
    "healthyThresholdCount": (2, 10),
    "unhealthyThresholdCount": (2, 10),
}
"""The least and the most; 0 beside resets it."""


def _open(given: Members) -> None:
    """Whoever is let in by the network may call."""
    if given.get("authType") == "AWS_IAM":
        raise unsupported("authorization by IAM in VPC Lattice (authType AWS_IAM)")
    for member in ("customDomainName", "certificateArn", "privateDnsEnabled", "dnsOptions"):
        if given.get(member):
            raise unsupported(f"VPC Lattice with {member}")


def _listener(given: Members) -> None:
    if given["protocol"] != "HTTP":
        raise unsupported(f"{given['protocol']} listeners in VPC Lattice; HTTP ones are carried")
    _action(given["defaultAction"])


def _rule(given: Members) -> None:
    if "action" in given:
        _action(given["action"])
    if "match" in given:
        _match(given["match"])


def _rules(given: Members) -> None:
    for each in given["rules"]:
        _rule(each)
    priorities = [each["priority"] for each in given["rules"] if "priority" in each]
    if len(set(priorities)) < len(priorities):
        raise invalid("rules", "Two rules of a listener cannot have the same priority")


def _action(action: Wire) -> None:
    _one(action, "action", "forward", "fixedResponse")
    status = action.get("fixedResponse", {}).get("statusCode", FIXED_STATUSES[0])
    if status not in FIXED_STATUSES:
        raise invalid("statusCode", f"Status code {status} is not supported; supported: 404, 500")
    groups = action.get("forward", {}).get("targetGroups", ())
    if len(groups) > 1 and any("weight" not in each for each in groups):
        raise invalid("weight", "Each of several target groups must have a weight")


def _match(match: Wire) -> None:
    _one(match, "match", "httpMatch")
    http = match["httpMatch"]
    if not any(http.get(kind) for kind in ("method", "pathMatch", "headerMatches")):
        raise invalid("httpMatch", "At least one of method, pathMatch and headerMatches must be specified")
    if http.get("method") and http["method"] not in METHODS:
        raise invalid("method", f"Method {http['method']} is not one of {', '.join(METHODS)}")
    if http.get("pathMatch"):
        _one(http["pathMatch"]["match"], "pathMatch.match", "exact", "prefix")
    for each in http.get("headerMatches", ()):
        _one(each["match"], "headerMatches.match", "exact", "prefix", "contains")


def _one(union: Wire, name: str, *kinds: str) -> None:
    if sum(union.get(kind) is not None for kind in kinds) != 1:
        raise invalid(name, f"Exactly one of {', '.join(kinds)} must be specified")


def _group(given: Members) -> None:
    if given["type"] == "LAMBDA":
        raise unsupported("functions as targets of VPC Lattice: their event is not made of requests here")
    config: Mapping[str, Any] = given.get("config") or {}
    if not config.get("vpcIdentifier"):
        raise invalid("config.vpcIdentifier", f"A target group of type {given['type']} must have a VPC")
    if config.get("protocol", "HTTP") != "HTTP" or config.get("protocolVersion", "HTTP1") != "HTTP1":
        raise unsupported("targets of VPC Lattice by another protocol than HTTP/1.1")
    if config.get("ipAddressType") == "IPV6":
        raise unsupported("IPv6 targets")
    if config.get("ipAddressType") and given["type"] != "IP":
        raise invalid("config.ipAddressType", "An IP address type is supported for target groups of type IP alone")
    if config.get("healthCheck") and given["type"] == "ALB":
        raise invalid("config.healthCheck", "Health checks are not supported for target groups of type ALB")
    _health_check(config.get("healthCheck") or {})


def _health_check(check: Mapping[str, Any]) -> None:
    if (check.get("protocol") or "HTTP") != "HTTP" or (check.get("protocolVersion") or "HTTP1") != "HTTP1":
        raise unsupported("health checks by another protocol than HTTP/1.1")
    for name, (least, most) in BOUNDS.items():
        value = check.get(name) or least
        if not least <= value <= most:
            raise invalid(name, f"{name} is {value}; it must be between {least} and {most}, or 0 for its default")
    codes = (check.get("matcher") or {}).get("httpCode")
    if codes and not all(_is_range(part) for part in codes.split(",")):
        raise invalid("matcher.httpCode", f"{codes} is not a list of codes and ranges between 200 and 499")


def _is_range(text: str) -> bool:
    low, _, high = text.partition("-")
    high = high or low
    return low.isdecimal() and high.isdecimal() and 200 <= int(low) <= int(high) <= 499


RULES: Mapping[str, Rule] = {
    "CreateServiceNetwork": _open,
    "UpdateServiceNetwork": _open,
    "CreateServiceNetworkVpcAssociation": _open,
    "UpdateServiceNetworkVpcAssociation": _open,
    "CreateService": _open,
    "UpdateService": _open,
    "CreateListener": _listener,
    "UpdateListener": lambda given: _action(given["defaultAction"]),
    "CreateRule": _rule,
    "UpdateRule": _rule,
    "BatchUpdateRule": _rules,
    "CreateTargetGroup": _group,
    "UpdateTargetGroup": lambda given: _health_check(given["healthCheck"]),
}

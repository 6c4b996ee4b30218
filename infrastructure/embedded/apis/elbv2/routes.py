"""Listener rules as the data plane's routes. Pure.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
"""

from collections.abc import Callable, Mapping

from infrastructure.embedded.apis.elbv2.record import ListenerRecord, RuleRecord, Wire, shares
from infrastructure.embedded.network.envoy.model import Condition, Forward, Redirect, Respond, Route, Share

_CONDITIONS: Mapping[str, Callable[[Wire], Condition]] = {
    "path-pattern": lambda wire: Condition(field="path", patterns=_values(wire, "PathPatternConfig")),
    "host-header": lambda wire: Condition(field="host", patterns=_values(wire, "HostHeaderConfig")),
    "http-request-method": lambda wire: Condition(field="method", patterns=_values(wire, "HttpRequestMethodConfig")),
    "source-ip": lambda wire: Condition(field="source", patterns=_values(wire, "SourceIpConfig")),
    "http-header": lambda wire: Condition(
        field="header",
        name=str(wire["HttpHeaderConfig"]["HttpHeaderName"]),
        patterns=_values(wire, "HttpHeaderConfig"),
    ),
    "query-string": lambda wire: Condition(
        field="query",
        patterns=tuple(f"{pair.get('Key') or ''}={pair['Value']}" for pair in wire["QueryStringConfig"]["Values"]),
    ),
}
"""Condition field to its reader; moto refuses any other field."""


def routes(listener: ListenerRecord, upstreams: Mapping[str, str]) -> tuple[Route, ...]:
    """The rules of `listener` in the order in which they are tried; `upstreams` maps target group ARNs to names."""
    return tuple(_route(rule, upstreams) for rule in listener.rules)


def _route(rule: RuleRecord, upstreams: Mapping[str, str]) -> Route:
    conditions = tuple(_CONDITIONS[str(wire["Field"])](wire) for wire in rule.conditions)
    return Route(conditions=conditions, action=_action(rule, upstreams))


def _action(rule: RuleRecord, upstreams: Mapping[str, str]) -> Forward | Respond | Redirect:
    """The routing action comes last; HTTP listeners have no other one."""
    wire = rule.actions[-1]
    match wire["Type"]:
        case "fixed-response":
            return _fixed_response(wire["FixedResponseConfig"])
        case "redirect":
            return _redirect(wire["RedirectConfig"])
        case _:
            # A group that was deleted under the rule (moto allows it for a moment within one template) has no targets.
            known = [(upstreams[arn], weight) for arn, weight in shares(wire) if arn in upstreams]
            return Forward(shares=tuple(Share(upstream=name, weight=weight) for name, weight in known))


def _fixed_response(config: Wire) -> Respond:
    return Respond(
        status=int(config["StatusCode"]),
        content_type=str(config.get("ContentType") or "text/plain; charset=utf-8"),
        body=str(config.get("MessageBody") or ""),
    )


def _redirect(config: Wire) -> Redirect:
    return Redirect(
        status=int(str(config["StatusCode"]).removeprefix("HTTP_")),
        protocol=str(config.get("Protocol") or "#{protocol}"),
        host=str(config.get("Host") or "#{host}"),
        port=str(config.get("Port") or "#{port}"),
        path=str(config.get("Path") or "/#{path}"),
        query=str(config.get("Query") or "#{query}"),
    )


def _values(wire: Wire, config: str) -> tuple[str, ...]:
    return tuple(str(value) for value in wire[config]["Values"])

"""Listener rules as the data plane's routes. Pure.

Source: https://docs.aws.amazon.com/vpc-lattice/latest/ug/listener-rules.html
"""

import re
from collections.abc import Iterator, Mapping

from infrastructure.embedded.apis.vpc_lattice.record import LatticeListener, LatticeRule, Wire, shares
from infrastructure.embedded.network.envoy.model import Condition, Forward, Respond, Route, Share


def routes(listener: LatticeListener, upstreams: Mapping[str, str]) -> tuple[Route, ...]:
    """The rules of `listener` in the order in which they are tried; `upstreams` maps target group ids to names."""
    return tuple(_route(rule, upstreams) for rule in listener.in_order)


def _route(rule: LatticeRule, upstreams: Mapping[str, str]) -> Route:
    return Route(conditions=tuple(_conditions(rule.match)), action=_action(rule.action, upstreams))


def _action(action: Wire, upstreams: Mapping[str, str]) -> Forward | Respond:
    if "fixedResponse" in action:
        return Respond(status=action["fixedResponse"]["statusCode"])
    known = [(upstreams[identity], weight) for identity, weight in shares(action) if identity in upstreams]
    return Forward(shares=tuple(Share(upstream=name, weight=weight) for name, weight in known))


def _conditions(match: Wire) -> Iterator[Condition]:
    http = match.get("httpMatch", {})
    if http.get("method"):
        yield Condition(field="method", patterns=(http["method"],))
    if http.get("pathMatch"):
        path = http["pathMatch"]
        is_sensitive = path.get("caseSensitive", True)
        yield Condition(field="path", patterns=(_pattern(path["match"]),), is_case_sensitive=is_sensitive)
    for each in http.get("headerMatches", ()):
        is_sensitive = each.get("caseSensitive", False)
        patterns = (_pattern(each["match"]),)
        yield Condition(field="header", name=each["name"], patterns=patterns, is_case_sensitive=is_sensitive)


def _pattern(match: Wire) -> str:
    """A text as such, or what begins with it, or has it somewhere."""
    text = re.sub(r"([*?\\])", r"\\\1", next(str(value) for value in match.values() if value is not None))
    before, after = ("*" if "contains" in match else "", "" if "exact" in match else "*")
    return f"{before}{text}{after}"

"""Routes as Envoy's matcher tree: the first entry whose predicate holds gives the route.

Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/http/http_routing#arch-overview-http-routing-matcher
(route trees may look at request headers only, so the peer's address is put into one, `PEER_HEADER`).
"""

import ipaddress
import re
from collections.abc import Iterable

from infrastructure.embedded.network.envoy.model import Condition, Forward, HttpListener, Redirect, Respond

Json = dict[str, object]
"""A protobuf message in its JSON form, Envoy's wire format."""

PEER_HEADER = "x-cafe-peer"
"""Carries the peer's address from the listener to the route matcher; never reaches a target."""
SERVER = "awselb/2.0"
_TYPE = "type.googleapis.com/"
_REASONS = {
    301: "301 Moved Permanently",
    302: "302 Found",
    400: "400 Bad Request",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


def typed(message: str, /, **fields: object) -> Json:
    """A message inside an `Any`."""
    return {"@type": f"{_TYPE}{message}", **fields}


def page(status: int) -> str:
    """The HTML page an Application Load Balancer sends with a status of its own."""
    reason = _REASONS[status]
    head, text = f"<head><title>{reason}</title></head>", f"<center><h1>{reason}</h1></center>"
    return f"<html>\r\n{head}\r\n<body>\r\n{text}\r\n</body>\r\n</html>\r\n"


def route_configuration(listener: HttpListener) -> Json:
    """The routes of `listener`; a target learns of the client what an Application Load Balancer, or VPC Lattice, tells.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
    """
    return typed(
        "envoy.config.route.v3.RouteConfiguration",
        name=listener.name,
        virtual_hosts=[{"name": listener.name, "domains": ["*"], "matcher": _tree(listener)}],
        request_headers_to_add=[
            _header("x-forwarded-for", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "APPEND_IF_EXISTS_OR_ADD"),
            _header("x-forwarded-port", str(listener.public_port)),
        ],
        request_headers_to_remove=[PEER_HEADER, "x-envoy-external-address"],
    )


def _tree(listener: HttpListener) -> Json:
    """An empty list of matchers is no valid tree: with no conditional route left out is the list, not the default."""
    conditional = [route for route in listener.routes if route.conditions]
    default = next((route.action for route in listener.routes if not route.conditions), Respond(status=404))
    tree: Json = {"on_no_match": _on_match(default, listener.kind)}
    if conditional:
        tree["matcher_list"] = {
            "matchers": [
                {"predicate": _all_of(route.conditions), "on_match": _on_match(route.action, listener.kind)}
                for route in conditional
            ]
        }
    return tree


def _on_match(action: Forward | Respond | Redirect, kind: str) -> Json:
    route = typed("envoy.config.route.v3.Route", match={"prefix": "/"}, **_action(action, kind))
    return {"action": {"name": "route", "typed_config": route}}


# --- what a route does ------------------------------------------------------------------------------------------------


def _action(action: Forward | Respond | Redirect, kind: str) -> Json:
    match action:
        case Forward():
            return _forward(action, kind)
        case Respond():
            return _respond(action, kind)
        case Redirect():
            return _redirect(action)


def _forward(action: Forward, kind: str) -> Json:
    shares = [share for share in action.shares if share.weight > 0]
    if not shares:
        return _respond(Respond(status=503, content_type="text/html", body=page(503) if kind == "alb" else ""), kind)
    clusters = [{"name": share.upstream, "weight": share.weight} for share in shares]
    # The stream's idle time-out is the bound, as in an Application Load Balancer: a long answer that flows is no fault.
    return {"route": {"weighted_clusters": {"clusters": clusters}, "timeout": "0s"}}


def _respond(action: Respond, kind: str) -> Json:
    response: Json = {"status": action.status}
    headers = [_header("server", SERVER)] if kind == "alb" else []
    if action.body:
        response["body"] = {"inline_string": action.body}
        headers.append(_header("content-type", action.content_type))
    return {"direct_response": response, "response_headers_to_add": headers}


def _redirect(action: Redirect) -> Json:
    """Answered by the script (envoy_script.py), which can put the request's own parts into the location."""
    fields = {
        "status": str(action.status),
        "location": f"{action.protocol.lower()}://{action.host}:{action.port}{action.path}",
        "query": action.query,
        "body": page(action.status),
    }
    return {
        "metadata": {"filter_metadata": {"envoy.filters.http.lua": fields}},
        "direct_response": {"status": action.status},
    }


def _header(key: str, value: str, how: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Json:
    return {"header": {"key": key, "value": value}, "append_action": how}


# --- when a route fits ------------------------------------------------------------------------------------------------


def _all_of(conditions: tuple[Condition, ...]) -> Json:
    predicates = [_predicate(condition) for condition in conditions]
    return predicates[0] if len(predicates) == 1 else {"and_matcher": {"predicate": predicates}}


def _predicate(condition: Condition) -> Json:
    header, expression = _looked_at(condition)
    header_input = typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=header)
    return {
        "single_predicate": {
            "input": {"name": "header", "typed_config": header_input},
            "value_match": {"safe_regex": {"google_re2": {}, "regex": expression}},
        }
    }


def _looked_at(condition: Condition) -> tuple[str, str]:
    """The header looked at, and the RE2 expression its whole value must match."""
    patterns, is_sensitive = condition.patterns, condition.is_case_sensitive
    match condition.field:
        case "path":
            return (
                ":path",
                f"{'(?i)' if is_sensitive is False else ''}{_any_of(_glob(p, '[^?]') for p in patterns)}(?:[?].*)?",
            )
        case "host":
            return ":authority", f"(?i){_any_of(_glob(p, '.') for p in patterns)}(?::[0-9]+)?"
        case "method":
            return ":method", _any_of(re.escape(p) for p in patterns)
        case "header":
            return condition.name.lower(), f"{'' if is_sensitive else '(?i)'}{_any_of(_glob(p, '.') for p in patterns)}"
        case "query":
            return ":path", f"(?i)[^?]*[?](?:.*&)?{_any_of(_pair(p) for p in patterns)}(?:&.*)?"
        case "source":
            return PEER_HEADER, _any_of(_block(p) for p in patterns)


def _pair(pattern: str) -> str:
    key, _, value = pattern.partition("=")
    return f"{_glob(key or '*', '[^&=]')}={_glob(value, '[^&]')}"


def _any_of(expressions: Iterable[str]) -> str:
    return f"(?:{'|'.join(expressions)})"


def _glob(pattern: str, character: str) -> str:
    """`*` and `?` of `pattern` as runs of, and single, `character`; a backslash takes the next one literally."""
    wild = {"*": f"{character}*", "?": character}
    parts = re.findall(r"\\[*?\\]|.", pattern, re.DOTALL)
    return "".join(wild.get(part) or re.escape(part[-1]) for part in parts)


def _block(cidr: str) -> str:
    """The addresses of an IPv4 block, spelt out octet by octet. Listeners are IPv4, so no peer is in an IPv6 block."""
    network = ipaddress.ip_network(cidr, strict=False)
    if network.version != 4:
        return "[^\\s\\S]"
    octets = zip(network.network_address.packed, network.broadcast_address.packed, strict=True)
    return "[.]".join(_octet(low, high) for low, high in octets)


def _octet(low: int, high: int) -> str:
    if (low, high) == (0, 255):
        return "[0-9]+"
    return str(low) if low == high else _any_of(str(value) for value in range(low, high + 1))

"""How an HTTP listener behaves: as an Application Load Balancer or VPC Lattice, also in what it answers by itself.

Statistics it counts, by load balancer, upstream and status (see `envoy_stats`):

    alb.<group>.target.requests.upstream.<upstream>.status.<status>    answered by a target
    alb.<group>.target.time_us.upstream.<upstream>                     sum of microseconds until a target's first byte
    alb.<group>.own.requests.upstream.<upstream or ->.status.<status>  answered by the load balancer itself

and `lattice.<service>. …` the same, where the time goes until a target's last byte.
"""

from infrastructure.embedded.network.envoy.model import HttpListener
from infrastructure.embedded.network.envoy.routes import PEER_HEADER, SERVER, Json, page, typed
from infrastructure.embedded.network.envoy.script import SCRIPT

MAX_HEADERS_KIB = 64
"""All headers of a request together, as in an Application Load Balancer."""
CLOSING_S = 0.05
"""How long a connection that is given up is not heard any more without being closed, so that the client can read the
last answer before it writes on. For what it sends in this time there is no answer: it is as short as a round trip, in
which that happens on AWS as well, and not the second that Envoy takes. An idle connection is given up at once."""
MAX_STREAMS = 128
"""Requests at a time on one HTTP/2 connection, as in an Application Load Balancer."""

# Envoy's response flags, by the status an Application Load Balancer gives in that situation. Source:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
# https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage#command-operators
_STATUS_OF_FLAGS = (
    (502, ("UF", "UC", "UR", "UPE")),  # target refuses, closes, resets, or does not speak HTTP
    (503, ("UH", "NC", "UO")),  # no target is registered, or more is under way than we carry
    (504, ("UT", "SI")),  # a target says nothing
    (400, ("DPE",)),  # the client does not speak HTTP
)
_FROM_TARGET = "response.code_details == 'via_upstream'"
_FROM_US = "response.code_details != 'via_upstream'"
_CONNECT_TIMEOUT = "response.code_details.contains('connection_timeout')"


def connection_manager(listener: HttpListener, routes: Json) -> Json:
    """The filter behind `listener`; `routes` is the source its route configuration comes from."""
    return typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=listener.name,
        codec_type="AUTO",
        rds={"route_config_name": listener.name, "config_source": routes},
        http_filters=[_script(), _router()] if listener.kind == "alb" else [_router()],
        access_log=[_targets_statistics(listener), _own_statistics(listener)],
        local_reply_config={"mappers": _local_replies(listener.kind)},
        early_header_mutation_extensions=[_peer_header()],
        upgrade_configs=[{"upgrade_type": "websocket"}],
        stream_idle_timeout=f"{listener.idle_timeout_s}s",
        request_headers_timeout=f"{listener.idle_timeout_s}s",
        common_http_protocol_options={"idle_timeout": f"{listener.idle_timeout_s}s"},
        drain_timeout="0s",
        delayed_close_timeout=f"{CLOSING_S}s",
        http_protocol_options={"accept_http_10": True, "default_host_for_http_10": "localhost"},
        http2_protocol_options={"max_concurrent_streams": MAX_STREAMS},
        max_request_headers_kb=MAX_HEADERS_KIB,
        server_header_transformation="PASS_THROUGH",
        generate_request_id=False,
        preserve_external_request_id=True,
        # The client is an outsider: Envoy drops the x-envoy-* headers by which it could steer retries and time-outs.
        # It does not append to x-forwarded-for itself: in place of a loopback peer it would write its own address.
        use_remote_address=True,
        skip_xff_append=True,
    )


def _router() -> Json:
    router = typed("envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True, dynamic_stats=False)
    return {"name": "envoy.filters.http.router", "typed_config": router}


def _script() -> Json:
    script = typed("envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": SCRIPT})
    return {"name": "envoy.filters.http.lua", "typed_config": script}


def _peer_header() -> Json:
    peer = {"key": PEER_HEADER, "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"}
    mutation = {"append": {"header": peer, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    config = typed(
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=[mutation]
    )
    return {"name": "peer", "typed_config": config}


def _local_replies(kind: str) -> list[Json]:
    replies = [(504, _expression_filter(_CONNECT_TIMEOUT))]
    replies += [(status, {"response_flag_filter": {"flags": list(flags)}}) for status, flags in _STATUS_OF_FLAGS]
    return [
        {"filter": condition, "status_code": status, **(_page(status) if kind == "alb" else _NO_PAGE)}
        for status, condition in replies
    ]


_NO_PAGE: Json = {"body": {"inline_string": ""}}


def _page(status: int) -> Json:
    return {
        "body_format_override": {"text_format_source": {"inline_string": page(status)}, "content_type": "text/html"},
        "headers_to_add": [
            {"header": {"key": "server", "value": SERVER}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    }


def _targets_statistics(listener: HttpListener) -> Json:
    counters = [
        _counter("requests", ("upstream", "%UPSTREAM_CLUSTER%"), ("status", "%RESPONSE_CODE%"), value_fixed=1),
        # From the first byte sent, since an answer may begin before the request has ended.
        _counter(
            "time_us",
            ("upstream", "%UPSTREAM_CLUSTER%"),
            value_format=f"%COMMON_DURATION(US_TX_BEG:US_RX_{'BEG' if listener.kind == 'alb' else 'END'}:us)%",
        ),
    ]
    return _statistics(f"{_prefix(listener)}.target", _FROM_TARGET, counters)


def _own_statistics(listener: HttpListener) -> Json:
    counter = _counter("requests", ("upstream", "%UPSTREAM_CLUSTER%"), ("status", "%RESPONSE_CODE%"), value_fixed=1)
    return _statistics(f"{_prefix(listener)}.own", _FROM_US, [counter])


def _prefix(listener: HttpListener) -> str:
    return f"{listener.kind}.{listener.group or listener.name}"


def _statistics(prefix: str, expression: str, counters: list[Json]) -> Json:
    return {
        "name": "statistics",
        "filter": _expression_filter(expression),
        "typed_config": typed(
            "envoy.extensions.access_loggers.stats.v3.Config", stats_scope={"prefix": prefix}, counters=counters
        ),
    }


def _counter(name: str, *tags: tuple[str, str], **value: object) -> Json:
    return {"stat": {"name": name, "tags": [{"name": tag, "value_format": form} for tag, form in tags]}, **value}


def _expression_filter(expression: str) -> Json:
    config = typed("envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=expression)
    return {"extension_filter": {"name": "expression", "typed_config": config}}

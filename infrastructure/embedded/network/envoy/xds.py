"""The data plane's description as the files Envoy reads. Pure: the same fragments give the same bytes.

    bootstrap.json ── watches ──> cds.json ──each cluster watches──> eds-<upstream>.json     (upstreams, endpoints)
                              └─> lds.json ──each HTTP listener watches──> rds-<listener>.json  (listeners, routes)

So a changed endpoint or route touches one small file, and never a listener: connections live on.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from infrastructure.embedded.network.envoy.http import connection_manager
from infrastructure.embedded.network.envoy.model import (
    LOOPBACK,
    Endpoint,
    Forward,
    Fragment,
    HttpListener,
    Listener,
    TcpListener,
    Upstream,
)
from infrastructure.embedded.network.envoy.routes import Json, route_configuration, typed

MAX_CONNECTIONS = 20_000
"""Open client connections in all; further ones are refused."""
MAX_PER_UPSTREAM = 10_000
"""Connections, and requests, under way or waiting, per upstream; a load balancer's own limits lie out of reach."""
UPSTREAM_IDLE_S = 60
"""An unused connection to a target is kept this long, the Application Load Balancer's default."""

_BALANCERS = {"round-robin": "ROUND_ROBIN", "least-requests": "LEAST_REQUEST"}


def bootstrap(folder: Path, admin_socket: Path) -> bytes:
    """Envoy's start-up file: where its admin API listens and which files it watches."""
    return _encoded(
        {
            "node": {"id": "cafe", "cluster": "cafe"},
            "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
            "dynamic_resources": {
                "lds_config": _watched(folder, "lds.json"),
                "cds_config": _watched(folder, "cds.json"),
            },
            "overload_manager": {"resource_monitors": [_connection_limit()]},
        }
    )


def files(fragments: Iterable[Fragment], folder: Path) -> Mapping[str, bytes]:
    """File name to content, in the order in which they are to be written: nothing names what is not there yet."""
    parts = tuple(fragments)
    upstreams = sorted((u for part in parts for u in part.upstreams), key=lambda u: u.name)
    listeners = sorted((entry for part in parts for entry in part.listeners), key=lambda entry: entry.name)
    content = {f"eds-{upstream.name}.json": _resources([_assignment(upstream)]) for upstream in upstreams}
    content["cds.json"] = _resources([_cluster(upstream, folder) for upstream in upstreams])
    for listener in listeners:
        if isinstance(listener, HttpListener):
            content[f"rds-{listener.name}.json"] = _resources([route_configuration(listener)])
    content["lds.json"] = _resources([_listener(listener, folder) for listener in listeners])
    return content


def conflicts(fragments: Mapping[str, Fragment]) -> tuple[str, ...]:
    """What makes the owners' fragments impossible together; empty when nothing does."""
    listeners = [(owner, entry) for owner, part in fragments.items() for entry in part.listeners]
    upstreams = [(owner, entry.name) for owner, part in fragments.items() for entry in part.upstreams]
    found = _doubled("listener", ((owner, entry.name) for owner, entry in listeners))
    found += _doubled("port", ((owner, _claimed(entry)) for owner, entry in listeners))
    found += _doubled("upstream", upstreams)
    for owner, part in fragments.items():
        missing = _referenced(part.listeners) - {upstream.name for upstream in part.upstreams}
        found += [f"{owner} sends to the upstream {name}, which it did not publish" for name in sorted(missing)]
    return tuple(found)


def _doubled(kind: str, claims: Iterable[tuple[str, object]]) -> list[str]:
    owners: dict[object, list[str]] = {}
    for owner, claim in claims:
        owners.setdefault(claim, []).append(owner)
    return [f"{kind} {claim} is claimed by {' and '.join(by)}" for claim, by in owners.items() if len(by) > 1]


def _claimed(listener: Listener) -> int | str:
    """The port, with its host when that is not the usual one: a database's two endpoints differ in the host alone."""
    return listener.port if listener.host == LOOPBACK else f"{listener.host}:{listener.port}"


def _referenced(listeners: tuple[Listener, ...]) -> set[str]:
    names = {listener.upstream for listener in listeners if isinstance(listener, TcpListener)}
    routes = (route for listener in listeners if isinstance(listener, HttpListener) for route in listener.routes)
    actions = (route.action for route in routes)
    return names | {share.upstream for action in actions if isinstance(action, Forward) for share in action.shares}


def _listener(listener: Listener, folder: Path) -> Json:
    if isinstance(listener, HttpListener):
        network_filter = connection_manager(listener, _watched(folder, f"rds-{listener.name}.json"))
    else:
        network_filter = _tcp_proxy(listener)
    return typed(
        "envoy.config.listener.v3.Listener",
        name=listener.name,
        address=_address(Endpoint(listener.host, listener.port)),
        filter_chains=[{"filters": [{"name": "proxy", "typed_config": network_filter}]}],
        # One worker needs no second socket, and without the option nobody else can listen on our port unnoticed.
        enable_reuse_port=False,
        tcp_backlog_size=1024,
        stat_prefix=listener.name,
    )


def _tcp_proxy(listener: TcpListener) -> Json:
    return typed(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix=listener.name,
        cluster=listener.upstream,
        idle_timeout="0s",  # an edge is a wire: who holds it open decides for how long
    )


def _cluster(upstream: Upstream, folder: Path) -> Json:
    limit = {
        "max_connections": MAX_PER_UPSTREAM,
        "max_pending_requests": MAX_PER_UPSTREAM,
        "max_requests": MAX_PER_UPSTREAM,
    }
    return typed(
        "envoy.config.cluster.v3.Cluster",
        name=upstream.name,
        type="EDS",
        connect_timeout=f"{upstream.connect_timeout_s}s",
        eds_cluster_config={"eds_config": _watched(folder, f"eds-{upstream.name}.json")},
        lb_policy=_BALANCERS[upstream.balance],
        circuit_breakers={"thresholds": [limit]},
        **({"transport_socket": _announced()} if upstream.is_announced else {}),
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                explicit_http_config={"http_protocol_options": {}},
                common_http_protocol_options={"idle_timeout": f"{UPSTREAM_IDLE_S}s"},
            )
        },
    )


def _announced() -> Json:
    """A plain connection that begins with the PROXY protocol's header, version 2."""
    plain = typed("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer")
    config = typed(
        "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        config={"version": "V2"},
        transport_socket={"name": "envoy.transport_sockets.raw_buffer", "typed_config": plain},
    )
    return {"name": "envoy.transport_sockets.upstream_proxy_protocol", "typed_config": config}


def _assignment(upstream: Upstream) -> Json:
    weights = upstream.weights or (1,) * len(upstream.endpoints)
    endpoints: list[Json] = [
        {"endpoint": {"address": _address(endpoint)}, **({"load_balancing_weight": weight} if weight > 1 else {})}
        for endpoint, weight in zip(upstream.endpoints, weights, strict=True)
    ]
    return typed(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        cluster_name=upstream.name,
        endpoints=[{"lb_endpoints": endpoints}] if endpoints else [],
    )


def _address(endpoint: Endpoint) -> Json:
    return {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}}


def _connection_limit() -> Json:
    name = "envoy.resource_monitors.global_downstream_max_connections"
    config = typed(
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=str(MAX_CONNECTIONS),
    )
    return {"name": name, "typed_config": config}


def _watched(folder: Path, name: str) -> Json:
    """Envoy reloads `name` when another file is renamed onto it."""
    return {"path_config_source": {"path": str(folder / name)}, "resource_api_version": "V3"}


def _resources(messages: list[Json]) -> bytes:
    return _encoded({"resources": messages})


def _encoded(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()

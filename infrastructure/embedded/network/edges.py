"""The edges of the platform: every (service, what it calls) has a loopback port of its own, so each can fail alone.

    service ── edge(service, upstream) ──> Envoy listener ──> upstream: control plane, data store …

An edge's port is stable for the platform's life, whatever happens to the upstream behind it. A dead upstream closes
the connection at once, as a refusing host does.
"""

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream

OWNER = "network"


class Publisher(Protocol):
    """Takes an owner's whole part of the data plane; Envoy, outside the tests."""

    def publish(self, owner: str, fragment: Fragment) -> None: ...


class PortSource(Protocol):
    """Gives free loopback ports; `Ports`, outside the tests."""

    def allocate(self) -> int: ...


class Network:
    """Knows who is behind each upstream's name and which edges exist; publishes them as one fragment."""

    def __init__(self, envoy: Publisher, ports: PortSource) -> None:
        self._envoy = envoy
        self._ports = ports
        self._upstreams: dict[str, Upstream] = {}
        self._edges: dict[tuple[str, str], TcpListener] = {}
        self._endpoints: dict[str, str] = {}
        self._passwords: dict[str, str] = {}

    def set_upstream(self, name: str, endpoints: tuple[Endpoint, ...]) -> None:
        """From now on new connections to `name` go to `endpoints` in turn; to none of them: closed at once."""
        upstream = Upstream(name=name, endpoints=tuple(sorted(endpoints)))
        if self._upstreams.get(name) != upstream:
            self._upstreams[name] = upstream
            self._publish()

    def edge(self, service: str, upstream: str) -> Endpoint:
        """Where `service` reaches `upstream`: the same address at every call, even before the upstream exists."""
        listener = self._edges.get((service, upstream))
        if listener is None:
            name = f"edge-{service}-{upstream}"
            listener = TcpListener(name=name, port=self._ports.allocate(), upstream=upstream)
            self._edges[service, upstream] = listener
            self._upstreams.setdefault(upstream, Upstream(name=upstream))
            self._publish()
        return Endpoint(LOOPBACK, listener.port)

    def password(self, upstream: str) -> str:
        """What `upstream` asks its clients for, if it asks: the same at every call, another on every platform."""
        if upstream not in self._passwords:
            self._passwords[upstream] = secrets.token_urlsafe(24)
        return self._passwords[upstream]

    def expose(self, name: str, url: str) -> None:
        """Publish `url` as the platform's endpoint `name` (`alb`, `elasticache` …) for people and tools."""
        self._endpoints[name] = url

    @property
    def endpoints(self) -> Mapping[str, str]:
        """What `cafe env` prints: endpoint name to URL."""
        return MappingProxyType(self._endpoints)

    def _publish(self) -> None:
        self._envoy.publish(
            OWNER, Fragment(listeners=tuple(self._edges.values()), upstreams=tuple(self._upstreams.values()))
        )

"""The edges of the platform: every (service, what it calls) has a loopback port of its own, so each can fail alone.

    service ── edge(service, upstream) ──> Envoy listener ──> upstream: control plane, data store …

An edge's port is stable for the platform's life, whatever happens to the upstream behind it. A dead upstream closes
the connection at once, as a refusing host does. An edge that security groups do not permit is dark: `connect` to it
times out, while the connections that are open live on, as on AWS, whose security groups are stateful.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from infrastructure.embedded.network.dark import DarkPorts
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream

OWNER = "network"


class Publisher(Protocol):
    """Takes an owner's whole part of the data plane; Envoy, outside the tests."""

    def publish(self, owner: str, fragment: Fragment) -> None: ...


class PortSource(Protocol):
    """Gives free loopback ports; `Ports`, outside the tests."""

    def allocate(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the VPC something stands: ids of its security groups and subnets, and the port that it serves at."""

    groups: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    port: int = 0
    blocks: tuple[str, ...] = ()
    """Address ranges of what stands outside of every VPC (VPC Lattice); it is reached by way of `ways` alone."""
    ways: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The VPCs that have a way to it, each with the ids of the security groups of that way."""

    @property
    def is_guarded(self) -> bool:
        """Whether something is to be asked before a packet arrives."""
        return bool(self.groups or self.blocks)


NOWHERE = Place()
"""Of what no security group is known: nobody asks after it."""

Permits = Callable[[Place, Place], bool]
"""Whether a packet from the first place arrives at the second one's port."""


class Network:
    """Knows who is behind each upstream's name and which edges exist; publishes them as one fragment."""

    def __init__(self, envoy: Publisher, ports: PortSource) -> None:
        self._envoy = envoy
        self._ports = ports
        self._upstreams: dict[str, Upstream] = {}
        self._edges: dict[tuple[str, str], TcpListener] = {}
        self._endpoints: dict[str, str] = {}
        self._passwords: dict[str, str] = {}
        self._services: dict[str, Place] = {}
        self._places: dict[str, Place] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        self._followers: dict[str, Callable[[], None]] = {}
        self._dark_ports = DarkPorts()
        self._changes = 0
        """Those under way, of which the outermost publishes."""
        self._is_stale = False
        self.permits: Permits = lambda _source, _target: True
        """What security groups say; EC2's, once there is one."""

    def set_upstream(
        self, name: str, endpoints: tuple[Endpoint, ...], place: Place | None = None, *, is_announced: bool = False
    ) -> None:
        """From now on new connections to `name` go to `endpoints` in turn; to none of them: closed at once.

        Only an upstream whose `place` is guarded is asked after in the security groups. `is_announced`: who serves is
        told by which edge a client comes.
        """
        upstream = Upstream(name=name, endpoints=tuple(sorted(endpoints)), is_announced=is_announced)
        place = place or NOWHERE
        if self._upstreams.get(name) != upstream or self._places.get(name, NOWHERE) != place:
            self._upstreams[name], self._places[name] = upstream, place
            self._publish()

    def stand(self, service: str, place: Place) -> None:
        """What runs the service has these security groups, the latest that was started for all of it."""
        if self._services.get(service) != place:
            self._services[service] = place
            self._publish()

    def review(self) -> None:
        """Have every edge permitted or dark by the rules as they are now."""
        self._publish()

    def edge(self, service: str, upstream: str) -> Endpoint:
        """Where `service` reaches `upstream`: the same address at every call, even before the upstream exists."""
        listener = self._edges.get((service, upstream))
        if listener is None:
            name = f"edge-{service}-{upstream}"
            listener = TcpListener(name=name, port=self._ports.allocate(), upstream=upstream)
            with self._published_once():
                self._edges[service, upstream] = listener
                self._upstreams.setdefault(upstream, Upstream(name=upstream))
                self._publish()
                self._fellows(service, upstream)
            self._followers.get(upstream, _nobody)()
        return Endpoint(LOOPBACK, listener.port)

    # --- upstreams whose clients tell the servers apart ---------------------------------------------------------------

    def set_members(self, upstream: str, servers: Mapping[str, Endpoint], names: tuple[str, ...], place: Place) -> None:
        """From now on every edge to `upstream` has a fellow to each of these servers, as dark or lit as itself.

        A member of `names` that is not in `servers` has an edge too: it is closed at once.
        """
        with self._published_once():
            for gone in set(self._members.get(upstream, ())) - set(names):
                self.set_upstream(_member(upstream, gone), (), place, is_announced=True)
            self._members[upstream] = names
            for name in names:
                served = (servers[name],) if name in servers else ()
                self.set_upstream(_member(upstream, name), served, place, is_announced=True)
            for service in [each for each, to in self._edges if to == upstream]:
                self._fellows(service, upstream)

    def _fellows(self, service: str, upstream: str) -> None:
        for name in self._members.get(upstream, ()):
            self.edge(service, _member(upstream, name))

    def faces(self, upstream: str) -> dict[int, dict[str, tuple[str, int]]]:
        """By the port of each edge to `upstream`, and of its fellows, where the same service reaches each member."""
        found: dict[int, dict[str, tuple[str, int]]] = {}
        for service in [each for each, to in self._edges if to == upstream]:
            ports = {
                name: self._edges[service, _member(upstream, name)].port for name in self._members.get(upstream, ())
            }
            face = {name: (LOOPBACK, port) for name, port in ports.items()}
            found |= dict.fromkeys((self._edges[service, upstream].port, *ports.values()), face)
        return found

    def follow(self, upstream: str, told: Callable[[], None]) -> None:
        """Have `told` called with each edge to `upstream` that is made."""
        self._followers[upstream] = told

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

    def dark(self) -> tuple[tuple[str, str], ...]:
        """The edges, by service and upstream, that no security group permits."""
        return tuple(
            (service, upstream)
            for service, upstream in self._edges
            if (source := self._services.get(service, NOWHERE)).groups
            and (target := self._places.get(upstream, NOWHERE)).is_guarded
            and not self.permits(source, target)
        )

    @contextmanager
    def _published_once(self) -> Iterator[None]:
        """Several changes that are one: what comes of them is published at the end, if anything does."""
        self._changes += 1
        try:
            yield
        finally:
            self._changes -= 1
            if self._is_stale and not self._changes:
                self._publish()

    def _publish(self) -> None:
        self._is_stale = self._changes > 0
        if self._is_stale:
            return
        dark = {self._edges[edge].port for edge in self.dark()}
        self._dark_ports.release(dark)
        lit = tuple(edge for edge in self._edges.values() if edge.port not in dark)
        self._envoy.publish(OWNER, Fragment(listeners=lit, upstreams=tuple(self._upstreams.values())))
        self._dark_ports.hold(dark)

    def close(self) -> None:
        """Give the dark ports back."""
        self._dark_ports.close()


def _member(upstream: str, name: str) -> str:
    return f"{upstream}-{name}"


def _nobody() -> None:
    """Whom nobody follows."""

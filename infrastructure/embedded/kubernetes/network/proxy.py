"""The proxy of every node: connections to a Service's address go to its ready endpoints in turn.

    Service, EndpointSlices ──▶ for each port: who is ready, or for want of them who serves while it terminates
                                  └──▶ a listener at clusterIP:port, for node ports at the nodes' address, too ──▶ Envoy

Without endpoints nobody listens: the connection is refused. One that goes is found for a while (`SERVICE_PROXY`).
Source: https://kubernetes.io/docs/reference/networking/virtual-ips/
"""

import ipaddress
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from infrastructure.embedded import lags
from infrastructure.embedded.kubernetes.controllers.parts import Keys, ObjectController, Parts, key_of
from infrastructure.embedded.kubernetes.network import endpoints
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Key, Object
from infrastructure.embedded.kubernetes.store.store import Change
from infrastructure.embedded.network.addresses import is_free
from infrastructure.embedded.network.edges import Publisher
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream

_SOURCE = "service-proxy"


class ServiceProxy(ObjectController):
    """One pass for one Service; publishes all of a cluster's as one owner's part of the data plane."""

    name: ClassVar[str] = "service-proxy"
    kind: ClassVar[Kind] = kinds.SERVICE

    def __init__(
        self, parts: Parts, data_plane: Publisher, owner: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parts)
        self._data_plane = data_plane
        self._owner = owner
        self._clock = clock
        self._served: dict[str, Fragment] = {}
        self._known: dict[str, dict[str, dict[Endpoint, float]]] = {}
        """Of each Service, by upstream: its endpoints, and until when; infinity for those that are there."""

    def keys(self) -> Collection[str]:
        return {*Keys(self._store, self.kind), *self._served}

    def touched(self, change: Change) -> Iterable[Key]:
        if change.kind == kinds.ENDPOINT_SLICE.id:
            of = change.object
            return ((objects.namespace(of), objects.labels(of).get(endpoints.SERVICE_NAME, "")),)
        return ()

    async def reconcile(self, key: str) -> float | None:
        service = self._store.get(kinds.SERVICE.id, key_of(key))
        if service is None or not endpoints.cluster_ip(service):
            part = Fragment()
            self._known.pop(key, None)
        else:
            part = self._part(key, service)
        if part != self._served.get(key, Fragment()):
            self._served[key] = part
            self._publish()
        if not part.upstreams:
            self._served.pop(key, None)
        return self._next_end(key, part)

    async def close(self) -> None:
        """Nothing of the cluster's is served any more."""
        self._served.clear()
        self._known.clear()
        self._publish()

    def _publish(self) -> None:
        listeners = tuple(each for part in self._served.values() for each in part.listeners)
        upstreams = tuple(each for part in self._served.values() for each in part.upstreams)
        self._data_plane.publish(self._owner, Fragment(listeners=listeners, upstreams=upstreams))

    def _part(self, key: str, service: Object) -> Fragment:
        former, before = self._served.get(key, Fragment()), self._known.get(key, {})
        after: dict[str, dict[Endpoint, float]] = {}
        listeners: list[TcpListener] = []
        upstreams: list[Upstream] = []
        for port in objects.spec(service).get("ports") or ():
            name = f"service-{objects.uid(service)}-{port['port']}"
            after[name] = self._led_to(before.get(name, {}), self._current(service, port))
            wanted = [
                each for each in _listeners(service, port, name) if each in former.listeners or self._can(service, each)
            ]
            if after[name] and wanted:
                listeners += wanted
                upstreams.append(Upstream(name=name, endpoints=tuple(sorted(after[name]))))
        self._known[key] = after
        return Fragment(listeners=tuple(listeners), upstreams=tuple(upstreams))

    def _current(self, service: Object, port: Mapping[str, Any]) -> set[Endpoint]:
        every = [each for each in endpoints.of_port(service, port, self._store) if self._is_ours(service, each.address)]
        ready = {Endpoint(each.address, each.port) for each in every if each.is_ready}
        return ready or {Endpoint(each.address, each.port) for each in every if each.is_serving and each.is_terminating}

    def _led_to(self, known: Mapping[Endpoint, float], current: Collection[Endpoint]) -> dict[Endpoint, float]:
        """Where connections go, and until when: to those that are there, and to those that went a moment ago."""
        now, lag_s = self._clock(), lags.SERVICE_PROXY.at(self._parts.pace)
        gone = {each: min(until, now + lag_s) for each, until in known.items() if each not in current}
        return {**{each: until for each, until in gone.items() if until > now}, **dict.fromkeys(current, float("inf"))}

    def _next_end(self, key: str, part: Fragment) -> float | None:
        known = self._known.get(key, {})
        ends = [until for each in part.upstreams for until in known[each.name].values()]
        first = min(ends, default=float("inf"))
        return None if first == float("inf") else max(first - self._clock(), 0.0)

    def _can(self, service: Object, listener: TcpListener) -> bool:
        """Whether something could listen there; what cannot be is said."""
        if is_free(listener.host, listener.port):
            return True
        why = (
            f"nothing can listen at {listener.host}:{listener.port} on this machine; next: a port that is free, and is "
            "1024 or more where the platform is not started by root"
        )
        self._parts.events.tell(service, "AddressNotAvailable", why, source=_SOURCE, warning=True)
        return False

    def _is_ours(self, service: Object, address: str) -> bool:
        """The embedded cloud connects to this machine alone."""
        if ipaddress.ip_address(address).is_loopback:
            return True
        why = f"endpoint {address} is left out: the embedded cloud connects to addresses of this machine alone"
        self._parts.events.tell(service, "EndpointNotReachable", why, source=_SOURCE, warning=True)
        return False


def _listeners(service: Object, port: Mapping[str, Any], name: str) -> Iterator[TcpListener]:
    yield TcpListener(name=name, host=objects.spec(service)["clusterIP"], port=port["port"], upstream=name)
    if "nodePort" in port:
        yield TcpListener(name=f"{name}-node", host=LOOPBACK, port=port["nodePort"], upstream=name)

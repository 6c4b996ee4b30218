"""Where clients reach a data store: an address of Envoy's in front of its servers, whichever serve at the moment.

The platform's own are those its stacks made, whose templates give everything the tag `Project: cloudcafe`: never the
first one, since anybody may create others before. Services know the platform's by the names of the catalogue's edges.
Of several that are tagged, as while one replaces another, the oldest counts.

On AWS an entrance is a DNS name, and clients go where it led until its time to live is over.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infrastructure.embedded.control.context import Context
from infrastructure.embedded.network.edges import NOWHERE, Place
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream

_KEY, _VALUE = "Project", "cloudcafe"


def is_platforms(tags: Iterable[Mapping[str, str]] | Mapping[str, str]) -> bool:
    """Whether a resource with these tags, a list as AWS has it or a mapping, belongs to the platform's stacks."""
    if isinstance(tags, Mapping):
        return tags.get(_KEY) == _VALUE
    return {"Key": _KEY, "Value": _VALUE} in tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """An address and who serves there; refused while that is nobody. `name` is Envoy's for it.

    The platform's own has the name by which services know it in `known_as`, and its `url` is shown to people. For
    `stale_s` after it was given other servers, new connections go to the ones before, whatever has become of them.
    """

    name: str
    port: int
    servers: tuple[Endpoint, ...]
    host: str = LOOPBACK
    known_as: str = ""
    url: str = "{host}:{port}"
    stale_s: float = 0.0
    is_announced: bool = False
    """Whether its servers are told by which edge a client comes."""
    place: Place = NOWHERE
    """Its servers' security groups, and the port that their rules are about: the engine's own."""


@dataclass(slots=True)
class _Name:
    """What clients know of an entrance: `old` is where they go until `until`, in seconds of the loop's clock."""

    servers: tuple[Endpoint, ...]
    old: tuple[Endpoint, ...] = ()
    until: float = 0.0

    def lead_to(self, servers: tuple[Endpoint, ...], now: float, stale_s: float) -> None:
        """Nobody to serve is no new address: the name stays with whoever served last."""
        if servers and servers != self.servers:
            self.old, self.servers, self.until = self._seen(now), servers, now + stale_s

    def seen(self, servers: tuple[Endpoint, ...], now: float) -> tuple[Endpoint, ...]:
        """Where clients go now, while `servers` serve."""
        return self._seen(now) if servers else ()

    def _seen(self, now: float) -> tuple[Endpoint, ...]:
        return self.old if self.old and now < self.until else self.servers


class Entrances:
    """All entrances of one API; `known` are the names of those that services know."""

    def __init__(self, context: Context, owner: str, *known: str) -> None:
        self._context = context
        self._owner = owner
        self._known = known
        self._names: dict[str, _Name] = {}
        self._again: asyncio.TimerHandle | None = None

    def publish(self, entrances: Sequence[Entrance]) -> None:
        """From now on there are these and no others; published once more, by itself, when a name's time is over."""
        self.close()
        loop = asyncio.get_running_loop()
        now = loop.time()
        seen = {each.name: self._seen(each, now) for each in entrances}
        self._names = {name: self._names[name] for name in seen}
        listeners = tuple(TcpListener(name=e.name, port=e.port, upstream=e.name, host=e.host) for e in entrances)
        upstreams = tuple(Upstream(name=name, endpoints=servers) for name, servers in seen.items())
        self._context.envoy.publish(self._owner, Fragment(listeners=listeners, upstreams=upstreams))
        self._make_known(entrances, seen)
        if ends := [name.until for name in self._names.values() if name.until > now]:
            self._again = loop.call_at(min(ends), self.publish, entrances)

    def _make_known(self, entrances: Sequence[Entrance], seen: Mapping[str, tuple[Endpoint, ...]]) -> None:
        own = {entrance.known_as: entrance for entrance in reversed(entrances)}
        for name in self._known:
            entrance, network = own.get(name), self._context.network
            servers, is_announced = (seen[entrance.name], entrance.is_announced) if entrance else ((), False)
            place = entrance.place if entrance else None
            network.set_upstream(name, servers, place, is_announced=is_announced)
            if entrance is not None:
                url = entrance.url.format(host=entrance.host, port=entrance.port, password=network.password(name))
                network.expose(name.replace("-", "_"), url)

    def _seen(self, entrance: Entrance, now: float) -> tuple[Endpoint, ...]:
        """Who serves, as clients know it now."""
        name = self._names.setdefault(entrance.name, _Name(entrance.servers))
        name.lead_to(entrance.servers, now, entrance.stale_s)
        return name.seen(entrance.servers, now)

    def close(self) -> None:
        """Publish no more by itself."""
        if self._again is not None:
            self._again.cancel()

"""Where clients reach a data store: an address of Envoy's in front of its servers, whichever serve at the moment.

The platform's own are those its stacks made, whose templates give everything the tag `Project: cloudcafe`: never the
first one, since anybody may create others before. Services know the platform's by the names of the catalogue's edges.
Of several that are tagged, as while one replaces another, the oldest counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infrastructure.embedded.control.context import Context
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream

_TAG = {"Key": "Project", "Value": "cloudcafe"}


def is_platforms(tags: Iterable[Mapping[str, str]]) -> bool:
    """Whether a resource with these tags, as AWS lists them, belongs to the platform's stacks."""
    return _TAG in tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """An address and who serves there; refused while that is nobody. `name` is Envoy's for it.

    The platform's own has the name by which services know it in `known_as`, and its `url` is shown to people.
    """

    name: str
    port: int
    servers: tuple[Endpoint, ...]
    host: str = LOOPBACK
    known_as: str = ""
    url: str = "{host}:{port}"


class Entrances:
    """All entrances of one API; `known` are the names of those that services know."""

    def __init__(self, context: Context, owner: str, *known: str) -> None:
        self._context = context
        self._owner = owner
        self._known = known

    def publish(self, entrances: Sequence[Entrance]) -> None:
        """From now on there are these and no others."""
        listeners = tuple(TcpListener(name=e.name, port=e.port, upstream=e.name, host=e.host) for e in entrances)
        upstreams = tuple(Upstream(name=e.name, endpoints=e.servers) for e in entrances)
        self._context.envoy.publish(self._owner, Fragment(listeners=listeners, upstreams=upstreams))
        own = {entrance.known_as: entrance for entrance in reversed(entrances)}
        for name in self._known:
            self._context.network.set_upstream(name, own[name].servers if name in own else ())
            if name in own:
                entrance, network = own[name], self._context.network
                url = entrance.url.format(host=entrance.host, port=entrance.port, password=network.password(name))
                network.expose(name.replace("-", "_"), url)

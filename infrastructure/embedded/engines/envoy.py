"""The data plane: one Envoy process that holds every listener of the platform, configured through files it watches."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from infrastructure.embedded.engines.envoy_model import (
    Condition,
    Endpoint,
    Forward,
    Fragment,
    HttpListener,
    Listener,
    Redirect,
    Respond,
    Route,
    Share,
    TcpListener,
    Upstream,
)
from infrastructure.state import StateFolder

if TYPE_CHECKING:
    from infrastructure.embedded.supervisor import Supervisor

__all__ = [
    "Condition",
    "Endpoint",
    "Envoy",
    "Forward",
    "Fragment",
    "HttpListener",
    "Listener",
    "Redirect",
    "Respond",
    "Route",
    "Share",
    "TcpListener",
    "Upstream",
]


class Envoy:
    """Owns the process and the files it reads. `publish` works before `start` too: it only writes files."""

    def __init__(self, supervisor: "Supervisor", state: StateFolder) -> None:
        self._supervisor = supervisor
        self._state = state
        self._fragments: dict[str, Fragment] = {}

    async def start(self) -> None:
        """Start Envoy and return once it serves; `EnvironmentFault` with its log's tail when it does not."""

    async def close(self) -> None:
        """Stop Envoy. Idempotent."""

    def publish(self, owner: str, fragment: Fragment) -> None:
        """Replace what `owner` published before, within milliseconds; `ValueError` when names or ports clash."""
        self._fragments[owner] = fragment

    async def stats(self, pattern: str) -> Mapping[str, float]:
        """Counters and gauges whose name matches the regular expression `pattern`."""
        return {pattern: 0.0}

"""The AWS APIs of the embedded cloud on one loopback port: parse -> interceptors -> moto -> notify.

Runs inside the daemon's event loop and never blocks it for longer than one moto call takes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from infrastructure.embedded.interceptors import Answer, Call, Interceptor

Page = Callable[[dict[str, str]], Awaitable[bytes | Answer]]
"""A page of the daemon's own API below `/_cafe/`: query in, JSON out (or a whole answer, for another status)."""


class ControlPlane:
    """Serves every API. `pages`: name (`status`) to handler; `on_mutation` hears of each change that succeeded."""

    def __init__(
        self,
        *,
        region: str,
        account: str,
        interceptors: Sequence[Interceptor],
        pages: Mapping[str, Page],
        on_mutation: Callable[[Call], None],
    ) -> None:
        self._region = region
        self._account = account
        self._interceptors = tuple(interceptors)
        self._pages = dict(pages)
        self._on_mutation = on_mutation

    async def serve(self, port: int) -> None:
        """Listen on 127.0.0.1:`port`; returns once connections are accepted."""
        del port

    async def close(self) -> None:
        """Stop listening and cut what is open. Safe to call twice."""

"""Ports where nobody ever answers, as behind a security group that does not let a packet in: `connect` times out.

A listening socket whose queue is full: the kernel drops what knocks, and who knocks tries again after 1, 3, 7 … s, so
a port that comes back is found by those who were waiting. Connections of the listener before are none of its business.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Collection

from infrastructure.embedded.network.envoy.model import LOOPBACK

_AGAIN_S = 0.002
"""Whoever listens on the port before takes a few milliseconds to let go of it."""
_FILLERS = 4
"""More than a queue of length 0 takes on any kernel."""


class DarkPorts:
    """The ports that are dark; each becomes so as soon as nobody listens on it any more."""

    def __init__(self) -> None:
        self._held: dict[int, list[socket.socket]] = {}
        self._wanted: set[int] = set()
        self._holding: asyncio.Task[None] | None = None

    def release(self, stay: Collection[int]) -> None:
        """All but `stay` are free at once, for somebody else to listen on."""
        self._wanted.intersection_update(stay)
        for port in self._held.keys() - self._wanted:
            for each in self._held.pop(port):
                each.close()

    def hold(self, ports: Collection[int]) -> None:
        """These are dark too, as soon as they are free."""
        self._wanted.update(ports)
        if self._wanted - self._held.keys() and (self._holding is None or self._holding.done()):
            self._holding = asyncio.get_running_loop().create_task(self._hold())

    async def _hold(self) -> None:
        while missing := self._wanted - self._held.keys():
            for port in missing:
                sockets = _silent(port)
                if sockets:
                    self._held[port] = sockets
            if self._wanted - self._held.keys():
                await asyncio.sleep(_AGAIN_S)

    def close(self) -> None:
        """Hold none any more."""
        self.release(())


def _silent(port: int) -> list[socket.socket]:
    """A listener on `port` that takes nobody, and what fills its queue; nothing while somebody else listens there."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(0)
    except OSError as taken:
        listener.close()
        if taken.errno != errno.EADDRINUSE:
            raise
        return []
    fillers = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(_FILLERS)]
    for each in fillers:
        each.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            each.connect((LOOPBACK, port))
    return [listener, *fillers]

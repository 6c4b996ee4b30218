"""Addresses for pods: each has one of its own on the loopback network, so that all may listen at the same port.

Blocks of 254 are claimed, so that clusters on one machine keep apart.
"""

import collections
from typing import TYPE_CHECKING

from infrastructure.embedded.host.claims import claim
from infrastructure.errors import EnvironmentFault

if TYPE_CHECKING:
    import socket

_FIRST, _LAST = 64, 95
"""127.64.x.y to 127.95.x.y: far from 127.0.0.1, and from 127.0.0.53 and the like."""


class Addresses:
    """Hands out addresses; one that was released comes round last."""

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []
        self._free: collections.deque[str] = collections.deque()

    def allocate(self) -> str:
        """An address nobody has. `EnvironmentFault` when there is none left."""
        if not self._free:
            self._claim_block()
        return self._free.popleft()

    def release(self, address: str) -> None:
        self._free.append(address)

    def close(self) -> None:
        while self._claims:
            self._claims.pop().close()
        self._free.clear()

    def _claim_block(self) -> None:
        for second in range(_FIRST, _LAST + 1):
            for third in range(256):
                held = claim(f"pods-{second}-{third}")
                if held is not None:
                    self._claims.append(held)
                    self._free.extend(f"127.{second}.{third}.{last}" for last in range(1, 255))
                    return
        raise EnvironmentFault("no block of loopback addresses is left for pods; `cafe down` ends a platform")

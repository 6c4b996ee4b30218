"""Addresses for pods and services: each has one of its own on the loopback network, and there the port it wants.

Blocks of 254 are claimed, so that clusters on one machine keep apart.
"""

import collections
import ipaddress
from typing import TYPE_CHECKING

from infrastructure.embedded.host.claims import claim
from infrastructure.errors import EnvironmentFault

if TYPE_CHECKING:
    import socket

PODS = ipaddress.IPv4Network("127.64.0.0/11")
SERVICES = ipaddress.IPv4Network("127.96.0.0/11")
"""Far from 127.0.0.1, and from 127.0.0.53 and the like."""


class Addresses:
    """Hands out addresses of a network, 127.64.0.0/11 or another of that size; one that was released comes round last.

    `what` has them, for claims and messages.
    """

    def __init__(self, what: str, network: ipaddress.IPv4Network) -> None:
        self._what = what
        self._network = network
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
        for block in self._network.subnets(new_prefix=24):
            _, second, third, _ = block.network_address.packed
            held = claim(f"{self._what}-{second}-{third}")
            if held is not None:
                self._claims.append(held)
                self._free.extend(map(str, block.hosts()))
                return
        raise EnvironmentFault(f"no block of loopback addresses is left for {self._what}; `cafe down` ends a platform")

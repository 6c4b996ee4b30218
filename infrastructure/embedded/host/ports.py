"""Free loopback ports for listeners, out of the way of outgoing connections and of other platforms on this machine.

The kernel gives outgoing connections ports from `net.ipv4.ip_local_port_range`; a listener there may find its port
taken at any moment. So we stay outside it, and of what Services of Kubernetes ask for by number. Platforms share the
rest in blocks, each of which one of them claims.
"""

import collections
import contextlib
import errno
import os
import socket
from pathlib import Path

from infrastructure.embedded.host.claims import claim
from infrastructure.errors import EnvironmentFault

BLOCK = 100
"""Ports per block; a platform of one service needs about 40."""
NODE_PORTS = range(30_000, 32_768)
"""What a Service may have on every node. Source: https://kubernetes.io/docs/reference/networking/ports-and-protocols/"""
_LOWEST, _HIGHEST = 10_000, 65_535
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class Ports:
    """Hands out free loopback ports; a released one comes round last, so that late clients of its former owner miss."""

    def __init__(self, blocks: tuple[int, ...] | None = None) -> None:
        self._unclaimed = collections.deque(_blocks(_ephemeral_range()) if blocks is None else blocks)
        # Neighbouring platforms begin at different blocks, so that a claim seldom meets another's.
        if blocks is None:
            self._unclaimed.rotate(-(os.getpid() % max(len(self._unclaimed), 1)))
        self._claims: list[socket.socket] = []
        self._free: collections.deque[int] = collections.deque()
        self._allocated: set[int] = set()

    def allocate(self) -> int:
        """A port nobody listens on; ours until `release`. `EnvironmentFault` when there is none left."""
        while True:
            for _ in range(len(self._free)):
                port = self._free.popleft()
                if is_free(port):
                    self._allocated.add(port)
                    return port
                self._free.append(port)
            self._claim_block()

    def release(self, port: int) -> None:
        """Give back a port; one that was not allocated is a `ValueError`."""
        if port not in self._allocated:
            raise ValueError(f"port {port} was not allocated here")
        self._allocated.remove(port)
        self._free.append(port)

    def close(self) -> None:
        """Give back everything. The kernel does the same when the process ends."""
        while self._claims:
            self._claims.pop().close()
        self._free.clear()
        self._allocated.clear()

    def _claim_block(self) -> None:
        while self._unclaimed:
            first = self._unclaimed.popleft()
            held = claim(f"ports-{first}")
            if held is not None:
                self._claims.append(held)
                self._free.extend(range(first, first + BLOCK))
                return
        low, high = _ephemeral_range()
        if not self._claims and not _blocks((low, high)):
            raise EnvironmentFault(
                f"the kernel keeps ports {low} to {high} for outgoing connections and leaves no {BLOCK} in a row from"
                f" {_LOWEST} to {_HIGHEST} to listen on. Next: sysctl -w net.ipv4.ip_local_port_range='32768 60999'"
            )
        raise EnvironmentFault(
            f"no free port is left on loopback between {_LOWEST} and {_HIGHEST} outside the kernel's own {low}-{high}; "
            "`ss -ltnp` shows who listens, `cafe down` ends a platform"
        )


def is_free(port: int) -> bool:
    """Whether nobody listens on `port` of 127.0.0.1; connections in TIME_WAIT do not count."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


def _blocks(ephemeral: tuple[int, int]) -> tuple[int, ...]:
    """First ports of the blocks that keep clear of the `ephemeral` range (both ends included), and of `NODE_PORTS`."""
    candidates = range(_LOWEST, _HIGHEST - BLOCK + 2, BLOCK)
    others = (ephemeral, (NODE_PORTS[0], NODE_PORTS[-1]))
    return tuple(first for first in candidates if all(first + BLOCK <= low or first > high for low, high in others))


def _ephemeral_range() -> tuple[int, int]:
    low, high = _EPHEMERAL_RANGE.read_text(encoding="ascii").split()
    return int(low), int(high)

"""A cache without a server."""

import asyncio
from collections.abc import Callable

from services.chassis.redis.cache import CacheUnavailable


def _timeless() -> float:
    return 0.0


class MemoryCache:
    """`DroppingCache` in a dictionary: a key's value and when it ends, by `clock`, whose time stands still by default.

    `is_down`: nobody answers. `has_dropped` is set with the first key that was dropped.
    """

    def __init__(self, clock: Callable[[], float] = _timeless) -> None:
        self._clock = clock
        self.held: dict[str, tuple[bytes, float]] = {}
        self.is_down = False
        self.has_dropped = asyncio.Event()

    async def get(self, key: str) -> bytes | None:
        self._check()
        value, ends_at = self.held.get(key, (None, 0.0))
        return value if self._clock() < ends_at else None

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        self._check()
        self.held[key] = (value, self._clock() + ttl_s)

    async def drop(self, *keys: str) -> None:
        self._check()
        for key in keys:
            self.held.pop(key, None)
        self.has_dropped.set()

    def _check(self) -> None:
        if self.is_down:
            raise CacheUnavailable("nobody there")

"""What stores have, through the cache: kept for a moment in ElastiCache, dropped as soon as it is known to be wrong.

    read    cache, else database and into the cache
    write   database, then the key is dropped; what a reader put there in between is a moment old, and lives that long

What an order gets is decided in the database alone, so a level that is a moment old promises nothing.
"""

import asyncio
import contextlib
from typing import Final

from services.chassis.figures.counters import Figures
from services.chassis.redis.cache import CacheUnavailable, DroppingCache
from services.inventory.store import Stock
from services.inventory.wire import shown_levels

TTL_S: Final = 2.0
TOGETHER_S: Final = 0.05
"""A command for each change would be a quarter of what a reservation costs; so one for all of a while."""
HITS: Final = "CacheHits"
MISSES: Final = "CacheMisses"


def key(store_id: str) -> str:
    """The cache key of what a store has."""
    return f"inventory:levels:{store_id}"


class CachedLevels:
    """`Levels`, cache-aside: a cache that is empty, slow or gone costs time and nothing else. Run `keep` beside it."""

    def __init__(self, stock: Stock, cache: DroppingCache, metrics: Figures) -> None:
        self._stock = stock
        self._cache = cache
        self._metrics = metrics
        self._loading: dict[str, asyncio.Task[bytes]] = {}
        self._wrong: set[str] = set()
        self._dropping: set[str] = set()
        self._is_wrong = asyncio.Event()

    async def of(self, store_id: str) -> bytes:
        cached = None if self._has_wrong(store_id) else await self._cached(store_id)
        if cached is not None:
            self._metrics.count(HITS)
            return cached
        self._metrics.count(MISSES)
        loading = self._loading.get(store_id)
        if loading is None:
            loading = self._loading[store_id] = asyncio.create_task(self._load(store_id), name="levels")
            loading.add_done_callback(lambda ended: self._forget(store_id, ended))
        return await asyncio.shield(loading)

    def changed(self, *store_ids: str) -> None:
        """What is known of the stores is wrong from now on, also what is just being read."""
        self._wrong.update(store_ids)
        for store_id in store_ids:
            self._loading.pop(store_id, None)
        if self._wrong:
            self._is_wrong.set()

    async def keep(self) -> None:
        """Until cancelled: drop what is wrong, at once after a quiet while, else all of `TOGETHER_S` together."""
        while True:
            await self._is_wrong.wait()
            self._is_wrong.clear()
            self._dropping, self._wrong = self._wrong, set()
            with contextlib.suppress(CacheUnavailable):  # what is wrong there ends by itself, soon
                await self._cache.drop(*map(key, self._dropping))
            self._dropping = set()
            await asyncio.sleep(TOGETHER_S)

    def _has_wrong(self, store_id: str) -> bool:
        """Does something wrong lie in the cache, as far as this pod knows?"""
        return store_id in self._wrong or store_id in self._dropping

    async def _cached(self, store_id: str) -> bytes | None:
        """None for what is no answer of ours as well."""
        try:
            cached = await self._cache.get(key(store_id))
        except CacheUnavailable:
            return None
        begins = shown_levels(store_id, ()).removesuffix(b"]}")
        return cached if cached is not None and cached.startswith(begins) and cached.endswith(b"]}") else None

    async def _load(self, store_id: str) -> bytes:
        shown = shown_levels(store_id, await self._stock.levels(store_id))
        if self._loading.get(store_id) is asyncio.current_task() and not self._has_wrong(store_id):
            with contextlib.suppress(CacheUnavailable):  # the answer is right without it
                await self._cache.put(key(store_id), shown, ttl_s=TTL_S)
        return shown

    def _forget(self, store_id: str, ended: "asyncio.Task[bytes]") -> None:
        if self._loading.get(store_id) is ended:
            del self._loading[store_id]
        if not ended.cancelled():
            ended.exception()  # raised for whoever waits; where all have gone it is nobody's

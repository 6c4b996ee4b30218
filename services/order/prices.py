"""Prices through the cache: menu is asked when nobody has for a while, and what was true last holds while it is away.

    a store's list in ElastiCache ──(young)──> used
         │ old, lost, or no cache
    this process's own list ────────(young)──> used, and put into the cache
         │ old, or none yet
    menu ──(changed or not)──> this process's, and so on
         │ away
    the youngest of those two lists, however old; none: nobody can order yet

A list goes on living in the cache when it is old, so that a task which starts while menu is away has one too.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final

from services.assortment import STORES
from services.chassis.figures.metrics import MetricReports
from services.chassis.http.peer import PeerAway
from services.chassis.redis.cache import Cache, CacheUnavailable
from services.chassis.resilience import deadline
from services.order.price_list import PriceList, PriceSource, PricesUnknown, UnknownStore

FRESH_S: Final = 60.0
"""How long a list is used without asking menu. A total that does not fit it is held against a younger one first."""
KEPT_S: Final = 24 * 3600.0
LOAD_S: Final = 1.0
"""For the whole menu, some pages of it."""
AGAIN_S: Final = 1.0
HITS: Final = "CacheHits"
MISSES: Final = "CacheMisses"
STALE: Final = "StalePrices"

_STORES = frozenset(STORES)


def key(store_id: str) -> str:
    """The cache key of a store's price list."""
    return f"order:prices:{store_id}"


class CachedPrices:
    """`Prices`, cache-aside: a cache or a menu that is empty, slow or gone costs time and nothing else."""

    def __init__(
        self, cache: Cache, menu: PriceSource, metrics: MetricReports, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._cache = cache
        self._menu = menu
        self._metrics = metrics
        self._clock = clock
        self._known: PriceList | None = None
        self._loading: asyncio.Task[None] | None = None

    async def at(self, store_id: str, *, at_most_s: float = FRESH_S) -> Mapping[str, int]:
        if store_id not in _STORES:
            raise UnknownStore(store_id)
        cached = await self._cached(store_id)
        is_hit = self._is_young(cached, at_most_s)
        self._metrics.count(HITS if is_hit else MISSES)
        self._learn(cached)
        if not is_hit:
            await self._renew(at_most_s)
        if self._known is None:
            raise PricesUnknown("menu does not answer, and nothing is known of it yet")
        if cached is None or cached.read_at < self._known.read_at:
            await self._put(store_id, self._known)
        return self._known.prices

    async def warm_up(self) -> None:
        """What other tasks keep for any store will do, should menu be away just now."""
        await self._renew(FRESH_S)
        if self._known is None:
            await self._learn_of_any_store()
        while self._known is None:
            await asyncio.sleep(AGAIN_S)
            await self._renew(FRESH_S)

    async def _learn_of_any_store(self) -> None:
        for store_id in STORES:
            if (cached := await self._cached(store_id)) is not None:
                self._learn(cached)
                return

    def _learn(self, cached: PriceList | None) -> None:
        """Of two lists the younger one counts."""
        if cached is not None and (self._known is None or self._known.read_at < cached.read_at):
            self._known = cached

    def _is_young(self, listed: PriceList | None, at_most_s: float) -> bool:
        return listed is not None and self._clock() - listed.read_at <= at_most_s

    async def _cached(self, store_id: str) -> PriceList | None:
        try:
            return PriceList.unpack(await self._cache.get(key(store_id)))
        except CacheUnavailable:
            return None

    async def _renew(self, at_most_s: float) -> None:
        """Ask menu, unless the list is young. Once at a time: whoever comes meanwhile waits for the same answer."""
        if self._is_young(self._known, at_most_s):
            return
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
            self._loading.add_done_callback(self._loaded)
        await asyncio.shield(self._loading)
        if self._known is not None and not self._is_young(self._known, at_most_s):
            self._metrics.count(STALE)

    def _loaded(self, _: "asyncio.Task[None]") -> None:
        self._loading = None

    async def _load(self) -> None:
        deadline.start(LOAD_S)  # of its own: others wait for it than the one who happened to begin it
        with contextlib.suppress(PeerAway):
            self._known = await self._menu.read(self._known)

    async def _put(self, store_id: str, listed: PriceList) -> None:
        with contextlib.suppress(CacheUnavailable):  # the answer is right without it, only later for the next
            await self._cache.put(key(store_id), listed.packed(), ttl_s=KEPT_S)


class CacheOnlyPrices:
    """`Prices` that takes the cache for a database: filled at the start, trusted after. Only without resilience."""

    def __init__(self, cache: Cache, menu: PriceSource, metrics: MetricReports) -> None:
        self._cache = cache
        self._menu = menu
        self._metrics = metrics

    async def warm_up(self) -> None:
        """Once: menu may start after us, whether or not anybody thought of failures."""
        packed = (await self._first()).packed()
        for store_id in STORES:
            await self._cache.put(key(store_id), packed, ttl_s=KEPT_S)

    async def _first(self) -> PriceList:
        while True:
            try:
                return await self._menu.read()
            except PeerAway:
                await asyncio.sleep(AGAIN_S)

    async def at(self, store_id: str, *, at_most_s: float = FRESH_S) -> Mapping[str, int]:
        listed = PriceList.unpack(await self._cache.get(key(store_id)))
        self._metrics.count(MISSES if listed is None else HITS)
        if listed is None:
            raise CacheUnavailable(f"no prices of {store_id}")
        return listed.prices

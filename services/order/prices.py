"""Prices through the cache: a store's list is worked out once, kept in ElastiCache, worked out again when lost."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

import orjson

from services.assortment import STORES
from services.chassis.figures.metrics import MetricReports
from services.chassis.redis.cache import Cache, CacheUnavailable
from services.order.price_list import price_list

TTL_S: Final = 3600.0
HITS: Final = "CacheHits"
MISSES: Final = "CacheMisses"


def key(store_id: str) -> str:
    """The cache key of a store's price list."""
    return f"order:prices:{store_id}"


class CachedPrices:
    """`Prices`, cache-aside: a cache that is empty, slow or gone costs time and nothing else."""

    def __init__(self, cache: Cache, metrics: MetricReports) -> None:
        self._cache = cache
        self._metrics = metrics
        self._loading: dict[str, asyncio.Task[Mapping[str, int]]] = {}

    async def at(self, store_id: str) -> Mapping[str, int]:
        try:
            cached = await self._cache.get(key(store_id))
        except CacheUnavailable:
            cached = None
        if cached is not None and (prices := _read(cached)) is not None:
            self._metrics.count(HITS)
            return prices
        self._metrics.count(MISSES)
        return await self._load_once(store_id)

    async def _load_once(self, store_id: str) -> Mapping[str, int]:
        """One load per store at a time: after a flush, everybody who misses waits for the same one."""
        loading = self._loading.get(store_id)
        if loading is None:
            loading = self._loading[store_id] = asyncio.create_task(self._load(store_id))
            loading.add_done_callback(lambda _: self._loading.pop(store_id, None))
        return await asyncio.shield(loading)

    async def _load(self, store_id: str) -> Mapping[str, int]:
        prices = price_list(store_id)
        with contextlib.suppress(CacheUnavailable):  # the answer is right without it, only later for the next
            await self._cache.put(key(store_id), orjson.dumps(prices), ttl_s=TTL_S)
        return prices


class CacheOnlyPrices:
    """`Prices` that takes the cache for a database: filled at the start, trusted after. Only without resilience."""

    def __init__(self, cache: Cache, metrics: MetricReports) -> None:
        self._cache = cache
        self._metrics = metrics

    async def fill(self) -> None:
        for store_id in STORES:
            await self._cache.put(key(store_id), orjson.dumps(price_list(store_id)), ttl_s=TTL_S)

    async def at(self, store_id: str) -> Mapping[str, int]:
        cached = await self._cache.get(key(store_id))
        prices = None if cached is None else _read(cached)
        if prices is None:
            self._metrics.count(MISSES)
            raise CacheUnavailable(f"no prices of {store_id}")
        self._metrics.count(HITS)
        return prices


def _read(cached: bytes) -> dict[str, int] | None:
    """None for what is no price list: somebody else wrote it, and it must not cost the store an hour of orders."""
    try:
        prices = orjson.loads(cached)
    except orjson.JSONDecodeError:
        return None
    is_list = isinstance(prices, dict) and all(isinstance(price, int) for price in prices.values())
    return prices if is_list else None

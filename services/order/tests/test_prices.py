import asyncio

import pytest

from services.assortment import PRICES_CENTS, STORES
from services.chassis.figures.metrics import MetricReports
from services.chassis.redis.cache import CacheUnavailable
from services.order.price_list import UnknownStore, price_list
from services.order.prices import CachedPrices, CacheOnlyPrices, key
from services.order.tests.fakes import MemoryCache, NoCloudWatch

STORE = STORES[0]


def metrics() -> MetricReports:
    return MetricReports(NoCloudWatch(), namespace="n", dimensions={}, period_s=60)


def counts(of: MetricReports) -> dict[object, object]:
    return {datum["MetricName"]: datum["Value"] for datum in of.collect()}


def test_a_price_list_is_the_menu() -> None:
    assert price_list(STORE) == PRICES_CENTS


def test_prices_are_worked_out_once_and_then_cached() -> None:
    cache, counted = MemoryCache(), metrics()

    async def ask() -> None:
        prices = CachedPrices(cache, counted)
        assert await prices.at(STORE) == await prices.at(STORE) == PRICES_CENTS

    asyncio.run(ask())
    assert counts(counted) == {"CacheMisses": 1, "CacheHits": 1}
    assert key(STORE) in cache.held


def test_everybody_who_misses_at_once_waits_for_the_same_list(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out: list[str] = []

    def counted_list(store_id: str) -> dict[str, int]:
        worked_out.append(store_id)
        return price_list(store_id)

    monkeypatch.setattr("services.order.prices.price_list", counted_list)

    async def ask() -> None:
        prices = CachedPrices(MemoryCache(), metrics())
        await asyncio.gather(*(prices.at(STORE) for _ in range(20)))

    asyncio.run(ask())
    assert worked_out == [STORE]


@pytest.mark.parametrize("is_down", [False, True], ids=["cache up", "cache down"])
def test_a_store_that_does_not_exist_has_no_prices(is_down: bool) -> None:
    cache = MemoryCache()
    cache.is_down = is_down
    with pytest.raises(UnknownStore):
        asyncio.run(CachedPrices(cache, metrics()).at("store-999"))


def test_without_a_cache_prices_are_worked_out_each_time() -> None:
    cache = MemoryCache()
    cache.is_down = True
    assert asyncio.run(CachedPrices(cache, metrics()).at(STORE)) == PRICES_CENTS


def test_prices_without_resilience_break_when_the_cache_is_flushed() -> None:
    async def ask() -> None:
        cache = MemoryCache()
        prices = CacheOnlyPrices(cache, metrics())
        await prices.fill()
        assert await prices.at(STORE) == PRICES_CENTS
        cache.held.clear()
        with pytest.raises(CacheUnavailable):
            await prices.at(STORE)

    asyncio.run(ask())


@pytest.mark.parametrize("strange", [b"", b"\xff", b"[1]", b'"x"', b'{"latte": "cheap"}'])
def test_what_lies_in_the_cache_and_is_no_price_list_is_a_miss(strange: bytes) -> None:
    cache, counted = MemoryCache(), metrics()

    async def ask() -> None:
        await cache.put(key(STORE), strange, ttl_s=60)
        with pytest.raises(CacheUnavailable):
            await CacheOnlyPrices(cache, metrics()).at(STORE)
        prices = CachedPrices(cache, counted)
        assert await prices.at(STORE) == await prices.at(STORE) == PRICES_CENTS

    asyncio.run(ask())
    assert counts(counted) == {"CacheMisses": 1, "CacheHits": 1}

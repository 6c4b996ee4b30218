import asyncio
import json

import pytest

from services.assortment import PRICES_CENTS, STORES
from services.chassis.figures.metrics import MetricReports
from services.chassis.redis.cache import CacheUnavailable
from services.chassis.redis.tests.memory import MemoryCache
from services.chassis.resilience.tests.clock import Clock
from services.chassis.tests.virtual_time import run
from services.order.price_list import PriceList, PricesUnknown, UnknownStore
from services.order.prices import FRESH_S, LOAD_S, CachedPrices, CacheOnlyPrices, key
from services.order.tests.fakes import MemoryMenu, NoCloudWatch

STORE, OTHER = STORES[:2]
DEARER = {item: cents + 10 for item, cents in PRICES_CENTS.items()}


WARM_S = 60.0
"""Of virtual time, until a warm-up that does not end is wrong."""


class SlowCache(MemoryCache):
    """Half a second each time it is asked."""

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0.5)
        return await super().get(key)


class Till:
    """One task's prices, over a menu and a cache that others may share."""

    def __init__(self, menu: MemoryMenu | None = None, cache: MemoryCache | None = None) -> None:
        self.clock = Clock()
        self.menu = menu or MemoryMenu()
        self.menu.clock = self.clock
        self.cache = cache or MemoryCache()
        self.metrics = MetricReports(NoCloudWatch(), namespace="n", dimensions={}, period_s=60)
        self.prices = CachedPrices(self.cache, self.menu, self.metrics, clock=self.clock)

    async def warm_up(self) -> None:
        async with asyncio.timeout(WARM_S):
            await self.prices.warm_up()

    def counts(self) -> dict[object, object]:
        return {datum["MetricName"]: datum["Value"] for datum in self.metrics.collect()}


def test_the_menu_is_read_once_and_then_cached_store_by_store() -> None:
    till = Till()

    async def ask() -> None:
        for store in (STORE, STORE, OTHER):
            assert await till.prices.at(store) == PRICES_CENTS

    asyncio.run(ask())
    assert till.counts() == {"CacheMisses": 2, "CacheHits": 1}
    assert {key(STORE), key(OTHER)} == set(till.cache.held)
    assert till.menu.reads == 1


def test_everybody_who_misses_at_once_waits_for_the_same_list() -> None:
    till = Till()

    async def ask() -> None:
        await asyncio.gather(*(till.prices.at(store) for store in STORES for _ in range(3)))

    asyncio.run(ask())
    assert till.menu.reads == 1


def test_an_old_list_is_asked_for_again() -> None:
    till = Till()

    async def ask() -> None:
        await till.prices.at(STORE)
        till.menu.prices = DEARER
        till.clock.now += FRESH_S
        assert await till.prices.at(STORE) == PRICES_CENTS
        till.clock.now += 1.0
        assert await till.prices.at(STORE) == DEARER

    asyncio.run(ask())
    assert till.menu.reads == 2


def test_a_list_another_task_has_read_is_used() -> None:
    till = Till()
    asyncio.run(till.prices.at(STORE))
    other = Till(MemoryMenu(), till.cache)
    other.menu.is_away = True
    assert asyncio.run(other.prices.at(STORE)) == PRICES_CENTS


@pytest.mark.parametrize("is_down", [False, True], ids=["cache empty", "cache down"])
def test_what_was_true_last_holds_while_menu_and_cache_are_away(is_down: bool) -> None:
    till = Till()

    async def ask() -> None:
        await till.prices.at(STORE)
        till.counts()
        till.clock.now += 1000 * FRESH_S
        till.menu.is_away, till.cache.is_down = True, is_down
        till.cache.held.clear()
        for _ in range(3):
            assert await till.prices.at(STORE) == PRICES_CENTS

    asyncio.run(ask())
    assert till.counts() == {"CacheMisses": 3, "StalePrices": 3}


def test_a_task_that_starts_while_menu_is_away_prices_by_what_others_read_however_old() -> None:
    till = Till()
    asyncio.run(till.prices.at(STORE))
    late = Till(MemoryMenu(), till.cache)
    late.clock.now += 100 * FRESH_S
    late.menu.is_away = True
    assert asyncio.run(late.prices.at(STORE)) == PRICES_CENTS
    assert late.counts() == {"CacheMisses": 1, "StalePrices": 1}


def test_a_task_that_starts_while_menu_is_away_knows_the_prices_of_stores_that_nobody_asked_for() -> None:
    others = Till()
    asyncio.run(others.prices.at(OTHER))
    till = Till(cache=others.cache)
    till.menu.is_away = True

    async def ask() -> None:
        await till.warm_up()
        assert await till.prices.at(STORE) == PRICES_CENTS

    run(ask())


def test_a_warm_up_does_not_wait_for_the_cache_while_menu_answers() -> None:
    till = Till(cache=SlowCache())

    async def start() -> float:
        await till.warm_up()
        return asyncio.get_running_loop().time()

    assert run(start()) < LOAD_S
    assert till.menu.reads == 1


def test_a_warm_up_does_not_give_a_young_list_away_for_an_old_one() -> None:
    others = Till()
    asyncio.run(others.prices.at(STORE))
    till = Till(MemoryMenu(), others.cache)
    till.menu.prices = DEARER
    till.clock.now += 2 * FRESH_S

    async def ask() -> None:
        assert await till.prices.at(OTHER) == DEARER
        till.menu.is_away = True
        await till.warm_up()
        assert await till.prices.at(STORE) == DEARER

    run(ask())


def test_a_task_that_starts_before_menu_does_has_its_list_soon_after() -> None:
    till = Till()
    till.menu.is_away = True

    async def start() -> None:
        warming = asyncio.create_task(till.prices.warm_up())
        await asyncio.sleep(5.5)
        till.menu.is_away = False
        await asyncio.sleep(1.0)
        assert warming.done()

    run(start())
    assert till.menu.reads == 1


def test_nothing_is_priced_that_nobody_ever_priced() -> None:
    till = Till()
    till.menu.is_away = True
    with pytest.raises(PricesUnknown):
        asyncio.run(till.prices.at(STORE))


@pytest.mark.parametrize("is_down", [False, True], ids=["cache up", "cache down"])
def test_a_store_that_does_not_exist_has_no_prices(is_down: bool) -> None:
    till = Till()
    till.cache.is_down = is_down
    with pytest.raises(UnknownStore):
        asyncio.run(till.prices.at("store-999"))


def test_prices_without_resilience_break_when_the_cache_is_flushed() -> None:
    till = Till()

    async def ask() -> None:
        prices = CacheOnlyPrices(till.cache, till.menu, till.metrics)
        await prices.warm_up()
        assert await prices.at(STORE) == PRICES_CENTS
        till.cache.held.clear()
        with pytest.raises(CacheUnavailable):
            await prices.at(STORE)

    asyncio.run(ask())


def listed(prices: object = None, etag: object = "", read_at: object = 1.0) -> bytes:
    return json.dumps({"prices": prices or {"latte-grande": 1}, "etag": etag, "read_at": read_at}).encode()


def test_a_list_survives_its_way_through_the_cache() -> None:
    kept = PriceList(prices={"latte-grande": 445}, etag='"v1"', read_at=1_795_000_000.25)
    assert PriceList.unpack(kept.packed()) == kept
    assert PriceList.unpack(listed()) is not None, "the ones below are wrong in one thing each"


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b'{"latte-grande": 445}', id="no list of ours"),
        pytest.param(listed({"latte-grande": "cheap"}), id="a price that is none"),
        pytest.param(listed([1]), id="prices that are none"),
        pytest.param(listed(etag=7), id="no etag"),
        pytest.param(listed(read_at="yesterday"), id="no time"),
        pytest.param(listed(read_at=None), id="never"),
    ],
)
def test_what_lies_in_the_cache_and_is_no_price_list_is_a_miss(strange: bytes) -> None:
    till = Till()

    async def ask() -> None:
        await till.cache.put(key(STORE), strange, ttl_s=60)
        with pytest.raises(CacheUnavailable):
            await CacheOnlyPrices(till.cache, till.menu, Till().metrics).at(STORE)
        assert await till.prices.at(STORE) == await till.prices.at(STORE) == PRICES_CENTS

    asyncio.run(ask())
    assert till.counts() == {"CacheMisses": 1, "CacheHits": 1}

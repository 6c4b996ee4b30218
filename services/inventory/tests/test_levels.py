"""What stores have, through a cache that may be empty, wrong, full of nonsense, or gone."""

import asyncio
import json

import pytest

from services.chassis.figures.tests.counts import Counts
from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.redis.tests.memory import MemoryCache
from services.inventory.levels import HITS, MISSES, CachedLevels, key
from services.inventory.tests.fakes import FakeStock

pytestmark = pytest.mark.anyio
STORE = "store-001"


class World:
    """Levels over stock and cache; `dropped` runs `keep` until it has dropped what was wrong."""

    def __init__(self) -> None:
        self.stock, self.cache, self.counts = FakeStock(), MemoryCache(), Counts()
        self.levels = CachedLevels(self.stock, self.cache, self.counts)

    async def available(self) -> int:
        [item] = json.loads(await self.levels.of(STORE))["items"]
        return int(item["available"])

    async def dropped(self) -> None:
        keeping = asyncio.create_task(self.levels.keep())
        async with asyncio.timeout(20.0):
            await self.cache.has_dropped.wait()
        keeping.cancel()
        await asyncio.wait({keeping})


async def test_a_store_is_read_once_and_then_found_in_the_cache() -> None:
    world = World()
    assert [await world.available() for _ in range(3)] == [2_000] * 3
    assert (world.stock.reads, world.counts[HITS], world.counts[MISSES]) == (1, 2, 1)


async def test_everybody_who_misses_at_once_waits_for_one_reading() -> None:
    world = World()
    assert set(await asyncio.gather(*(world.available() for _ in range(20)))) == {2_000}
    assert world.stock.reads == 1


async def test_a_change_is_seen_at_once_by_the_pod_that_made_it_and_by_others_when_the_key_is_dropped() -> None:
    world, other = World(), World()
    other.stock, other.cache = world.stock, world.cache
    other.levels = CachedLevels(world.stock, world.cache, Counts())
    await world.available()
    world.stock.available = 1_999
    world.levels.changed(STORE)
    assert (await world.available(), await other.available()) == (1_999, 2_000)
    await world.dropped()
    assert await other.available() == 1_999


async def test_what_was_read_before_a_change_is_not_put_into_the_cache_after_it() -> None:
    world = World()
    reading = asyncio.create_task(world.available())
    await asyncio.sleep(0)  # the reading has begun
    world.levels.changed(STORE)
    await reading
    assert world.cache.held == {}


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"store_id": "store-002", "items": []}', b"null", b'"x"'])
async def test_what_is_no_answer_of_ours_is_read_anew(value: bytes) -> None:
    world = World()
    world.cache.held[key(STORE)] = (value, float("inf"))
    assert await world.available() == 2_000


async def test_without_the_cache_stock_is_read_from_the_database() -> None:
    world = World()
    world.cache.is_down = True
    world.levels.changed(STORE)
    keeping = asyncio.create_task(world.levels.keep())
    assert [await world.available() for _ in range(2)] == [2_000] * 2
    keeping.cancel()
    await asyncio.wait({keeping})
    assert keeping.cancelled()


async def test_without_the_database_what_the_cache_has_is_still_shown() -> None:
    world = World()
    await world.available()
    world.stock.is_away = True
    assert await world.available() == 2_000
    world.cache.held.clear()
    with pytest.raises(StoreUnavailable):
        await world.available()

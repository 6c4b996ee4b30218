"""Stock on a real PostgreSQL: whatever is asked twice, at once, or over a lost connection is done once."""

import asyncio

import pytest

from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.postgres.tests.server import Server
from services.chassis.resilience import deadline
from services.inventory.domain import SEED, Delivery, Level, Line
from services.inventory.store import AuroraStock, Conflict, Freed, OutOfStock, Released
from services.inventory.tests.database import BAGEL, LATTE, OTHER_STORE, STORE, Database, demand

pytestmark = pytest.mark.anyio


async def test_pods_that_start_at_once_fill_the_stores_once(database: Database) -> None:
    async with database.pod(), database.pod(), database.pod():
        assert database.level(LATTE) == (SEED, 0)
        assert database.disagreements() == {}


async def test_a_hold_keeps_pieces_until_it_is_taken(database: Database) -> None:
    async with database.pod() as stock:
        hold = await stock.reserve(demand("o", latte_grande=3, bagel_piece=1), 60.0)
        assert (hold.status, hold.is_new) == ("held", True)
        assert database.level(LATTE) == (SEED - 3, 3)
        assert await stock.take([demand("o", bagel_piece=1, latte_grande=3)]) == {"o": "taken"}
        assert database.level(LATTE) == (SEED - 3, 0)
        assert database.entries("o") == [("take", BAGEL, -1), ("take", LATTE, -3)]


async def test_the_same_reservation_is_the_same_hold(database: Database) -> None:
    async with database.pod() as stock:
        holds = await asyncio.gather(*(stock.reserve(demand("o", latte_grande=1), 60.0) for _ in range(20)))
        assert len({hold.expires_at for hold in holds}) == 1
        assert sum(hold.is_new for hold in holds) == 1
        assert database.level(LATTE) == (SEED - 1, 1)


async def test_an_order_whose_stock_was_taken_is_told_so_when_it_reserves_again(database: Database) -> None:
    async with database.pod() as stock:
        await stock.take([demand("o", latte_grande=1)])
        hold = await stock.reserve(demand("o", latte_grande=1), 60.0)
        assert (hold.status, hold.expires_at, hold.is_new) == ("taken", None, False)


@pytest.mark.parametrize("other", [demand("o", latte_grande=2), demand("o", OTHER_STORE, latte_grande=1)])
async def test_another_reservation_under_the_same_order_is_a_conflict(database: Database, other: object) -> None:
    async with database.pod() as stock:
        await stock.reserve(demand("o", latte_grande=1), 60.0)
        with pytest.raises(Conflict):
            await stock.reserve(demand("o", latte_grande=2), 60.0)
        assert await stock.take([demand("o", OTHER_STORE, latte_grande=1)]) == {"o": "conflict"}
        assert database.level(LATTE) == (SEED - 1, 1)


async def test_all_items_or_none_are_held_and_what_lacks_is_named(database: Database) -> None:
    async with database.pod() as stock:
        database.leave(2, LATTE, BAGEL)
        with pytest.raises(OutOfStock) as refused:
            await stock.reserve(demand("o", latte_grande=3, bagel_piece=3, mocha_tall=1), 60.0)
        assert refused.value.items == (BAGEL, LATTE)
        assert (database.status("o"), database.disagreements()) == (None, {})
        assert (await stock.reserve(demand("o", latte_grande=2), 60.0)).is_new


async def test_stock_is_taken_without_a_hold_all_items_or_none(database: Database) -> None:
    async with database.pod() as stock:
        database.leave(2, LATTE)
        orders = [demand("a", latte_grande=1), demand("b", latte_grande=2, bagel_piece=1), demand("c", latte_grande=1)]
        assert await stock.take(orders) == {"a": "taken", "b": "short", "c": "taken"}
        assert await stock.take(orders) == {"a": "taken", "b": "short", "c": "taken"}
        assert (database.level(LATTE), database.level(BAGEL)) == ((0, 0), (SEED, 0))
        assert (database.status("b"), database.disagreements()) == (None, {})


async def test_orders_are_taken_once_however_often_and_at_once(database: Database) -> None:
    async with database.pod() as stock, database.pod() as other:
        orders = [demand(f"o-{number}", latte_grande=1, bagel_piece=2) for number in range(50)]
        for held in orders[::2]:
            await stock.reserve(held, 60.0)
        batches = (orders, orders[::-1], orders[10:40])
        await asyncio.gather(*(each.take(batch) for each in (stock, other) for batch in batches))
        assert (database.level(LATTE), database.level(BAGEL)) == ((SEED - 50, 0), (SEED - 100, 0))
        assert (database.disagreements(), database.retries) == ({}, [])


async def test_a_hold_is_given_back_once(database: Database) -> None:
    async with database.pod() as stock:
        await stock.reserve(demand("o", latte_grande=3), 60.0)
        freed = await asyncio.gather(*(stock.release("o") for _ in range(10)))
        assert freed.count(Freed(was="held", store_id=STORE)) == 1
        assert (database.level(LATTE), database.entries("o")) == ((SEED, 0), [])


async def test_what_was_taken_is_given_back_once_and_says_so(database: Database) -> None:
    async with database.pod() as stock:
        await stock.take([demand("o", latte_grande=3)])
        assert (await stock.release("o")).was == "taken"
        assert (await stock.release("o")).was == "released"
        assert database.level(LATTE) == (SEED, 0)
        assert database.entries("o") == [("take", LATTE, -3), ("release", LATTE, 3)]


@pytest.mark.parametrize("before", ["nothing", "hold"])
async def test_a_released_order_gets_nothing_whatever_comes_late(database: Database, before: str) -> None:
    async with database.pod() as stock:
        if before == "hold":
            await stock.reserve(demand("o", latte_grande=1), 60.0)
        await stock.release("o")
        with pytest.raises(Released):
            await stock.reserve(demand("o", latte_grande=1), 60.0)
        assert await stock.take([demand("o", latte_grande=1)]) == {"o": "released"}
        assert (database.level(LATTE), database.disagreements()) == ((SEED, 0), {})


async def test_a_delivery_counts_once_under_its_key(database: Database) -> None:
    async with database.pod() as stock:
        delivery = Delivery(key="monday", store_id=STORE, lines=(Line(BAGEL, 10), Line(LATTE, 20)))
        assert sorted(await asyncio.gather(*(stock.restock(delivery) for _ in range(10)))) == [False] * 9 + [True]
        assert (database.level(LATTE), database.level(BAGEL)) == ((SEED + 20, 0), (SEED + 10, 0))
        with pytest.raises(Conflict):
            await stock.restock(Delivery(key="monday", store_id=OTHER_STORE, lines=delivery.lines))
        assert database.disagreements() == {}


async def test_the_levels_of_a_store_are_those_of_all_its_items(database: Database) -> None:
    async with database.pod() as stock:
        await stock.reserve(demand("o", latte_grande=3), 60.0)
        levels = await stock.levels(STORE)
        assert Level(item_id=LATTE, available=SEED - 3, reserved=3) in levels
        assert [each.item_id for each in levels] == sorted(each.item_id for each in levels)
        assert await stock.levels("nowhere") == []


async def test_sessions_that_are_cut_are_made_anew_and_nothing_is_done_twice(database: Database) -> None:
    async with database.pod() as stock:
        await stock.reserve(demand("a", latte_grande=1), 60.0)
        await asyncio.to_thread(database.cut)
        await stock.reserve(demand("a", latte_grande=1), 60.0)
        await asyncio.to_thread(database.cut)
        assert await stock.take([demand("a", latte_grande=1)]) == {"a": "taken"}
        assert (database.level(LATTE), database.disagreements()) == ((SEED - 1, 0), {})


async def test_a_database_that_is_not_there_is_said_within_the_deadline(database: Database) -> None:
    pool = Database(Server(database.server.folder, port=1)).pool()
    await pool.start()
    deadline.start(0.5)
    try:
        with pytest.raises(StoreUnavailable):
            await AuroraStock(pool).reserve(demand("o", latte_grande=1), 60.0)
    finally:
        await pool.close()

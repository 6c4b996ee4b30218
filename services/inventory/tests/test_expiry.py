"""Holds end when their time is over, each once, whoever looks, and whatever comes at the same moment."""

import asyncio

import pytest

from services.chassis.figures.tests.counts import Counts
from services.chassis.postgres.pool import StoreUnavailable
from services.inventory.domain import SEED
from services.inventory.expiry import EXPIRED, Expiry
from services.inventory.tests.database import LATTE, STORE, Database, demand

pytestmark = pytest.mark.anyio
HELD_S, OVER_S = 60.0, 0.0


async def nothing_old() -> int:
    return 0


async def test_every_hold_that_is_over_is_ended_by_one_pod(database: Database) -> None:
    async with database.pod() as stock, database.pod() as other:
        orders = [demand(f"o-{number}", latte_grande=1) for number in range(40)]
        for order in orders:
            await stock.reserve(order, OVER_S)
        await stock.reserve(demand("still", latte_grande=1), HELD_S)
        ended = await asyncio.gather(*(pod.end_holds() for pod in (stock, other, stock, other)))
        assert sorted(order_id for each in ended for order_id, _ in each) == sorted(each.order_id for each in orders)
        assert (database.level(LATTE), database.disagreements()) == ((SEED - 1, 1), {})


async def test_an_ended_hold_may_be_taken_afresh_or_held_anew(database: Database) -> None:
    async with database.pod() as stock:
        for order_id in ("taken", "held"):
            await stock.reserve(demand(order_id, latte_grande=1), OVER_S)
        assert {store_id for _, store_id in await stock.end_holds()} == {STORE}
        assert await stock.take([demand("taken", latte_grande=1)]) == {"taken": "taken"}
        assert (await stock.reserve(demand("held", latte_grande=1), HELD_S)).is_new
        assert (database.level(LATTE), database.disagreements()) == ((SEED - 2, 1), {})


async def test_a_hold_that_is_over_but_not_ended_is_taken_or_begins_anew(database: Database) -> None:
    async with database.pod() as stock:
        for order_id in ("taken", "held"):
            await stock.reserve(demand(order_id, latte_grande=1), OVER_S)
        assert await stock.take([demand("taken", latte_grande=1)]) == {"taken": "taken"}
        assert not (await stock.reserve(demand("held", latte_grande=1), HELD_S)).is_new
        assert await stock.end_holds() == []
        assert (database.level(LATTE), database.disagreements()) == ((SEED - 2, 1), {})


async def test_a_taken_or_released_order_does_not_end(database: Database) -> None:
    async with database.pod() as stock:
        for order_id in ("taken", "released"):
            await stock.reserve(demand(order_id, latte_grande=1), OVER_S)
        await stock.take([demand("taken", latte_grande=1)])
        await stock.release("released")
        assert await stock.end_holds() == []
        assert database.level(LATTE) == (SEED - 1, 0)


async def test_a_sweep_counts_what_it_ended_and_tells_of_the_stores() -> None:
    counts, told = Counts(), list[str]()

    async def end() -> list[tuple[str, str]]:
        return [("a", "store-001"), ("b", "store-001"), ("c", "store-002")]

    assert await Expiry(end, nothing_old, lambda *stores: told.extend(stores), counts).sweep() == 3
    assert (counts[EXPIRED], sorted(told)) == (3, ["store-001", "store-002"])


async def test_the_sweep_goes_on_when_the_database_is_back() -> None:
    counts, ended, is_back = Counts(), asyncio.Event(), iter([False])

    async def end() -> list[tuple[str, str]]:
        if not next(is_back, True):
            raise StoreUnavailable("away")
        return [("a", "store-001")]

    expiry = asyncio.create_task(Expiry(end, nothing_old, lambda *_: ended.set(), counts).keep(look_s=0.01))
    async with asyncio.timeout(20.0):
        await ended.wait()
    expiry.cancel()
    await asyncio.wait({expiry})
    assert counts[EXPIRED] >= 1

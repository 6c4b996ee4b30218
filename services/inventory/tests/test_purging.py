"""Rows of orders that were settled long ago go, and nothing is done twice for it."""

import asyncio

import pytest

from services.chassis.background import cancel
from services.chassis.figures.tests.counts import Counts
from services.chassis.tests.virtual_time import run
from services.inventory.domain import SEED
from services.inventory.expiry import LOOK_S, PURGED, Expiry
from services.inventory.store import PURGED_AT_ONCE, AuroraStock, Conflict, Freed, Released
from services.inventory.tests.database import BAGEL, LATTE, STORE, Database, demand

KEPT_S = 7 * 86_400.0
HELD_S = 60.0
ORDER = demand("o", latte_grande=3, bagel_piece=1)
PIECES = [("take", BAGEL, -1), ("take", LATTE, -3)]


async def purged(stock: AuroraStock, database: Database) -> None:
    """All that was taken or released is older than is kept, and gone."""
    database.age("o", by_s=KEPT_S + 1.0)
    assert await stock.purge(KEPT_S) == 1
    assert database.status("o") is None


@pytest.mark.anyio
async def test_what_was_taken_or_released_is_kept_for_its_time_and_a_hold_for_as_long_as_it_is_held(
    database: Database,
) -> None:
    async with database.pod() as stock:
        for order_id in ("held", "released", "released lately"):
            await stock.reserve(demand(order_id, latte_grande=1), HELD_S)
        await stock.take([demand("taken", latte_grande=1), demand("taken lately", latte_grande=1)])
        for order_id in ("released", "released lately", "never held"):
            await stock.release(order_id)
        database.age("held", "taken", "released", "never held", by_s=KEPT_S + 1.0)
        database.age("taken lately", "released lately", by_s=KEPT_S - HELD_S)
        assert (await stock.purge(KEPT_S), await stock.purge(KEPT_S)) == (3, 0)
        assert database.sql("SELECT order_id FROM inventory.reservations ORDER BY 1") == [
            ("held",), ("released lately",), ("taken lately",)
        ]  # fmt: skip
        assert (database.level(LATTE), database.disagreements()) == ((SEED - 3, 1), {})


@pytest.mark.anyio
@pytest.mark.parametrize("deed", ["take", "release"])
async def test_an_order_counts_from_what_became_of_it_last(database: Database, deed: str) -> None:
    async with database.pod() as stock:
        await stock.reserve(ORDER, HELD_S)
        database.age("o", by_s=KEPT_S + 1.0)
        await (stock.take([ORDER]) if deed == "take" else stock.release("o"))
        assert await stock.purge(KEPT_S) == 0


@pytest.mark.anyio
async def test_what_was_taken_and_purged_is_not_taken_again(database: Database) -> None:
    async with database.pod() as stock:
        await stock.take([ORDER])
        await purged(stock, database)
        assert await stock.take([ORDER, demand("other", latte_grande=1)]) == {"o": "taken", "other": "taken"}
        await purged(stock, database)
        hold = await stock.reserve(ORDER, HELD_S)
        assert (hold.status, hold.expires_at, hold.is_new) == ("taken", None, False)
        await purged(stock, database)
        with pytest.raises(Conflict):
            await stock.reserve(demand("o", latte_grande=2), HELD_S)
        assert (database.level(LATTE), database.entries("o")) == ((SEED - 4, 0), PIECES)
        assert database.disagreements() == {}


@pytest.mark.anyio
async def test_what_was_taken_and_purged_comes_back_once(database: Database) -> None:
    async with database.pod() as stock:
        await stock.take([ORDER])
        await purged(stock, database)
        assert await stock.release("o") == Freed(was="taken", store_id=STORE)
        assert (database.level(LATTE), database.disagreements()) == ((SEED, 0), {})
        await purged(stock, database)
        assert await stock.take([ORDER]) == {"o": "released"}
        await purged(stock, database)
        with pytest.raises(Released):
            await stock.reserve(ORDER, HELD_S)
        assert (database.level(LATTE), database.disagreements()) == ((SEED, 0), {})


@pytest.mark.anyio
async def test_pods_that_purge_and_take_at_once_count_each_order_once(database: Database) -> None:
    orders = [demand(f"o-{number:02d}", latte_grande=1) for number in range(40)]
    async with database.pod() as stock, database.pod() as other:
        await stock.take(orders)
        database.age(*(each.order_id for each in orders), by_s=KEPT_S + 1.0)
        counts = asyncio.gather(*(pod.purge(KEPT_S) for pod in (stock, other) * 3))
        await asyncio.gather(*(pod.take(orders) for pod in (stock, other) * 3))
        assert sum(await counts) == len(orders)
        assert (database.level(LATTE), database.disagreements(), database.retries) == ((SEED - 40, 0), {}, [])


@pytest.mark.anyio
async def test_so_many_go_at_a_time_and_no_more(database: Database) -> None:
    async with database.pod() as stock:
        database.sql(
            "INSERT INTO inventory.reservations (order_id, items, status, changed_at)"
            " SELECT 'o-' || number, '[]', 'released', now() - interval '30 days' "
            " FROM generate_series(1, %s) AS it (number)",
            PURGED_AT_ONCE + 1,
        )
        assert [await stock.purge(KEPT_S) for _ in range(3)] == [PURGED_AT_ONCE, 1, 0]


@pytest.mark.anyio
async def test_rows_of_a_release_that_did_not_purge_count_from_the_day_of_the_change(database: Database) -> None:
    async with database.pod() as stock:
        await stock.take([ORDER])
        database.sql("ALTER TABLE inventory.reservations DROP COLUMN changed_at")
        await stock.prepare()
        assert (await stock.purge(KEPT_S), database.status("o")) == (0, "taken")
        await purged(stock, database)


def test_the_sweep_purges_and_goes_on_at_once_while_there_is_more() -> None:
    counts, left = Counts(), 2 * PURGED_AT_ONCE + 7

    async def nothing_over() -> list[tuple[str, str]]:
        return []

    async def purge() -> int:
        nonlocal left
        count = min(left, PURGED_AT_ONCE)
        left -= count
        return count

    async def story() -> None:
        keeping = asyncio.create_task(Expiry(nothing_over, purge, lambda *_: None, counts).keep())
        await asyncio.sleep(LOOK_S / 4)  # sooner than any second look
        await cancel(keeping)

    run(story())
    assert (left, counts[PURGED]) == (0, 2 * PURGED_AT_ONCE + 7)

"""Stock is taken once for every order that was kept, whatever happens in between, and nobody waits for it."""

import asyncio
import itertools

import pytest

from services.chassis.background import cancel
from services.chassis.tests.virtual_time import run
from services.order.outbox.settling import UNSETTLED_S
from services.order.outbox.table import Row
from services.order.outbox.tests.relay_bench import ALL, Bench, ShardOwner
from services.order.tests.fakes import Crash, Fuse, Manner, World
from services.order.tests.samples import LATTE, draft, row

ROWS = [row(number, f"customer-{number % 4:04d}") for number in range(12)]


def check_taken_once(world: World, rows: list[Row]) -> None:
    """For every row exactly once, and with its lines."""
    assert world.inventory.taken == {each.order_id: 1 for each in rows}
    assert world.inventory.available(LATTE) == world.inventory.each - 2 * len(rows)


async def settled(bench: Bench, *, within_s: float = 60.0) -> None:
    """Run relay and settling side by side until the table is empty, or the time over; `Crash` when one dies."""
    tasks = (asyncio.create_task(bench.relay.run()), asyncio.create_task(bench.settling.run()))
    for _ in range(int(within_s * 10)):
        if not bench.world.table or any(task.done() for task in tasks):
            break
        await asyncio.sleep(0.1)
    await cancel(*tasks)
    crashes = [task.exception() for task in tasks if not task.cancelled()]
    if any(crashes):
        raise Crash


def test_stock_is_taken_once_and_the_rows_leave() -> None:
    world = World(ROWS)
    bench = Bench(world)
    asyncio.run(bench.settle())
    check_taken_once(world, ROWS)
    assert world.table == {}
    assert len(bench.taken) == len(ROWS)
    assert bench.put_aside == 0


def test_a_hold_is_what_is_taken() -> None:
    world = World(ROWS)
    bench = Bench(world)

    async def story() -> None:
        for each in ROWS:
            await world.inventory.reserve(each.order_id, draft(each))
        await bench.settle()

    asyncio.run(story())
    check_taken_once(world, ROWS)


def test_payments_go_on_while_inventory_is_away_and_its_stock_is_taken_when_it_is_back() -> None:
    world = World(ROWS)
    bench = Bench(world)
    world.inventory.manner = "away"

    async def story() -> None:
        await settled(bench, within_s=10.0)
        assert len(world.queue) == len(world.stream) == len(ROWS)
        assert len(world.aside) == len(world.table) == bench.put_aside == len(ROWS)
        assert world.inventory.taken == {}
        world.inventory.manner = "there"
        await settled(bench, within_s=5.0)

    run(story())
    check_taken_once(world, ROWS)
    assert world.table == {}


def test_a_taking_that_never_answers_keeps_no_payment_waiting() -> None:
    """All of one customer and one shard, and more than a page: each is handed on before any is settled."""
    rows = [row(number) for number in range(250)]
    world = World(rows)
    bench = Bench(world)

    async def story() -> None:
        relaying = asyncio.create_task(bench.relay.run())
        async with asyncio.timeout(600.0):
            await bench.until(handed_on=len(rows))
        await cancel(relaying)

    run(story())
    assert [each.order_id for each in world.queue] == [each.order_id for each in rows]
    assert len(world.table) == len(rows)


def test_what_is_short_stays_aside_and_hides_nothing() -> None:
    """As many as a page of them, and others behind."""
    short = [row(number, "customer-0001") for number in range(100)]
    others = [row(number, "customer-0001") for number in range(100, 110)]
    world = World([*short, *others])
    world.inventory.each = 0
    bench = Bench(world)

    async def story() -> None:
        await settled(bench, within_s=10.0)
        assert len(world.aside) == len(world.table) == 110
        world.inventory.each = 20
        await settled(bench, within_s=10.0)
        assert len(world.inventory.taken) == 10
        world.inventory.each = 1_000
        await settled(bench, within_s=10.0)

    run(story())
    check_taken_once(world, [*short, *others])
    assert world.table == {}


@pytest.mark.parametrize("answer", ["conflict", "unknown"])
def test_what_inventory_will_not_take_is_in_the_log_once_and_asked_for_until_it_does(
    caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    world = World(ROWS)
    world.inventory.refuses = {ROWS[0].order_id: answer}
    bench = Bench(world)

    async def story() -> None:
        await settled(bench, within_s=10.0)
        assert [each.order_id for each in world.aside] == [ROWS[0].order_id]
        [said] = [each for each in caplog.records if "stays owed" in each.message]
        assert (said.levelname, vars(said)["order_id"], vars(said)["answer"]) == ("WARNING", ROWS[0].order_id, answer)
        world.inventory.refuses.clear()
        await settled(bench, within_s=10.0)

    run(story())
    check_taken_once(world, ROWS)
    assert world.table == {}


@pytest.mark.parametrize("answer", ["conflict", "unknown"])
def test_what_inventory_never_takes_is_given_up_after_a_day_and_said_so(
    caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    world = World(ROWS)
    world.inventory.refuses = {ROWS[0].order_id: answer}
    bench = Bench(world)

    async def story() -> None:
        await settled(bench, within_s=10.0)
        bench.clock.now += UNSETTLED_S - 1.0
        await settled(bench, within_s=10.0)
        assert ([each.order_id for each in world.aside], bench.unsettled) == ([ROWS[0].order_id], 0)
        bench.clock.now += 1.0
        await settled(bench, within_s=10.0)

    run(story())
    assert (world.table, bench.unsettled) == ({}, 1)
    check_taken_once(world, ROWS[1:])
    [said] = [each for each in caplog.records if "unsettled" in each.message]
    assert (said.levelname, vars(said)["order_id"], vars(said)["answer"]) == ("ERROR", ROWS[0].order_id, answer)


def test_what_is_short_is_owed_however_old() -> None:
    world = World(ROWS[:1])
    world.inventory.each = 0
    bench = Bench(world)
    bench.clock.now += 10 * UNSETTLED_S
    run(settled(bench, within_s=10.0))
    assert ([each.order_id for each in world.aside], bench.unsettled) == ([ROWS[0].order_id], 0)


def test_what_another_task_put_aside_is_found_by_whoever_takes_over() -> None:
    world = World(ROWS)
    world.inventory.manner = "away"

    async def story() -> None:
        await settled(Bench(world), within_s=5.0)
        world.inventory.manner = "there"
        nobody = Bench(world, ShardOwner(frozenset()))
        await settled(nobody, within_s=60.0)
        assert world.inventory.taken == {}
        nobody.owner.shards = ALL
        nobody.settling.took_over(ALL)
        await settled(nobody, within_s=5.0)

    run(story())
    check_taken_once(world, ROWS)


def test_an_idle_settling_reads_nothing_but_a_look_every_half_minute() -> None:
    world = World()
    bench = Bench(world)

    async def story() -> int:
        await settled_idle(bench, 25.0)
        before = world.fuse.count
        await settled_idle(bench, 4.0)
        return world.fuse.count - before

    assert run(story()) == 0


async def settled_idle(bench: Bench, seconds: float) -> None:
    task = asyncio.create_task(bench.settling.run())
    await asyncio.sleep(seconds)
    await cancel(task)


def test_rows_of_a_release_that_knew_no_stock_leave_without_any() -> None:
    old = Row(order_id=row(1).order_id, customer_id="c", store_id="s", total_amount="1.00", at=0.0, correlation_id="c")
    world = World([old])
    asyncio.run(Bench(world).settle())
    assert (world.table, world.inventory.taken) == ({}, {})
    assert len(world.queue) == 1


@pytest.mark.parametrize("manner", ["there", "away", "takes and says nothing"])
def test_a_crash_at_any_point_takes_stock_once(manner: Manner) -> None:
    """At every call to table, queue, stream and inventory, before and after its effect."""
    points = 0
    for at, after in itertools.product(range(1, 60), (False, True)):
        world = World(ROWS)
        world.inventory.manner = manner
        world.blow(Fuse(at=at, after=after))
        try:
            run(settled(Bench(world), within_s=5.0))
        except Crash:
            points += 1
        world.blow(Fuse())
        world.inventory.manner = "there"
        run(settled(Bench(world)))

        check_taken_once(world, ROWS)
        assert {each.order_id for each in world.queue} == {each.order_id for each in ROWS}
        assert len(world.queue) == len(ROWS)
        assert world.table == {}, f"at {at}, {'after' if after else 'before'} its effect"
    assert points > 2 * 12, "the crashes cover a whole run"

import asyncio
from collections.abc import Sequence

import pytest

from services.chassis.aws.tests.refusals import throttled
from services.chassis.background import cancel
from services.order.outbox.table import SHARDS, Row, pack, shard_of
from services.order.outbox.tests.relay_bench import ALL, Bench, ShardOwner
from services.order.tests.fakes import Crash, Fuse, World
from services.order.tests.samples import row

CUSTOMERS = ("customer-0001", "customer-0002", "customer-0003")
ROWS = [row(number, CUSTOMERS[number % 3]) for number in range(12)]
THROTTLED = throttled("Send")


def check_order(queue: Sequence[Row]) -> None:
    """Every customer's orders are in the order in which they were placed."""
    for customer in {each.customer_id for each in queue}:
        ids = [each.order_id for each in queue if each.customer_id == customer]
        assert ids == sorted(ids)


def test_what_a_writer_hands_over_goes_out_once_and_leaves_the_table() -> None:
    world = World(ROWS)
    bench = Bench(world)
    for each in ROWS:
        bench.relay.offer(each)
    asyncio.run(bench.settle())
    assert sorted(ROWS, key=lambda r: r.order_id) == sorted(world.queue, key=lambda r: r.order_id)
    assert len(world.stream) == len(bench.lags) == len(ROWS)
    assert world.table == {}
    check_order(world.queue)


def test_rows_of_a_writer_that_died_are_found_by_the_sweep() -> None:
    world = World(ROWS)
    asyncio.run(Bench(world).settle())
    assert len(world.queue) == len(ROWS)
    assert world.table == {}


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize("at", range(1, 13))
def test_a_crash_at_any_point_loses_nothing_and_doubles_nothing(at: int, after: bool) -> None:
    world = World(ROWS)
    world.fuse = Fuse(at=at, after=after)
    crashed = False
    try:
        asyncio.run(Bench(world).settle())
    except Crash:
        crashed = True
    assert crashed == (world.fuse.is_blown)
    world.fuse = Fuse()
    asyncio.run(Bench(world).settle())

    assert {r.order_id for r in ROWS} == {r.order_id for r in world.queue}
    assert len(world.queue) == len(ROWS)
    assert {r.order_id for r in ROWS} <= {r.order_id for r in world.stream}
    assert world.table == {}
    check_order(world.queue)


def test_the_crash_points_above_cover_a_whole_run() -> None:
    world = World(ROWS)
    asyncio.run(Bench(world).settle())
    assert 8 <= world.fuse.count <= 12 + len(SHARDS) + 3 * 4


def test_more_rows_than_one_call_may_hold_leave_the_table_in_one_go() -> None:
    """Of as many customers, since each has one row under way at a time."""
    rows = [row(number, f"customer-{number:04d}") for number in range(30)]
    world = World(rows)
    bench = Bench(world)
    asyncio.run(bench.settle(steps=1))
    assert len(world.queue) == len(world.stream) == len(bench.lags) == 30
    assert world.table == {}


def test_a_channel_that_fails_is_tried_again_and_the_other_one_is_not_told_twice() -> None:
    world = World(ROWS)
    bench = Bench(world)

    async def run() -> None:
        bench.queue.error = THROTTLED
        await bench.relay.step()
        assert world.queue == []
        assert len(world.table) == len(ROWS)
        bench.queue.error = None
        await bench.settle()

    asyncio.run(run())
    assert len(world.queue) == len(world.stream) == len(ROWS)
    assert world.table == {}


def test_a_message_that_is_refused_is_not_overtaken_by_the_customers_next() -> None:
    world = World([row(1), row(2), row(3, "customer-0002")])
    bench = Bench(world)

    async def run() -> None:
        bench.queue.refuses = {row(1).order_id}
        await bench.relay.step()
        assert [r.order_id for r in world.queue] == [row(3).order_id]
        bench.queue.refuses = set()
        await bench.settle()

    asyncio.run(run())
    check_order(world.queue)
    assert len(world.queue) == 3


def test_a_defect_does_not_end_the_relaying() -> None:
    world = World(ROWS)
    bench = Bench(world)

    async def run() -> None:
        bench.queue.error = ZeroDivisionError("a defect")
        await bench.relay.step()
        bench.queue.error = None
        await bench.settle()

    asyncio.run(run())
    assert world.table == {}


def test_rows_of_somebody_elses_shards_are_passed_on() -> None:
    mine = frozenset({shard_of(CUSTOMERS[0])})
    foreign = [r for r in ROWS if r.shard not in mine]
    assert foreign
    world = World(ROWS)
    bench = Bench(world, ShardOwner(mine))
    for each in ROWS:
        bench.relay.offer(each)
    asyncio.run(bench.settle(3))
    assert foreign == bench.post.told
    assert {r.order_id for r in world.queue} == {r.order_id for r in ROWS if r.shard in mine}
    assert bench.relay.depth == 0


def test_what_is_heard_is_relayed_only_by_the_owner() -> None:
    world = World(ROWS)
    bench = Bench(world, ShardOwner(frozenset()))
    bench.relay.hear(pack(ROWS))
    assert bench.relay.depth == 0


def test_an_older_row_nobody_told_us_of_is_not_overtaken_after_a_take_over() -> None:
    world = World([row(1), row(2)])
    bench = Bench(world)
    bench.relay.took_over(ALL)
    bench.relay.offer(row(2))
    asyncio.run(bench.settle())
    assert [r.order_id for r in world.queue] == [row(1).order_id, row(2).order_id]


def test_a_stopping_relay_hands_over_what_it_holds() -> None:
    world = World(ROWS)
    bench = Bench(world)

    async def run() -> None:
        task, settling = asyncio.create_task(bench.relay.run()), asyncio.create_task(bench.settling.run())
        await asyncio.sleep(0)
        for each in ROWS:
            bench.relay.offer(each)
        bench.relay.stop()
        async with asyncio.timeout(60):
            await task
        await cancel(settling)

    asyncio.run(run())
    assert world.table == {}
    assert len(world.queue) == len(ROWS)


def test_what_a_dead_task_left_goes_out_without_a_pause_between_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody commits and no sweep comes: the first page of the shard is all that tells of the second and third."""
    monkeypatch.setattr("services.order.outbox.relay.SWEEP_S", 3600.0)
    left = [row(number, CUSTOMERS[0]) for number in range(201)]
    world = World(left)
    bench = Bench(world)
    bench.relay.took_over(ALL)

    async def run() -> None:
        relaying = asyncio.create_task(bench.relay.run())
        async with asyncio.timeout(60):
            await bench.until(handed_on=len(left))
        await cancel(relaying)

    asyncio.run(run())
    assert world.queue == left

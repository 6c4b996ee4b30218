"""One shard under one lease, in no time: what happens in which order, and what failures repeat."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from services.analytics.consumer import Consumer
from services.analytics.lease_table import LeaseLost
from services.analytics.leases import SHARD_END, TRIM_HORIZON, Lease
from services.analytics.tests.fakes import Leases, Stream, Table, Warehouse, paid
from services.chassis.tests import virtual_time

if TYPE_CHECKING:
    from services.analytics.loading import Batch

SHARD = "shardId-000000000000"


class World:
    """A shard of `count` paid orders, and the worker that holds its lease."""

    def __init__(self, count: int, *, closed: bool = True, checkpoint: str = TRIM_HORIZON) -> None:
        self.stream = Stream({SHARD: [paid(n) for n in range(count)]}, closed={SHARD} if closed else set())
        self.warehouse = Warehouse()
        self.table = Table({SHARD: Lease(shard=SHARD, owner="me", epoch=5, counter=1, checkpoint=checkpoint)})
        self.batches: list[Batch] = []
        self.consumer = Consumer(
            self.table.rows[SHARD], self.stream, self.warehouse, Leases(self.table, "me"), self.batches.append
        )

    @property
    def orders(self) -> list[str]:
        return [order for order, _ in self.warehouse.rows]

    @property
    def checkpoint(self) -> str:
        return self.table.rows[SHARD].checkpoint

    def run(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> float:
        """Read until it ends; how long that took."""

        async def both() -> float:
            reading = asyncio.create_task(self.consumer.run())
            if meanwhile is not None:
                await meanwhile()
            await reading
            return asyncio.get_running_loop().time()

        return virtual_time.run(both())


def test_a_closed_shard_is_read_to_its_end() -> None:
    world = World(8)
    world.run()
    assert world.orders == [f"order-{n}" for n in range(8)]
    assert world.checkpoint == SHARD_END
    assert sum(batch.rows for batch in world.batches) == 8


def test_reading_goes_on_after_the_checkpoint() -> None:
    world = World(8, checkpoint="6")
    world.run()
    assert world.orders == ["order-6", "order-7"]


def test_a_shard_that_is_behind_is_read_five_times_a_second_and_no_oftener() -> None:
    world = World(30)
    world.warehouse.takes_s = 0.0
    assert world.run() == pytest.approx(9 * 0.2 + 0.5, abs=0.01)


def test_poison_is_set_aside_and_the_shard_goes_on() -> None:
    world = World(4)
    world.stream.held[SHARD][1] = b"not JSON"
    world.run()
    assert world.orders == ["order-0", "order-2", "order-3"]
    assert sum(batch.poison for batch in world.batches) == 1
    assert world.checkpoint == SHARD_END


def test_while_the_warehouse_is_away_nothing_is_passed_over() -> None:
    world = World(5)
    world.warehouse.is_away = True

    async def meanwhile() -> None:
        await asyncio.sleep(30.0)
        assert world.checkpoint == TRIM_HORIZON
        assert world.consumer.progress.failures > 3
        world.warehouse.is_away = False

    world.run(meanwhile)
    assert world.orders == [f"order-{n}" for n in range(5)]
    assert world.consumer.progress.failures == 0


def test_a_checkpoint_that_cannot_be_written_is_written_before_the_next_read() -> None:
    world = World(5)
    world.table.is_away = True

    async def meanwhile() -> None:
        await asyncio.sleep(10.0)
        assert world.warehouse.loads == 1
        world.table.is_away = False

    world.run(meanwhile)
    assert sorted(world.orders) == sorted({f"order-{n}" for n in range(5)})


@pytest.mark.parametrize("checkpoint", [TRIM_HORIZON, "2"])
def test_an_iterator_that_is_too_old_is_replaced_and_loses_nothing(checkpoint: str) -> None:
    world = World(8, checkpoint=checkpoint)
    world.stream.expire_next = True
    world.run()
    assert world.checkpoint == SHARD_END
    assert len(world.orders) == len(set(world.orders)) == 8 - (2 if checkpoint == "2" else 0)


def test_an_epoch_that_has_passed_is_a_lost_lease() -> None:
    world = World(5)
    world.warehouse.epochs[SHARD] = 6
    with pytest.raises(LeaseLost, match=SHARD):
        world.run()
    assert world.orders == []
    assert world.checkpoint == TRIM_HORIZON


def test_a_lease_that_is_another_workers_is_not_checkpointed() -> None:
    world = World(5)
    world.table.rows[SHARD] = Lease(shard=SHARD, owner="you", epoch=6)
    with pytest.raises(LeaseLost):
        world.run()
    assert world.checkpoint == TRIM_HORIZON


def test_a_worker_that_stops_finishes_its_batch() -> None:
    world = World(5, closed=False)
    world.warehouse.takes_s = 3.0

    async def meanwhile() -> None:
        await asyncio.sleep(1.0)
        world.consumer.stop()

    assert world.run(meanwhile) == pytest.approx(3.0, abs=0.01)
    assert (world.orders, world.checkpoint) == (["order-0", "order-1", "order-2"], "3")


def test_a_worker_that_stops_does_not_wait_for_a_warehouse_that_is_away() -> None:
    world = World(5)
    world.warehouse.is_away = True

    async def meanwhile() -> None:
        await asyncio.sleep(20.0)
        world.consumer.stop()

    assert world.run(meanwhile) < 21.0
    assert world.checkpoint == TRIM_HORIZON


def test_an_idle_shard_is_read_once_a_second() -> None:
    world = World(0, closed=False)

    async def meanwhile() -> None:
        await asyncio.sleep(10.5)
        world.consumer.stop()

    world.run(meanwhile)
    assert len(world.stream.reads) == 11

"""Without resilience a worker loses what it holds when it dies: that is what the chaos suites must notice."""

import asyncio

from services.analytics.fragile import READ_S, READS, HastyConsumer
from services.analytics.leases import SHARD_END, Lease
from services.analytics.tests.fakes import Leases, Stream, Table, Warehouse, paid
from services.chassis.background import cancel
from services.chassis.tests import virtual_time

SHARD = "shardId-000000000000"


def test_what_was_read_is_noted_as_done_before_it_is_loaded() -> None:
    stream, warehouse = Stream({SHARD: [paid(n) for n in range(6)]}), Warehouse()
    table = Table({SHARD: Lease(shard=SHARD, owner="me", epoch=1)})
    consumer = HastyConsumer(table.rows[SHARD], stream, warehouse, Leases(table, "me"), lambda _batch: None)

    async def killed_before_a_batch_is_full() -> None:
        reading = asyncio.create_task(consumer.run())
        await asyncio.sleep(READ_S * (READS - 1.5))
        await cancel(reading)

    virtual_time.run(killed_before_a_batch_is_full())
    assert (table.rows[SHARD].checkpoint, warehouse.rows) == ("6", [])


def test_left_alone_it_loads_everything_once() -> None:
    stream, warehouse = Stream({SHARD: [paid(n) for n in range(20)]}, closed={SHARD}), Warehouse()
    table = Table({SHARD: Lease(shard=SHARD, owner="me", epoch=1)})
    virtual_time.run(
        HastyConsumer(table.rows[SHARD], stream, warehouse, Leases(table, "me"), lambda _batch: None).run()
    )
    assert [order for order, _ in warehouse.rows] == [f"order-{n}" for n in range(20)]
    assert table.rows[SHARD].checkpoint == SHARD_END

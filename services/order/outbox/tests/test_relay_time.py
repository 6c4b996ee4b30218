"""When the relay does what: idle, under load, after a failure, after that failure is over, and at its end."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence

import pytest

from services.chassis.aws.tests.refusals import throttled
from services.chassis.background import cancel
from services.chassis.tests.virtual_time import run
from services.order.outbox.table import OutboxPage, Row
from services.order.outbox.tests.relay_bench import Bench
from services.order.tests.fakes import World
from services.order.tests.samples import row

THROTTLED = throttled("Send")


class Seen:
    """The times, in seconds, at which the relay read the table and at which it tried to hand on."""

    def __init__(self, bench: Bench) -> None:
        self.reads: list[float] = []
        self.sends: list[float] = []
        self._oldest, self._send = bench.outbox.oldest, bench.queue.send
        bench.outbox.oldest = self._read  # type: ignore[method-assign] # looked at on its way
        bench.queue.send = self._sent  # type: ignore[method-assign] # as above

    async def _read(self, partition: str, limit: int, *, after: str | None = None) -> OutboxPage:
        if partition == "s0":
            self.reads.append(asyncio.get_running_loop().time())
        return await self._oldest(partition, limit, after=after)

    async def _sent(self, rows: Sequence[Row]) -> set[str]:
        self.sends.append(asyncio.get_running_loop().time())
        return await self._send(rows)


def relaying(bench: Bench, story: Callable[[], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        tasks = (asyncio.create_task(bench.relay.run()), asyncio.create_task(bench.settling.run()))
        await story()
        await cancel(*tasks)

    run(all_of_it())


def test_an_idle_relay_reads_the_table_every_two_seconds_and_no_oftener() -> None:
    bench = Bench(World())
    seen = Seen(bench)
    relaying(bench, lambda: asyncio.sleep(10.5))
    assert seen.reads == pytest.approx([2, 4, 6, 8, 10])


def test_a_relay_that_has_failed_and_succeeded_is_idle_again(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(World())
    seen = Seen(bench)

    async def story() -> None:
        for number in range(2):
            bench.queue.error = THROTTLED
            bench.relay.offer(row(number))
            bench.world.table[row(number).shard, row(number).order_id] = row(number)
            await asyncio.sleep(0.01)
            bench.queue.error = None
            await asyncio.sleep(9.99)

    with caplog.at_level(logging.WARNING):
        relaying(bench, story)
    assert len(bench.world.queue) == 2
    assert len(seen.reads) <= 2 * 7, "one at each failure, one after it, and one every two seconds"
    assert [record.message for record in caplog.records] == ["the relay backs off"] * 2, "each trouble is told of once"


def test_a_relay_backs_off_from_a_tenth_of_a_second_to_five_and_says_so_at_the_first_and_the_tenth(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(World([row(1)]))
    bench.queue.error = THROTTLED
    seen = Seen(bench)
    with caplog.at_level(logging.WARNING):
        bench.relay.offer(row(1))
        relaying(bench, lambda: asyncio.sleep(60.0))
    pauses = [later - earlier for earlier, later in itertools.pairwise(seen.sends)]
    longest = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=False))
    assert len(pauses) >= len(longest)
    assert len(caplog.records) == 2
    assert [vars(record)["held"] for record in caplog.records] == [1, 1]


def test_rows_that_come_soon_after_others_go_out_together() -> None:
    bench = Bench(World())
    seen = Seen(bench)

    async def story() -> None:
        for number in range(10):
            each = row(number, f"customer-{number:04d}")
            bench.world.table[each.shard, each.order_id] = each
            bench.relay.offer(each)
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)

    relaying(bench, story)
    assert len(bench.world.queue) == 10
    assert seen.sends == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_nobody_lingers_over_a_full_load() -> None:
    bench = Bench(World())
    seen = Seen(bench)

    async def story() -> None:
        for count in (1, 50):
            for number in range(count):
                each = row(100 * count + number, f"customer-{number:04d}")
                bench.world.table[each.shard, each.order_id] = each
                bench.relay.offer(each)
            await asyncio.sleep(0.01)

    relaying(bench, story)
    assert len(bench.world.queue) == 51
    assert max(seen.sends) <= 0.01


@pytest.mark.parametrize("held", [0, 3])
def test_a_relay_that_is_stopped_ends_at_once(held: int) -> None:
    bench = Bench(World([row(number) for number in range(held)]))

    async def story() -> float:
        loop = asyncio.get_running_loop()
        task, settling = asyncio.create_task(bench.relay.run()), asyncio.create_task(bench.settling.run())
        await asyncio.sleep(0.5)
        for number in range(held):
            bench.relay.offer(row(number))
        began = loop.time()
        bench.relay.stop()
        await task
        ended = loop.time()
        await cancel(settling)
        return ended - began

    assert run(story()) == 0.0
    assert len(bench.world.queue) == held

"""Several workers over one stream, in no time: who reads what, who takes over when, and that an order counts once."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from services.analytics.consumer import Consumer
from services.analytics.keeper import Keeper
from services.analytics.leases import BEAT_S, LEASE_S, SHARD_END, Lease
from services.analytics.tests.fakes import Leases, Mortal, Stream, Table, Warehouse, paid
from services.chassis.tests import virtual_time


class Group:
    """Workers over one table, stream and warehouse."""

    def __init__(self, *shards: str) -> None:
        self.table = Table()
        self.stream = Stream({shard: [] for shard in shards})
        self.warehouse = Warehouse()
        self.keepers: dict[str, Keeper] = {}
        self.leases: dict[str, Leases] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.sold = 0

    def start(self, me: str) -> None:
        self.leases[me] = leases = Leases(self.table, me)
        sink = Mortal(self.warehouse, leases)

        def read(lease: Lease) -> Consumer:
            return Consumer(lease, self.stream, sink, leases, lambda _batch: None)

        self.keepers[me] = Keeper(me, leases, self.stream, read, clock=asyncio.get_running_loop().time)
        self.tasks[me] = asyncio.create_task(self.keepers[me].run())

    def kill(self, me: str) -> None:
        """As SIGKILL does: nothing is handed over, and what the warehouse was asked for happens all the same."""
        self.leases[me].is_dead = True
        self.tasks[me].cancel()
        del self.keepers[me]

    def sell(self, count: int) -> None:
        """Paid orders, over all open shards."""
        is_open = [shard for shard in self.stream.held if shard not in self.stream.closed]
        for _ in range(count):
            self.stream.held[is_open[self.sold % len(is_open)]].append(paid(self.sold))
            self.sold += 1

    def owners(self) -> dict[str, str | None]:
        return {shard: lease.owner for shard, lease in sorted(self.table.rows.items())}

    async def until(self, holds: Callable[[], bool], within_s: float = 60.0) -> float:
        """Wait for it; how long that took."""
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110 - what is waited for is the state of a fake, which tells nobody
                await asyncio.sleep(0.05)  # the loop's clock leaps
        return asyncio.get_running_loop().time() - began

    def is_all_loaded(self) -> bool:
        return len(self.warehouse.rows) >= self.sold

    async def stop(self) -> None:
        for keeper in self.keepers.values():
            keeper.stop()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def run(group: Group, story: Callable[[Group], Awaitable[None]]) -> None:
    async def told() -> None:
        await story(group)
        await group.stop()

    virtual_time.run(told())
    counts = Counter(order for order, _ in group.warehouse.rows)
    assert counts == Counter(f"order-{n}" for n in range(group.sold))


def test_one_worker_reads_every_shard_in_parallel() -> None:
    group = Group("a", "b", "c")

    async def story(group: Group) -> None:
        group.warehouse.takes_s = 1.0
        group.sell(9)
        group.start("x")
        assert await group.until(group.is_all_loaded) < 2.0

    run(group, story)


def test_leases_are_balanced_when_a_worker_joins() -> None:
    async def story(group: Group) -> None:
        group.start("x")
        await group.until(lambda: set(group.owners().values()) == {"x"})
        group.start("y")
        await group.until(lambda: Counter(group.owners().values()) == {"x": 2, "y": 2})
        group.sell(40)
        await group.until(group.is_all_loaded)

    run(Group("a", "b", "c", "d"), story)


def test_a_worker_that_stops_hands_over_at_once() -> None:
    async def story(group: Group) -> None:
        group.start("x")
        await group.until(lambda: set(group.owners().values()) == {"x"})
        group.start("y")
        await group.until(lambda: set(group.owners().values()) == {"x", "y"})
        group.sell(20)
        group.keepers["x"].stop()
        assert await group.until(lambda: set(group.owners().values()) == {"y"}) < LEASE_S
        assert await group.until(group.is_all_loaded) < 10.0

    run(Group("a", "b"), story)


def test_a_dead_workers_shards_are_taken_over_within_a_lease_time_and_a_beat() -> None:
    async def story(group: Group) -> None:
        group.start("x")
        await group.until(lambda: set(group.owners().values()) == {"x"})
        group.start("y")
        await group.until(lambda: set(group.owners().values()) == {"x", "y"})
        group.sell(20)
        group.kill("x")
        assert await group.until(lambda: set(group.owners().values()) == {"y"}) <= LEASE_S + 2 * BEAT_S
        await group.until(group.is_all_loaded)

    run(Group("a", "b"), story)


def test_a_worker_that_cannot_see_its_leases_stops_reading_before_anybody_may_take_them() -> None:
    async def story(group: Group) -> None:
        group.start("x")
        await group.until(lambda: len(group.keepers["x"].held) == 2)
        group.table.is_away = True
        assert await group.until(lambda: not group.keepers["x"].held) < LEASE_S
        group.table.is_away = False
        group.sell(4)
        await group.until(group.is_all_loaded)

    run(Group("a", "b"), story)


def test_a_worker_that_wakes_up_late_changes_nothing() -> None:
    """Its load is under way when the lease goes to another: the warehouse knows whose epoch is the newest."""

    async def story(group: Group) -> None:
        group.start("x")
        await group.until(lambda: set(group.owners().values()) == {"x"})
        group.warehouse.takes_s = 20.0
        group.sell(3)
        await asyncio.sleep(2.0)
        lease = group.table.rows["a"]
        group.table.rows["a"] = Lease(shard="a", owner="y", epoch=lease.epoch + 1, counter=lease.counter + 1)
        group.warehouse.takes_s = 0.1
        await group.warehouse.open("a")
        group.warehouse.epochs["a"] = lease.epoch + 1
        await asyncio.sleep(25.0)
        await group.until(group.is_all_loaded)

    run(Group("a"), story)


def test_children_are_read_after_their_parents() -> None:
    async def story(group: Group) -> None:
        group.sell(7)
        group.stream.closed = {"a"}
        group.stream.held |= {"b": [], "c": []}
        group.stream.parents = {"b": frozenset({"a"}), "c": frozenset({"a"})}
        group.sell(8)
        group.start("x")
        await group.until(group.is_all_loaded)
        first_child = next(place for place, shard in enumerate(group.stream.reads) if shard != "a")
        assert "a" not in group.stream.reads[first_child:]
        assert group.table.rows["a"].checkpoint == SHARD_END
        del group.stream.held["a"]  # its records have left the stream
        await group.until(lambda: "a" not in group.table.rows, within_s=120.0)

    run(Group("a"), story)


@pytest.mark.parametrize("seed", range(8))
def test_every_order_counts_once_whoever_dies(seed: int) -> None:
    """Workers die and join at random moments, while the table and the warehouse come and go."""
    chance = random.Random(seed)  # noqa: S311 - a seeded one

    async def story(group: Group) -> None:
        for number in range(20):
            group.sell(chance.randrange(12))
            group.start(f"worker-{number}")
            await asyncio.sleep(chance.random() * 3)
            group.warehouse.is_away = chance.random() < 0.2
            group.table.is_away = chance.random() < 0.1
            if len(group.keepers) > 2:
                group.kill(chance.choice(sorted(group.keepers)))
        group.warehouse.is_away = group.table.is_away = False
        await group.until(group.is_all_loaded, within_s=120.0)

    run(Group("a", "b", "c"), story)

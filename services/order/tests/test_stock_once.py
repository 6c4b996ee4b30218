"""An order's way from the request to its stock: dead at any call in between, stock is taken once or not at all.

Once for every order that was kept, whoever heard of it; not at all for every other, once its hold is over.
"""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.aws.errors import AwsError
from services.chassis.aws.tests.refusals import throttled
from services.chassis.figures.metrics import MetricReports
from services.chassis.redis.tests.memory import MemoryCache
from services.chassis.tests.virtual_time import run
from services.chassis.web.problems import HttpProblem
from services.order.desk import OrderDesk
from services.order.domain import Order
from services.order.outbox.table import Row
from services.order.outbox.tests.relay_bench import Bench
from services.order.outbox.tests.test_settling import settled
from services.order.prices import CachedPrices
from services.order.stock import OwedStock
from services.order.store import KeyConflict, Placed
from services.order.tests.fakes import (
    Crash,
    Fuse,
    Manner,
    MemoryBook,
    MemoryMenu,
    NoCloudWatch,
    World,
)
from services.order.tests.samples import LATTE, draft, row

SILENCE = AwsError(operation="TransactWriteItems", code="Interrupted", message="silence", may_have_happened=True)
REFUSAL = throttled("TransactWriteItems")
MANNERS: tuple[Manner, ...] = ("there", "away", "takes and says nothing")


class Table(MemoryBook):
    """The orders table with its outbox, in a world: a write that dies is there, or not, as its fuse has it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.is_silent = False

    async def place(self, order: Order, fingerprint: str) -> Placed:
        self._world.fuse.before_effect()
        placed = await super().place(order, fingerprint)
        if not placed.is_replay:
            written = Row.of(order)
            self._world.table[written.shard, written.order_id] = written
        self._world.fuse.after_effect()
        if self.is_silent:
            raise SILENCE
        return placed


class Chain:
    """Customers, the desk, table, relay and inventory, of a world that outlives every task."""

    def __init__(self) -> None:
        self.world = World()
        self.table = Table(self.world)

    async def order(self, number: int, key: str | None = None) -> str | None:
        """The id of an order that was acknowledged, by a task that may be new; None for a refusal."""
        metrics = MetricReports(NoCloudWatch(), namespace="n", dimensions={}, period_s=60)
        desk = OrderDesk(
            prices=CachedPrices(MemoryCache(), MemoryMenu(), metrics),
            stock=OwedStock(self.world.inventory, metrics),
            book=self.table,
            cache=MemoryCache(),
            metrics=metrics,
        )
        try:
            return (await desk.place(draft(row(number, f"customer-{number:04d}")), key)).order_id
        except HttpProblem:
            return None

    def end(self) -> None:
        """The trouble is over, and so is every hold; a relay deals with what there is."""
        self.world.blow(Fuse())
        self.world.inventory.manner = "there"
        self.world.inventory.expire()
        run(settled(Bench(self.world)))

    def check(self, acknowledged: set[str]) -> None:
        kept = set(self.table.orders)
        assert acknowledged <= kept
        assert self.world.inventory.taken == dict.fromkeys(kept, 1)
        assert self.world.inventory.available(LATTE) == self.world.inventory.each - 2 * len(kept)
        assert self.world.table == {}


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("at", range(1, 9))
def test_a_task_that_dies_at_any_call_takes_stock_once_or_not_at_all(at: int, manner: Manner, after: bool) -> None:
    chain = Chain()
    chain.world.inventory.manner = manner
    chain.world.blow(Fuse(at=at, after=after))

    acknowledged: set[str] = set()

    async def story() -> None:
        for number in range(20):
            if (order_id := await chain.order(number)) is not None:
                acknowledged.add(order_id)

    with pytest.raises(Crash):
        asyncio.run(story())
    chain.end()
    chain.check(acknowledged)


ATTEMPTS = st.lists(
    st.tuples(
        st.sampled_from(MANNERS),
        st.sampled_from(["written", "refused", "silent"]),
        st.sampled_from([None, "k-1", "k-2"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(ATTEMPTS)
def test_repeats_refusals_and_silence_take_stock_once_or_not_at_all(
    attempts: list[tuple[Manner, str, str | None, bool]],
) -> None:
    """Of one customer that asks again and again, under a key or not; now and then every hold ends in between."""
    chain = Chain()

    async def story() -> set[str]:
        acknowledged = set()
        for manner, write, key, ends in attempts:
            chain.world.inventory.manner = manner
            chain.table.is_silent = write == "silent"
            chain.table.error_of_placing = REFUSAL if write == "refused" else None
            acknowledged.add(await chain.order(1, key))
            if ends:
                chain.world.inventory.expire()
        return {order_id for order_id in acknowledged if order_id is not None}

    acknowledged = asyncio.run(story())
    chain.end()
    chain.check(acknowledged)


def test_another_order_under_a_used_key_is_refused_and_holds_nothing() -> None:
    chain = Chain()

    async def story() -> None:
        assert await chain.order(1, "k-1") is not None
        assert await chain.order(2, "k-1") is None
        with pytest.raises(KeyConflict):
            await chain.table.earlier("k-1", "another")

    asyncio.run(story())
    statuses = [status for status, _ in chain.world.inventory.reservations.values()]
    assert sorted(statuses) == ["held", "released"]


@pytest.mark.parametrize("manner", MANNERS)
def test_a_replay_is_the_order_of_then_and_takes_nothing_more(manner: Manner) -> None:
    chain = Chain()

    async def story() -> set[str | None]:
        first = await chain.order(1, "k-1")
        chain.world.inventory.manner = manner
        return {first, await chain.order(1, "k-1")}

    acknowledged = asyncio.run(story())
    assert len(acknowledged) == 1
    chain.end()
    chain.check({each for each in acknowledged if each is not None})

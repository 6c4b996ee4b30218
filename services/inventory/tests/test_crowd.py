"""Thirty-two clients of four pods do at random what can be done, with the same orders and too little stock for them."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from services.inventory.domain import Demand
from services.inventory.store import AuroraStock, OutOfStock, Released
from services.inventory.tests.database import BAGEL, LATTE, MOCHA, OTHER_STORE, STORE, Database, demand

pytestmark = pytest.mark.anyio

CLIENTS, DEEDS, PIECES = 32, 25, 40
ORDERS = tuple(
    demand(
        f"order-{number:03d}",
        STORE if number % 3 else OTHER_STORE,
        latte_grande=1 + number % 2,
        bagel_piece=1 + number % 5,
        **({"mocha_tall": 2} if number % 4 == 0 else {}),
    )
    for number in range(120)
)


@dataclass
class Crowd:
    """What the clients were told."""

    draw: random.Random
    taken: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    told: Counter[str] = field(default_factory=Counter)

    async def client(self, stock: AuroraStock) -> None:
        for _ in range(DEEDS):
            deed = self.draw.choice((self.reserve, self.reserve, self.take, self.release, self.end))
            await deed(stock)

    async def reserve(self, stock: AuroraStock) -> None:
        try:
            hold = await stock.reserve(self._order(), self.draw.choice((0.001, 60.0)))
        except (OutOfStock, Released) as refused:
            self.told[type(refused).__name__] += 1
        else:
            self.told[hold.status] += 1

    async def take(self, stock: AuroraStock) -> None:
        orders = self.draw.sample(ORDERS, self.draw.randint(1, 4))
        outcomes = await stock.take(orders)
        self.told.update(outcomes.values())
        self.taken |= {order_id for order_id, outcome in outcomes.items() if outcome == "taken"}

    async def release(self, stock: AuroraStock) -> None:
        order = self._order()
        if order.order_id.endswith(("1", "2")):  # the others are never released
            await stock.release(order.order_id)
            self.released.add(order.order_id)

    async def end(self, stock: AuroraStock) -> None:
        self.told["ended"] += len(await stock.end_holds())

    def _order(self) -> Demand:
        return self.draw.choice(ORDERS)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_crowd_never_gets_more_than_there_is(database: Database, seed: int) -> None:
    async with database.pod() as one, database.pod() as two, database.pod() as three, database.pod() as four:
        for store_id in (STORE, OTHER_STORE):
            database.leave(PIECES, LATTE, BAGEL, MOCHA, store_id=store_id)
        crowd = Crowd(random.Random(seed))  # noqa: S311 - repeatable, no secret
        pods = (one, two, three, four)
        await asyncio.gather(*(crowd.client(pods[number % len(pods)]) for number in range(CLIENTS)))
        _check(database, crowd)


def _check(database: Database, crowd: Crowd) -> None:
    assert database.disagreements() == {}
    assert database.retries == []  # nobody waited for one who waited for him
    kept = crowd.taken - crowd.released
    assert {order_id: database.status(order_id) for order_id in kept} == dict.fromkeys(kept, "taken")
    assert {database.status(order_id) for order_id in crowd.released} == {"released"}
    assert max(_sold(kept).values()) <= PIECES
    assert min(crowd.told[each] for each in ("held", "taken", "short", "OutOfStock", "Released")) > 0


def _sold(orders: set[str]) -> Counter[tuple[str, str]]:
    """Pieces by store and item."""
    sold: Counter[tuple[str, str]] = Counter()
    for order in ORDERS:
        if order.order_id in orders:
            sold.update({(order.store_id, line.item_id): line.quantity for line in order.lines})
    return sold

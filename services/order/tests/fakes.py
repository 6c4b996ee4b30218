"""The order service without a network: its real HTTP layer and rules over stores in memory."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.assortment import PRICES_CENTS
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Json
from services.chassis.figures.metrics import MetricReports
from services.chassis.http.peer import PeerAway
from services.chassis.redis.tests.memory import MemoryCache
from services.chassis.web.tests.asking import Answer, ask, surface
from services.order.desk import OrderDesk
from services.order.domain import Draft, Order, StockState
from services.order.outbox.settling import RELEASED, TAKEN
from services.order.outbox.table import ASIDE, OutboxPage, Row
from services.order.price_list import PriceList
from services.order.prices import CachedPrices
from services.order.routes import ROUTE, add_routes
from services.order.stock import OutOfStock, OwedStock
from services.order.store import KeyConflict, Placed


class Crash(BaseException):
    """The process dies here. No handler of the code under test may catch it."""


@dataclass
class Fuse:
    """Blows at the `at`-th call to the world, before or after its effect, and stays blown; 0 never."""

    at: int = 0
    after: bool = False
    count: int = 0
    is_blown: bool = False

    def before_effect(self) -> None:
        self.count += 1
        self._blow(is_now=not self.after)

    def after_effect(self) -> None:
        self._blow(is_now=self.after)

    def _blow(self, *, is_now: bool) -> None:
        self.is_blown = self.is_blown or (is_now and self.count == self.at)
        if self.is_blown:
            raise Crash


class MemoryBook:
    """`OrderBook` in dictionaries; fails with `error` while that is set, or in placing or looking up a key alone."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.keys: dict[str, tuple[str, str]] = {}
        self.error: AwsError | None = None
        self.error_of_placing: AwsError | None = None
        self.error_of_looking: AwsError | None = None

    async def earlier(self, key: str, fingerprint: str) -> Placed | None:
        if (error := self.error or self.error_of_looking) is not None:
            raise error
        if key not in self.keys:
            return None
        order_id, earlier = self.keys[key]
        if earlier != fingerprint:
            raise KeyConflict(key)
        return Placed(order_id=order_id, is_replay=True)

    async def place(self, order: Order, fingerprint: str) -> Placed:
        if (error := self.error or self.error_of_placing) is not None:
            raise error
        if order.idempotency_key is not None:
            order_id, earlier = self.keys.setdefault(order.idempotency_key, (order.order_id, fingerprint))
            if earlier != fingerprint:
                raise KeyConflict(order.idempotency_key)
            if order_id != order.order_id:
                return Placed(order_id=order_id, is_replay=True)
        self.orders[order.order_id] = order
        return Placed(order_id=order.order_id)

    async def find(self, order_id: str) -> Order | None:
        if self.error is not None:
            raise self.error
        return self.orders.get(order_id)


class MemoryMenu:
    """`PriceSource` in a dictionary; unreachable while `is_away`. `reads` counts who got a list or word of none new."""

    def __init__(self) -> None:
        self.prices = dict(PRICES_CENTS)
        self.reads = 0
        self.is_away = False
        self.clock: Callable[[], float] = time.time

    async def read(self, known: PriceList | None = None) -> PriceList:
        await asyncio.sleep(0)  # as whoever asks somebody else
        if self.is_away:
            raise PeerAway("menu is away")
        self.reads += 1
        return PriceList(prices=dict(self.prices), etag="", read_at=self.clock())


Manner = Literal["there", "away", "takes and says nothing"]


class MemoryInventory:
    """The inventory service's promises over dictionaries: `Stock`, and taking. One reservation an order."""

    def __init__(self, *, each: int = 1_000) -> None:
        self.each = each
        self.manner: Manner = "there"
        self.reservations: dict[str, tuple[str, Counter[str]]] = {}
        self.taken: Counter[str] = Counter()
        """How often stock was taken for an order."""
        self.refuses: dict[str, str] = {}
        """What it answers instead of taking the stock of these orders."""
        self.fuse = Fuse()

    async def reserve(self, order_id: str, draft: Draft) -> StockState:
        wanted = Counter[str]()
        for line in draft.lines:
            wanted[line.item_id] += line.quantity
        self._met()
        if order_id not in self.reservations:
            if out := [item for item, count in wanted.items() if count > self.available(item)]:
                raise OutOfStock(", ".join(out))
            self.reservations[order_id] = ("held", wanted)
        self._answered()
        return "held"

    def give_back(self, order_id: str) -> None:
        if self.reservations.get(order_id, ("",))[0] == "held":
            self.reservations[order_id] = (RELEASED, Counter())

    def expire(self) -> None:
        """Every hold is over."""
        self.reservations = {each: kept for each, kept in self.reservations.items() if kept[0] != "held"}

    async def take(self, rows: Sequence[Row]) -> Mapping[str, str]:
        self._met()
        results = {row.order_id: self._take(row) for row in rows}
        self._answered()
        return results

    def _take(self, row: Row) -> str:
        if row.order_id in self.refuses:
            return self.refuses[row.order_id]
        status, _ = self.reservations.get(row.order_id, ("", Counter()))
        if status in (TAKEN, RELEASED):
            return status
        wanted = Counter[str]()
        for line in row.lines:
            wanted[line.item_id] += line.quantity
        if not status and any(count > self.available(item) for item, count in wanted.items()):
            return "short"
        self.reservations[row.order_id] = (TAKEN, wanted)
        self.taken[row.order_id] += 1
        return TAKEN

    def available(self, item_id: str) -> int:
        return self.each - sum(items[item_id] for _, items in self.reservations.values())

    def _met(self) -> None:
        self.fuse.before_effect()
        if self.manner == "away":
            self.fuse.after_effect()
            raise PeerAway("inventory is away")

    def _answered(self) -> None:
        self.fuse.after_effect()
        if self.manner == "takes and says nothing":
            raise PeerAway("inventory says nothing")


class NoCloudWatch:
    """Takes every metric and keeps none."""

    async def call(self, operation: str, parameters: Json) -> Json:
        return {}


class Shop:
    """The order API over memory. `ask` sends one request; `place` one order."""

    def __init__(self) -> None:
        self.book = MemoryBook()
        self.cache = MemoryCache()
        self.menu = MemoryMenu()
        self.menu.clock = self._now
        self.inventory = MemoryInventory()
        self.ahead_s = 0.0
        self.metrics = MetricReports(NoCloudWatch(), namespace="CloudCafe/Order", dimensions={}, period_s=60)
        desk = OrderDesk(
            prices=CachedPrices(self.cache, self.menu, self.metrics, clock=self._now),
            stock=OwedStock(self.inventory, self.metrics),
            book=self.book,
            cache=self.cache,
            metrics=self.metrics,
        )
        self.gateway = surface(ROUTE, lambda app: add_routes(app, desk), title="orders")

    def _now(self) -> float:
        return time.time() + self.ahead_s

    def age_lists(self) -> None:
        """What was read so far was read a day ago."""
        self.ahead_s += 24 * 3600.0

    async def ask_async(
        self, method: str, path: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> Answer:
        return await ask(self.gateway, method, path, body, headers)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()) -> Answer:
        return asyncio.run(self.ask_async(method, path, body, headers))

    def place(self, order: object, *, key: str | None = None) -> Answer:
        headers = [("content-type", "application/json")] + ([("idempotency-key", key)] if key is not None else [])
        return self.ask("POST", ROUTE, json.dumps(order).encode(), headers)


class World:
    """Outbox, queue, stream and inventory, which outlive a crash. The queue de-duplicates as SQS FIFO does."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.table: dict[tuple[str, str], Row] = {(row.shard, row.order_id): row for row in rows}
        self.queue: list[Row] = []
        self.stream: list[Row] = []
        self.inventory = MemoryInventory()
        self.fuse = Fuse()

    def blow(self, fuse: Fuse) -> None:
        """One fuse for everything there is."""
        self.fuse = self.inventory.fuse = fuse

    @property
    def aside(self) -> list[Row]:
        return [row for (partition, _), row in self.table.items() if partition.startswith(ASIDE)]


def _refuse_more_than(most: int, rows: Sequence[Row]) -> None:
    if len(rows) > most:
        raise AwsError(operation="batch", code="ValidationException", message=f"{len(rows)} of {most}", status=400)


class MemoryOutbox:
    """The table of a world. As BatchWriteItem it takes 25 requests at most."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def oldest(self, partition: str, limit: int, *, after: str | None = None) -> OutboxPage:
        self._world.fuse.before_effect()
        table = sorted(self._world.table.items())
        rows = [row for (of, order_id), row in table if of == partition and order_id > (after or "")]
        self._world.fuse.after_effect()
        return OutboxPage(rows=tuple(rows[:limit]), is_last=len(rows) <= limit)

    async def set_aside(self, rows: Sequence[Row]) -> set[str]:
        self._world.fuse.before_effect()
        _refuse_more_than(25, rows)
        self._world.table.update({(ASIDE + row.shard, row.order_id): row for row in rows})
        self._world.fuse.after_effect()
        return set()

    async def delete(self, rows: Sequence[Row], *, aside: bool = False) -> set[str]:
        self._world.fuse.before_effect()
        _refuse_more_than(25, rows)
        for row in rows:
            self._world.table.pop(((ASIDE if aside else "") + row.shard, row.order_id), None)
        self._world.fuse.after_effect()
        return set()


class MemoryQueue:
    """The queue of a world; ten messages at a time. `refuses` are order ids it does not take for now."""

    batch = 10

    def __init__(self, world: World) -> None:
        self._world = world
        self.refuses: set[str] = set()
        self.error: Exception | None = None

    async def send(self, rows: Sequence[Row]) -> set[str]:
        self._world.fuse.before_effect()
        if self.error is not None:
            raise self.error
        _refuse_more_than(10, rows)
        known = {row.order_id for row in self._world.queue}
        taken = [row for row in rows if row.order_id not in self.refuses]
        self._world.queue += [row for row in taken if row.order_id not in known]
        self._world.fuse.after_effect()
        return {row.order_id for row in taken}


class MemoryStream:
    """The stream of a world."""

    batch = 500

    def __init__(self, world: World) -> None:
        self._world = world

    async def send(self, rows: Sequence[Row]) -> set[str]:
        self._world.fuse.before_effect()
        _refuse_more_than(500, rows)
        self._world.stream += rows
        self._world.fuse.after_effect()
        return {row.order_id for row in rows}

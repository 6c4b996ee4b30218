"""Stock in Aurora: every call is one statement there, and may be asked again when its answer was lost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import orjson
from psycopg import sql

from services.assortment import ITEMS, STORES
from services.chassis.postgres.pool import StoreUnavailable, WriterPool
from services.inventory.domain import SEED, Delivery, Demand, Hold, Level, Line, Outcome
from services.inventory.procedures import ALL
from services.inventory.schema import SCHEMA_LOCK, SEEDING, TABLES

if TYPE_CHECKING:
    from psycopg import AsyncConnection

ENDED_AT_ONCE: Final = 500
PURGED_AT_ONCE: Final = 500
_ATTEMPTS: Final = 3


class OutOfStock(Exception):
    """The store has too little of `items`, which are item ids. Nothing is held."""

    def __init__(self, items: Sequence[str]) -> None:
        super().__init__(", ".join(items))
        self.items = tuple(items)


class Released(Exception):
    """The order was released: nothing is held for it any more. The text is its id."""


class Conflict(Exception):
    """The id or key stands for something else. The text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What an order was before it was released, and where; there is no store where it was not known."""

    was: Literal["none", "held", "taken", "released"]
    store_id: str | None


class Stock(Protocol):
    """What the stores have. Every call may raise `StoreUnavailable`; whatever is asked twice is done once."""

    async def reserve(self, demand: Demand, hold_s: float) -> Hold: ...  # OutOfStock, Released, Conflict
    async def take(self, demands: Sequence[Demand]) -> Mapping[str, Outcome]: ...  # what became of each order
    async def release(self, order_id: str) -> Freed: ...
    async def restock(self, delivery: Delivery) -> bool: ...  # whether it is new; Conflict
    async def levels(self, store_id: str) -> list[Level]: ...


class AuroraStock:
    """`Stock` over a pool of connections to the writer."""

    def __init__(self, pool: WriterPool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """Make tables, functions and what stores begin with, once however many pods start; `StoreUnavailable`."""

        async def make(connection: "AsyncConnection[Any]") -> None:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
            for text in (TABLES, *ALL):
                await connection.execute(sql.SQL(text))
            begin = {"pieces": SEED, "stores": list(STORES), "items": [item.item_id for item in ITEMS]}
            await connection.execute(sql.SQL(SEEDING), begin)

        await self._pool.run(make)

    async def reserve(self, demand: Demand, hold_s: float) -> Hold:
        """The hold of the order, which is made or known. `OutOfStock`, `Released`, `Conflict`."""
        [(outcome, ends_at, lacking)] = await self._pool.ask(
            "SELECT outcome, extract(epoch FROM ends_at)::float8, lacking FROM inventory.reserve(%s, %s, %s, %s)",
            (demand.order_id, demand.store_id, _written(demand.lines), timedelta(seconds=hold_s)),
        )
        match outcome:
            case "short":
                raise OutOfStock(lacking)
            case "released":
                raise Released(demand.order_id)
            case "conflict":
                raise Conflict(f"order {demand.order_id} was for another store or other items")
        status: Literal["held", "taken"] = "taken" if outcome == "taken" else "held"
        return Hold(order_id=demand.order_id, status=status, expires_at=ends_at, is_new=outcome == "new")

    async def take(self, demands: Sequence[Demand]) -> Mapping[str, Outcome]:
        """What became of each order. A hold that ends at the same moment is looked at again."""
        outcomes: dict[str, Outcome] = {}
        left = {demand.order_id: demand for demand in demands}
        for _ in range(_ATTEMPTS):
            rows = await self._pool.ask("SELECT of_order, outcome FROM inventory.take(%s)", (_batch(left.values()),))
            outcomes |= {order_id: outcome for order_id, outcome in rows if outcome != "again"}
            left = {order_id: demand for order_id, demand in left.items() if order_id not in outcomes}
            if not left:
                return outcomes
        raise StoreUnavailable(f"{len(left)} orders changed whenever they were to be taken")

    async def release(self, order_id: str) -> Freed:
        [(was, store_id)] = await self._pool.ask("SELECT outcome, at_store FROM inventory.release(%s)", (order_id,))
        return Freed(was=was, store_id=store_id)

    async def restock(self, delivery: Delivery) -> bool:
        """Whether the delivery is new; it counts once. `Conflict`."""
        [(outcome,)] = await self._pool.ask(
            "SELECT inventory.restock(%s, %s, %s)", (delivery.key, delivery.store_id, _written(delivery.lines))
        )
        if outcome == "conflict":
            raise Conflict(f"key {delivery.key} was for another delivery")
        return bool(outcome == "new")

    async def levels(self, store_id: str) -> list[Level]:
        rows = await self._pool.ask(
            "SELECT item_id, available, reserved FROM inventory.stock WHERE store_id = %s ORDER BY item_id", (store_id,)
        )
        return [Level(item_id=item_id, available=available, reserved=reserved) for item_id, available, reserved in rows]

    async def end_holds(self) -> list[tuple[str, str]]:
        """End holds whose time is over, some of them: orders and their stores. Each comes back from one call only."""
        rows = await self._pool.ask("SELECT of_order, at_store FROM inventory.end_holds(%s)", (ENDED_AT_ONCE,))
        return [(order_id, store_id) for order_id, store_id in rows]

    async def purge(self, kept_s: float) -> int:
        """Forget orders that were taken or released longer ago than that, some of them; how many."""
        [(count,)] = await self._pool.ask("SELECT inventory.purge(%s, %s)", (timedelta(seconds=kept_s), PURGED_AT_ONCE))
        return int(count)


def _items(lines: Sequence[Line]) -> list[dict[str, object]]:
    return [{"item_id": line.item_id, "quantity": line.quantity} for line in lines]


def _written(lines: Sequence[Line]) -> str:
    return orjson.dumps(_items(lines)).decode()


def _batch(demands: Iterable[Demand]) -> str:
    orders = [{"order_id": each.order_id, "store_id": each.store_id, "items": _items(each.lines)} for each in demands]
    return orjson.dumps(orders).decode()

"""What each request means: rules first, then the database, then figures and the cache that learns of it."""

from collections.abc import Sequence
from typing import Final, Protocol

from services.chassis.figures.counters import Figures
from services.inventory.domain import Delivery, Demand, Hold, Outcome, has_store, unknown_items
from services.inventory.store import OutOfStock, Stock

RESERVED: Final = "Reserved"
OUT_OF_STOCK: Final = "OutOfStock"
TAKEN: Final = "Taken"
SHORT: Final = "TakenShort"
RELEASED: Final = "Released"
RESTOCKED: Final = "Restocked"
COUNTS: Final = (RESERVED, OUT_OF_STOCK, TAKEN, SHORT, RELEASED, RESTOCKED)


class Levels(Protocol):
    """What stores have, as it is shown: possibly a moment old."""

    async def of(self, store_id: str) -> bytes: ...  # JSON; StoreUnavailable
    def changed(self, *store_ids: str) -> None: ...  # what is known of them is wrong now; never fails


class Desk:
    """Every change of stock that is asked for over HTTP."""

    def __init__(self, stock: Stock, levels: Levels, metrics: Figures) -> None:
        self._stock = stock
        self._levels = levels
        self._metrics = metrics

    async def reserve(self, demand: Demand, hold_s: float) -> Hold:
        """As `Stock.reserve`."""
        try:
            hold = await self._stock.reserve(demand, hold_s)
        except OutOfStock:
            self._metrics.count(OUT_OF_STOCK)
            raise
        if hold.is_new:
            self._metrics.count(RESERVED)
            self._levels.changed(demand.store_id)
        return hold

    async def take(self, demands: Sequence[Demand]) -> list[tuple[str, Outcome]]:
        """What became of each order, in their order; one that cannot be is `unknown`, and no other waits for it."""
        real = [each for each in demands if has_store(each.store_id) and not unknown_items(each.lines)]
        outcomes = await self._stock.take(real) if real else {}
        taken = {each.store_id for each in real if outcomes[each.order_id] == "taken"}
        self._metrics.count(TAKEN, sum(outcome == "taken" for outcome in outcomes.values()))
        self._metrics.count(SHORT, sum(outcome == "short" for outcome in outcomes.values()))
        self._levels.changed(*taken)
        return [(each.order_id, outcomes.get(each.order_id, "unknown")) for each in demands]

    async def release(self, order_id: str) -> None:
        freed = await self._stock.release(order_id)
        if freed.was in ("held", "taken") and freed.store_id is not None:
            self._metrics.count(RELEASED)
            self._levels.changed(freed.store_id)

    async def restock(self, delivery: Delivery) -> bool:
        """Whether it is new. `Conflict`."""
        is_new = await self._stock.restock(delivery)
        if is_new:
            self._metrics.count(RESTOCKED, sum(line.quantity for line in delivery.lines))
            self._levels.changed(delivery.store_id)
        return is_new

    async def levels(self, store_id: str) -> bytes:
        return await self._levels.of(store_id)

"""Stock made of nothing."""

from collections.abc import Mapping, Sequence

from services.chassis.postgres.pool import StoreUnavailable
from services.inventory.domain import Delivery, Demand, Hold, Level, Outcome
from services.inventory.store import Conflict, Freed, OutOfStock, Released


class FakeStock:
    """Two thousand pieces of a latte in every store; `is_away` stands for a database that does not answer."""

    def __init__(self) -> None:
        self.available = 2_000
        self.orders: dict[str, tuple[str, Demand | None]] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.is_away = False
        self.reads = 0

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailable("nobody there")

    async def reserve(self, demand: Demand, hold_s: float) -> Hold:
        self._check()
        status, known = self.orders.get(demand.order_id, ("", demand))
        if status == "released":
            raise Released(demand.order_id)
        if known != demand:
            raise Conflict(f"order {demand.order_id}")
        if not status:
            self._move(demand)
            self.orders[demand.order_id] = ("held", demand)
        return Hold(order_id=demand.order_id, status="held", expires_at=hold_s, is_new=not status)

    def _move(self, demand: Demand) -> None:
        if lacking := [line.item_id for line in demand.lines if line.quantity > self.available]:
            raise OutOfStock(lacking)
        self.available -= sum(line.quantity for line in demand.lines)

    async def take(self, demands: Sequence[Demand]) -> Mapping[str, Outcome]:
        self._check()
        return {each.order_id: "taken" for each in demands}

    async def release(self, order_id: str) -> Freed:
        self._check()
        status, demand = self.orders.get(order_id, ("none", None))
        self.orders[order_id] = ("released", None)
        return Freed(was="held" if status == "held" else "none", store_id=demand.store_id if demand else None)

    async def restock(self, delivery: Delivery) -> bool:
        self._check()
        known = self.deliveries.setdefault(delivery.key, delivery)
        if known != delivery:
            raise Conflict(f"key {delivery.key}")
        return known is delivery

    async def levels(self, store_id: str) -> list[Level]:
        self._check()
        self.reads += 1
        return [Level(item_id="latte-grande", available=self.available, reserved=0)]

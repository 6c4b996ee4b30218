"""What travels over HTTP: requests as pydantic reads them in one pass, and answers."""

import re
from collections.abc import Sequence
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, Field

from services.chassis.web.bodies import M, read_body
from services.chassis.web.problems import Complaint, HttpProblem
from services.inventory.domain import (
    HOLD_S,
    MAX_DELIVERY,
    MAX_HOLD_S,
    MAX_LINES,
    MAX_ORDERS,
    MAX_QUANTITY,
    Delivery,
    Demand,
    Hold,
    Level,
    Line,
    has_store,
    merged,
    unknown_items,
)

ORDER_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$"
STORE_ID: Final = r"^[a-z0-9][a-z0-9-]{0,63}$"
ITEM_ID: Final = r"^[a-z0-9][a-z0-9-]{0,63}$"
KEY: Final = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
_KEY: Final = re.compile(KEY)


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class LineRequest(_Wire):
    """So many pieces of an item."""

    item_id: str = Field(pattern=ITEM_ID, examples=["latte-grande"])
    quantity: int = Field(ge=1, le=MAX_QUANTITY)


class DemandRequest(_Wire):
    """What an order wants of a store: all of it or nothing."""

    order_id: str = Field(pattern=ORDER_ID)
    store_id: str = Field(pattern=STORE_ID, examples=["store-001"])
    items: list[LineRequest] = Field(min_length=1, max_length=MAX_LINES)

    def demand(self) -> Demand:
        lines = merged(Line(each.item_id, each.quantity) for each in self.items)
        return Demand(order_id=self.order_id, store_id=self.store_id, lines=lines)


class ReserveRequest(DemandRequest):
    """An order to keep stock for, `hold_s` seconds."""

    hold_s: float = Field(default=HOLD_S, ge=1, le=MAX_HOLD_S, allow_inf_nan=False)


class TakeRequest(_Wire):
    """Orders whose stock leaves the store, held or not."""

    orders: list[DemandRequest] = Field(min_length=1, max_length=MAX_ORDERS)


class ReleaseRequest(_Wire):
    """An order that gives back what it has, and gets nothing any more."""

    order_id: str = Field(pattern=ORDER_ID)


class DeliveredRequest(_Wire):
    """So many pieces of an item that came."""

    item_id: str = Field(pattern=ITEM_ID)
    quantity: int = Field(ge=1, le=MAX_DELIVERY)


class RestockRequest(_Wire):
    """What a store was delivered."""

    store_id: str = Field(pattern=STORE_ID)
    items: list[DeliveredRequest] = Field(min_length=1, max_length=200)


def read_reserve(body: bytes) -> tuple[Demand, float]:
    """The order, and for how many seconds to hold its stock. `HttpProblem` 400 or 422, for an unknown item too."""
    asked = _read(ReserveRequest, body)
    demand = asked.demand()
    _check_known(demand.store_id, demand.lines)
    return demand, asked.hold_s


def read_take(body: bytes) -> list[Demand]:
    """The orders, each once. `HttpProblem` 400 or 422; what is not sold is not looked at: the others may be taken."""
    demands = [each.demand() for each in _read(TakeRequest, body).orders]
    known = {each.order_id: each for each in demands}
    complaints = [
        Complaint(pointer=f"/orders/{index}/order_id", detail="is in the request already, with other items")
        for index, each in enumerate(demands)
        if known[each.order_id] != each
    ]
    if complaints:
        raise HttpProblem(422, "invalid", "an order is asked for twice, differently", complaints=complaints)
    return list(known.values())


def read_release(body: bytes) -> str:
    """The order's id. `HttpProblem` 400 or 422."""
    return _read(ReleaseRequest, body).order_id


def read_restock(body: bytes, key: str | None) -> Delivery:
    """The delivery under the Idempotency-Key. `HttpProblem` 400 or 422."""
    if key is None or not _KEY.fullmatch(key):
        raise HttpProblem(400, "bad-key", "an Idempotency-Key has 1 to 128 letters, digits and . _ : -")
    asked = _read(RestockRequest, body)
    delivery = Delivery(
        key=key, store_id=asked.store_id, lines=merged(Line(each.item_id, each.quantity) for each in asked.items)
    )
    _check_known(delivery.store_id, delivery.lines)
    return delivery


def shown_hold(hold: Hold) -> dict[str, object]:
    """The answer to a reservation; `expires_at` in Unix seconds."""
    return {"order_id": hold.order_id, "status": hold.status, "expires_at": hold.expires_at}


def shown_levels(store_id: str, levels: Sequence[Level]) -> bytes:
    """The answer to what a store has."""
    items = [{"item_id": each.item_id, "available": each.available, "reserved": each.reserved} for each in levels]
    return orjson.dumps({"store_id": store_id, "items": items})


def _read(kind: type[M], body: bytes) -> M:
    return read_body(kind, body, slug="invalid", detail="the request is not valid")


def _check_known(store_id: str, lines: Sequence[Line]) -> None:
    complaints = [] if has_store(store_id) else [Complaint(pointer="/store_id", detail="there is no such store")]
    complaints += [Complaint(pointer="/items", detail=f"{item_id} is not sold") for item_id in unknown_items(lines)]
    if complaints:
        raise HttpProblem(422, "unknown", "the chain has no such store or item", complaints=complaints)

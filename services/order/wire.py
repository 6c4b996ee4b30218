"""What travels over HTTP: the request as pydantic reads it in one pass, and the answers' shapes for OpenAPI."""

import hashlib
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from services.chassis.web.bodies import read_body
from services.order.domain import MAX_LINES, MAX_QUANTITY, Draft, Order, OrderLine, cents, decimal

STORE_ID = r"^store-[0-9]{3}$"
CUSTOMER_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
ITEM_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
IDEMPOTENCY_KEY = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"


def _cents(amount: object) -> int:
    if not isinstance(amount, int | float | str):
        raise ValueError("must be an amount of money like 12.50")  # noqa: TRY004 - pydantic reports ValueErrors
    return cents(amount)


Money = Annotated[
    int,
    BeforeValidator(_cents),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d{1,9}(\.\d{1,6})?$"}],
            "exclusiveMinimum": 0,
            "examples": ["12.50", 12.5],
            "description": "Amount in US dollars, exact to the cent.",
        }
    ),
]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class LineRequest(_Wire):
    """One line of an order."""

    item_id: str = Field(pattern=ITEM_ID, examples=["latte-grande"])
    quantity: int = Field(ge=1, le=MAX_QUANTITY)


class OrderRequest(_Wire):
    """An order to place. The total must be the sum of the lines at the store's prices."""

    store_id: str = Field(pattern=STORE_ID, examples=["store-001"])
    customer_id: str = Field(pattern=CUSTOMER_ID, examples=["customer-4711"])
    items: list[LineRequest] = Field(min_length=1, max_length=MAX_LINES)
    total_amount: Money

    def draft(self) -> Draft:
        return Draft(
            store_id=self.store_id,
            customer_id=self.customer_id,
            lines=tuple(OrderLine(item_id=item.item_id, quantity=item.quantity) for item in self.items),
            total_cents=self.total_amount,
        )


class OrderAccepted(_Wire):
    """The answer to a placed order."""

    order_id: str
    status: Literal["accepted"]


class OrderView(_Wire):
    """An order as it can be looked up; `total_amount` in US dollars, `placed_at` in Unix seconds."""

    order_id: str
    store_id: str
    customer_id: str
    items: list[LineRequest]
    total_amount: str
    status: str
    placed_at: float


def read_order(body: bytes) -> Draft:
    """The draft in a request's body. `HttpProblem` 400 for what is no JSON, 422 for what is no order."""
    return read_body(OrderRequest, body, slug="invalid-order", detail="the order is not valid").draft()


def fingerprint(draft: Draft) -> str:
    """The same for the same order, however it was written: what an idempotency key stands for."""
    parts = [draft.store_id, draft.customer_id, draft.total_cents, [(n.item_id, n.quantity) for n in draft.lines]]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def view(order: Order) -> dict[str, object]:
    """`order` in the shape of `OrderView`."""
    return {
        "order_id": order.order_id,
        "store_id": order.draft.store_id,
        "customer_id": order.draft.customer_id,
        "items": [{"item_id": line.item_id, "quantity": line.quantity} for line in order.draft.lines],
        "total_amount": decimal(order.draft.total_cents),
        "status": order.status,
        "placed_at": order.placed_at,
    }

"""The rules of a payment: what is asked for, what is known of it, and what must not be paid. Pure.

Money is integer cents inside and a decimal with two digits outside.
"""

import re
from typing import Final, Literal, NamedTuple

import orjson

_AMOUNT: Final = re.compile(r"([0-9]{1,9})\.([0-9]{2})")
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")

PaymentStatus = Literal["pending", "captured", "declined"]


class Poison(Exception):
    """A message that can never be paid, however often it comes. The text is the reason, for a person."""


class Demand(NamedTuple):
    """What a message asks for. `placed_at` in Unix seconds, None when the message does not say."""

    order_id: str
    customer_id: str
    store_id: str
    amount_cents: int
    correlation_id: str
    placed_at: float | None = None


class OrderFacts(NamedTuple):
    """The order as the order service keeps it."""

    customer_id: str
    amount_cents: int
    status: str
    placed_at: float


class PaymentFacts(NamedTuple):
    """The payment as far as it has come. `attempts` counts the questions put to the card network."""

    status: PaymentStatus
    attempts: int
    authorization_id: str | None = None
    captured_at: float | None = None


class Capture(NamedTuple):
    """Money that was taken: `captured_at` in Unix seconds, as the ledger's clock has it."""

    demand: Demand
    authorization_id: str
    captured_at: float


class Accrual(NamedTuple):
    """An order whose points are to be added, captured at `captured_at`."""

    order_id: str
    customer_id: str
    amount_cents: int
    correlation_id: str
    captured_at: float


def read_demand(body: str) -> Demand:
    """The demand in a message of the order service; `Poison` says what is wrong with it."""
    fields = _fields(body)
    return Demand(
        order_id=_identifier(fields, "order_id"),
        customer_id=_identifier(fields, "customer_id"),
        store_id=_identifier(fields, "store_id"),
        amount_cents=_cents(fields.get("total_amount")),
        correlation_id=_identifier(fields, "correlation_id"),
        placed_at=_moment(fields.get("placed_at"), "placed_at"),
    )


def check(demand: Demand, order: OrderFacts | None) -> None:
    """`Poison` unless `demand` is for an order that exists, of that customer, over that amount."""
    if order is None:
        raise Poison("unknown order: the orders table has none with this id")
    if order.customer_id != demand.customer_id:
        raise Poison(f"another customer: the order is {order.customer_id}'s")
    if order.amount_cents != demand.amount_cents:
        asked, ordered = decimal(demand.amount_cents), decimal(order.amount_cents)
        raise Poison(f"another amount: {asked} is asked for, {ordered} was ordered")


def read_accrual(body: str) -> Accrual:
    """The accrual in a message of our own (`accrual_message`); `Poison` says what is wrong with it."""
    fields = _fields(body)
    captured_at = _moment(fields.get("captured_at"), "captured_at")
    if captured_at is None:
        raise Poison("malformed: captured_at is missing")
    return Accrual(
        order_id=_identifier(fields, "order_id"),
        customer_id=_identifier(fields, "customer_id"),
        amount_cents=_cents(fields.get("total_amount")),
        correlation_id=_identifier(fields, "correlation_id"),
        captured_at=captured_at,
    )


def accrual_message(capture: Capture) -> str:
    """What asks for the points of `capture`, as `read_accrual` reads it."""
    demand = capture.demand
    fields = {
        "order_id": demand.order_id,
        "customer_id": demand.customer_id,
        "total_amount": decimal(demand.amount_cents),
        "correlation_id": demand.correlation_id,
        "captured_at": capture.captured_at,
    }
    return orjson.dumps(fields).decode()


def decimal(amount_cents: int) -> str:
    """Cents as the wire shows them: `12.50`."""
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"


def _fields(body: str) -> dict[str, object]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Poison("malformed: the body is not JSON") from None
    if not isinstance(fields, dict):
        raise Poison("malformed: the body is not an object")
    return fields


def _identifier(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Poison(f"malformed: {name} must be a text of 1 to 128 visible ASCII characters")
    return value


def _cents(value: object) -> int:
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if found is None or (cents := int(found[1]) * 100 + int(found[2])) == 0:
        raise Poison("malformed: total_amount must be a positive amount of money like 12.50")
    return cents


def _moment(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        raise Poison(f"malformed: {name} must be Unix seconds")
    return float(value)

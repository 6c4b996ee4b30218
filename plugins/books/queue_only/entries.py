"""The books: what each store says about orders, as plain data. One kind of entry a store."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order in the orders table. `total_cents` and `total_amount` are stored apart and have to agree."""

    order_id: str
    customer_id: str
    store_id: str
    total_amount: Decimal
    total_cents: int
    items: tuple[tuple[str, int], ...]
    idempotency_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """An order that was written but not passed on yet."""

    order_id: str
    sequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMessage:
    """A message of the payment queue. `place` counts messages as received: a FIFO queue gives a group in order."""

    message_id: str
    place: int
    group: str
    order_id: str
    customer_id: str
    store_id: str
    total_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """An `order_accepted` record of the order stream."""

    order_id: str
    customer_id: str
    store_id: str
    total_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What every store holds, read when no order was under way."""

    orders: tuple[OrderRow, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    payments: tuple[PaymentMessage, ...] = ()
    events: tuple[OrderEvent, ...] = ()
    notes: tuple[str, ...] = field(default=())

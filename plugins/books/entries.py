"""The books: what the platform holds of orders, as plain data. One kind of entry a book.

An amount is in cents or, where the book keeps a decimal text, a Decimal; times are Unix seconds.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

StockKind = Literal["take", "release"]
EventType = Literal["order_accepted", "order_paid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order in the orders table. `total_cents` and `total_amount` are stored apart and have to agree.

    `status` is accepted, then paid or declined.
    """

    order_id: str
    customer_id: str
    store_id: str
    total_amount: Decimal
    total_cents: int
    items: tuple[tuple[str, int], ...]
    status: str
    correlation_id: str
    idempotency_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """An order that was written but not passed on yet."""

    order_id: str
    sequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """A payment in the payments table. `status` is pending, then captured or declined (for a `reason`)."""

    order_id: str
    customer_id: str
    store_id: str
    total_amount: Decimal
    total_cents: int
    status: str
    attempts: int
    correlation_id: str
    authorization_id: str | None = None
    captured_at: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCapture:
    """A row of the ledger's `payment.captures`. `captured_at` by the database's clock."""

    order_id: str
    authorization_id: str
    customer_id: str
    store_id: str
    amount_cents: int
    captured_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One side of a capture: a row of `payment.ledger_entries`."""

    order_id: str
    account: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueRow:
    """A sale in the warehouse."""

    order_id: str
    customer_id: str
    store_id: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsEntry:
    """A row of loyalty's ledger. `order_id` is None where points were redeemed; `amount_cents` is the order's."""

    order_id: str | None
    customer_id: str
    points: int
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsAccount:
    """A customer's account with loyalty: points to spend, and those ever earned."""

    customer_id: str
    balance: int
    earned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockEntry:
    """A row of inventory's ledger that an order brought about: so many pieces came (or, below 0, went)."""

    order_id: str
    kind: StockKind
    store_id: str
    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """Pieces of an item in a store, to sell and promised. `opening` is what it began with and what was delivered."""

    store_id: str
    item_id: str
    available: int
    reserved: int
    opening: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockHold:
    """Pieces promised to an order, for `left_s` more seconds; below 0 that is over."""

    order_id: str
    store_id: str
    items: tuple[tuple[str, int], ...]
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """A record of the order stream. Only `order_paid` has an authorization."""

    type: EventType
    order_id: str
    customer_id: str
    store_id: str
    total_amount: Decimal
    authorization_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message given up on. `reason` is the payment function's; None when nobody gave one.

    `order_id` is None where the body names none; `body` is its beginning.
    """

    message_id: str
    group: str
    order_id: str | None
    correlation_id: str | None
    reason: str | None
    receives: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What every book holds, read when no order was under way. `waiting` messages are still in the queues.

    `points` are in the order in which they were written.
    `doubts` are what could not be seen, `notes` what a reader of the report should know.
    """

    orders: tuple[OrderRow, ...] = ()
    outbox: tuple[OutboxRow, ...] = ()
    payments: tuple[PaymentRow, ...] = ()
    captures: tuple[LedgerCapture, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    points: tuple[PointsEntry, ...] = ()
    accounts: tuple[PointsAccount, ...] = ()
    revenue: tuple[RevenueRow, ...] = ()
    stock: tuple[StockEntry, ...] = ()
    levels: tuple[StockLevel, ...] = ()
    holds: tuple[StockHold, ...] = ()
    events: tuple[OrderEvent, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    waiting: int = 0
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

"""The books by order id: what each book holds of one order, found at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from plugins.books.entries import (
    Books,
    DeadLetter,
    LedgerCapture,
    LedgerEntry,
    OrderEvent,
    OrderRow,
    OutboxRow,
    PaymentRow,
    PointsEntry,
    RevenueRow,
    StockEntry,
    StockHold,
)


class _OfOrder(Protocol):
    @property
    def order_id(self) -> str | None: ...


Entry = TypeVar("Entry", bound=_OfOrder)
By = Mapping[str, Sequence[Entry]]
"""The entries of each order id; an order without any is absent."""

BOOK_NAMES = (
    "orders", "stock", "holds", "outbox", "payments", "captures", "entries", "points", "revenue", "accepted", "paid",
    "dead",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Each book by order id, and the orders by idempotency key too."""

    orders: By[OrderRow]
    by_key: By[OrderRow]
    outbox: By[OutboxRow]
    payments: By[PaymentRow]
    captures: By[LedgerCapture]
    entries: By[LedgerEntry]
    points: By[PointsEntry]
    revenue: By[RevenueRow]
    stock: By[StockEntry]
    holds: By[StockHold]
    accepted: By[OrderEvent]
    paid: By[OrderEvent]
    dead: By[DeadLetter]

    @classmethod
    def of(cls, books: Books) -> "Index":
        return cls(
            orders=_by_order(books.orders),
            by_key=_grouped([(row.idempotency_key, row) for row in books.orders if row.idempotency_key]),
            outbox=_by_order(books.outbox),
            payments=_by_order(books.payments),
            captures=_by_order(books.captures),
            entries=_by_order(books.entries),
            points=_by_order(entry for entry in books.points if entry.order_id is not None),
            revenue=_by_order(books.revenue),
            stock=_by_order(books.stock),
            holds=_by_order(books.holds),
            accepted=_by_order(event for event in books.events if event.type == "order_accepted"),
            paid=_by_order(event for event in books.events if event.type == "order_paid"),
            dead=_by_order(letter for letter in books.dead_letters if letter.order_id is not None),
        )

    def of_order(self, order_id: str) -> tuple[tuple[str, str], ...]:
        """(book, entry) for every entry of an order, `nothing` where a book has none."""
        return tuple(
            (name, line(entry)) for name in BOOK_NAMES for entry in getattr(self, name).get(order_id, ("nothing",))
        )


def line(entry: object) -> str:
    """An entry as `name=value` pairs, without its class."""
    names = getattr(entry, "__slots__", None)
    return " ".join(f"{name}={getattr(entry, name)}" for name in names) if names else str(entry)


def _by_order(entries: Iterable[Entry]) -> By[Entry]:
    return _grouped([(entry.order_id or "", entry) for entry in entries])


def _grouped(pairs: Sequence[tuple[str, Entry]]) -> By[Entry]:
    """The quick way where every key is there once, as nearly always; the general way else."""
    single = {key: (entry,) for key, entry in pairs}
    if len(single) == len(pairs):
        return single
    found: dict[str, list[Entry]] = {}
    for key, entry in pairs:
        found.setdefault(key, []).append(entry)
    return found

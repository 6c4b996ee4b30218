"""Books made up from a seed, consistent in every respect: what tests plant discrepancies in and the bench judges.

A run of orders a tenth of a second apart, most captured, some declined. Customers come back, so that they have an order
of their own to keep, and every seventh order is placed while the same customer's one before is still under way.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from plugins.books.entries import (
    Books,
    EventType,
    LedgerCapture,
    LedgerEntry,
    OrderEvent,
    OrderRow,
    PaymentRow,
    PointsAccount,
    PointsEntry,
    RevenueRow,
    StockEntry,
    StockLevel,
)
from plugins.books.history import Attempt
from plugins.books.rules import RECEIVABLE, SALES
from plugins.books.stock import moved
from services.loyalty.domain import points_for, tier_of

STARTED = 1_000_000.0
"""When the first order was due, in Unix seconds."""

APART_S, ANSWERED_S, CAPTURED_S = 0.1, 0.03, 0.25
SEED = 100_000
_ITEMS = ("latte-tall", "mocha-grande", "bagel-piece", "muffin-piece")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Orders as customers remember them and as every book does."""

    attempts: tuple[Attempt, ...]
    books: Books


def world(orders: int, *, seed: int, customers: int | None = None, declined: float = 0.02) -> World:
    """`orders` acknowledged orders; about the share `declined` of them were declined, all others captured."""
    draw = random.Random(seed)  # noqa: S311 - made-up orders, no secrets
    people = customers or max(orders // 20, 2)
    attempts = tuple(attempt(number, draw, people) for number in range(orders))
    refused = {order_id(one) for one in attempts if draw.random() < declined}
    return World(attempts=attempts, books=books_of(attempts, declined=refused))


def attempt(number: int, draw: random.Random, customers: int) -> Attempt:
    """The `number`-th order of a run, acknowledged."""
    due = STARTED + number * APART_S
    key = f"{draw.getrandbits(128):032x}"
    return Attempt(
        outcome="acknowledged",
        status=201,
        order_id=f"order-{number:08d}",
        customer_id=f"customer-{draw.randrange(customers):06d}",
        store_id=f"store-{draw.randrange(30):03d}",
        total_amount=Decimal(draw.randrange(150, 9000)) / 100,
        items=tuple((item, draw.randint(1, 4)) for item in draw.sample(_ITEMS, draw.randint(1, 3))),
        idempotency_key=key,
        correlation_id=key,
        scheduled_at=due,
        acknowledged_at=due + (ANSWERED_S if number % 7 else 40 * APART_S),
    )


def order_id(of: Attempt) -> str:
    """The id the platform gave it, whether or not the customer heard of it."""
    return of.order_id or f"order-of-{of.idempotency_key}"


def books_of(attempts: Sequence[Attempt], *, declined: Collection[str] = ()) -> Books:
    """Books in which each of these exists, settled and in the order given; those whose id is in `declined` are."""
    paid = [one for one in attempts if order_id(one) not in declined]
    points = accrued(paid)
    stock = tuple(entry for one in attempts for entry in taken(one))
    return Books(
        orders=tuple(order_row(one, "declined" if order_id(one) in declined else "paid") for one in attempts),
        payments=tuple(declined_row(one) if order_id(one) in declined else captured_row(one) for one in attempts),
        captures=tuple(capture(one) for one in paid),
        entries=tuple(entry for one in paid for entry in entries(one)),
        points=points,
        accounts=accounts(points),
        revenue=tuple(sale(one) for one in paid),
        stock=stock,
        levels=levels(stock),
        events=(
            *(event("order_accepted", one) for one in attempts),
            *(event("order_paid", one) for one in paid),
        ),
    )


def captured_at(of: Attempt) -> float:
    """When its payment was captured: in the order in which orders were due."""
    return of.scheduled_at + CAPTURED_S


def order_row(of: Attempt, status: str = "paid") -> OrderRow:
    """The order as the orders table holds it once its payment is settled."""
    return OrderRow(
        order_id=order_id(of),
        customer_id=of.customer_id,
        store_id=of.store_id,
        total_amount=of.total_amount,
        total_cents=_cents(of),
        items=of.items,
        status=status,
        correlation_id=of.correlation_id,
        idempotency_key=of.idempotency_key,
    )


def captured_row(of: Attempt) -> PaymentRow:
    """Its payment, captured."""
    return replace(
        _payment_row(of), status="captured", authorization_id=_authorization(of), captured_at=captured_at(of)
    )


def declined_row(of: Attempt) -> PaymentRow:
    """Its payment, declined by the card network."""
    return replace(_payment_row(of), status="declined", reason="insufficient funds")


def _payment_row(of: Attempt) -> PaymentRow:
    return PaymentRow(
        order_id=order_id(of),
        customer_id=of.customer_id,
        store_id=of.store_id,
        total_amount=of.total_amount,
        total_cents=_cents(of),
        status="pending",
        attempts=1,
        correlation_id=of.correlation_id,
    )


def capture(of: Attempt) -> LedgerCapture:
    """Its row in the ledger."""
    return LedgerCapture(
        order_id=order_id(of),
        authorization_id=_authorization(of),
        customer_id=of.customer_id,
        store_id=of.store_id,
        amount_cents=_cents(of),
        captured_at=captured_at(of),
    )


def entries(of: Attempt) -> tuple[LedgerEntry, LedgerEntry]:
    """The two sides of its capture."""
    return (
        LedgerEntry(order_id=order_id(of), account=RECEIVABLE, amount_cents=_cents(of)),
        LedgerEntry(order_id=order_id(of), account=SALES, amount_cents=-_cents(of)),
    )


def accrued(of: Sequence[Attempt]) -> tuple[PointsEntry, ...]:
    """The points of these, as they come one after the other."""
    earned: Counter[str] = Counter()
    made = []
    for one in of:
        points = points_for(_cents(one), tier_of(earned[one.customer_id]))
        earned[one.customer_id] += points
        made.append(
            PointsEntry(order_id=order_id(one), customer_id=one.customer_id, points=points, amount_cents=_cents(one))
        )
    return tuple(made)


def accounts(points: Iterable[PointsEntry]) -> tuple[PointsAccount, ...]:
    """The accounts that these entries, of orders all of them, bring about."""
    earned: Counter[str] = Counter()
    for entry in points:
        earned[entry.customer_id] += entry.points
    return tuple(PointsAccount(customer_id=name, balance=total, earned=total) for name, total in earned.items())


def sale(of: Attempt) -> RevenueRow:
    """Its row in the warehouse."""
    return RevenueRow(order_id=order_id(of), customer_id=of.customer_id, store_id=of.store_id, amount_cents=_cents(of))


def taken(of: Attempt) -> tuple[StockEntry, ...]:
    """What it took from its store."""
    return tuple(
        StockEntry(order_id=order_id(of), kind="take", store_id=of.store_id, item_id=item, quantity=-quantity)
        for item, quantity in of.items
    )


def levels(stock: Iterable[StockEntry]) -> tuple[StockLevel, ...]:
    """What there is where these entries are all that ever happened."""
    return tuple(
        StockLevel(store_id=store, item_id=item, available=SEED + pieces, reserved=0, opening=SEED)
        for (store, item), pieces in moved(stock).items()
    )


def event(kind: EventType, of: Attempt) -> OrderEvent:
    """What the order stream holds of it."""
    return OrderEvent(
        type=kind,
        order_id=order_id(of),
        customer_id=of.customer_id,
        store_id=of.store_id,
        total_amount=of.total_amount,
        authorization_id=_authorization(of) if kind == "order_paid" else None,
    )


def _authorization(of: Attempt) -> str:
    return f"auth-{of.idempotency_key}"


def _cents(of: Attempt) -> int:
    return int(of.total_amount * 100)

"""What has to be true of one order that exists. Each rule looks at a case and notes what is wrong: (kind, what).

    order row        paid                          declined
    payments row     one, captured                 one, declined, with a reason
    ledger capture   one, of the same amount       none
    ledger entries   + and -, adding up to zero    none
    points           one entry, of that amount     none
    revenue          one row, of the same amount   none
    stock            taken once, as ordered        taken once, as ordered
    order_paid       at least one                  none
    authorization    one, in all of them           none

Kinesis is at least once: a repeated event is counted by its order id, so it must be equal, not single.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from plugins.books.entries import (
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
)
from plugins.books.history import Attempt
from plugins.books.index import Index
from plugins.books.stock import taken_wrongly

Wrong = tuple[str, str]
"""Kind, a short name to count by, and what is wrong in words."""

RECEIVABLE, SALES = "card-receivable", "store-sales"
"""The accounts of a capture: what the card network owes us, and what the shop sold."""

_FINAL = {"paid": "captured", "declined": "declined"}
"""The last statuses of an order, and what its payment then is."""


class Case(NamedTuple):
    """One order that exists, as it was ordered and as every book has it. A tuple: there is one for every order."""

    attempt: Attempt
    row: OrderRow
    cents: int
    outbox: Sequence[OutboxRow]
    payments: Sequence[PaymentRow]
    captures: Sequence[LedgerCapture]
    entries: Sequence[LedgerEntry]
    points: Sequence[PointsEntry]
    revenue: Sequence[RevenueRow]
    stock: Sequence[StockEntry]
    accepted: Sequence[OrderEvent]
    paid: Sequence[OrderEvent]
    dead: Sequence[DeadLetter]
    is_captured: bool
    is_declined: bool

    @classmethod
    def of(cls, attempt: Attempt, row: OrderRow, index: Index) -> "Case":
        order_id = row.order_id
        payments = index.payments.get(order_id, ())
        statuses = {payment.status for payment in payments}
        return cls(
            attempt=attempt,
            row=row,
            cents=int(attempt.total_amount * 100),
            outbox=index.outbox.get(order_id, ()),
            payments=payments,
            captures=index.captures.get(order_id, ()),
            entries=index.entries.get(order_id, ()),
            points=index.points.get(order_id, ()),
            revenue=index.revenue.get(order_id, ()),
            stock=index.stock.get(order_id, ()),
            accepted=index.accepted.get(order_id, ()),
            paid=index.paid.get(order_id, ()),
            dead=index.dead.get(order_id, ()),
            is_captured="captured" in statuses,
            is_declined=statuses == {"declined"},
        )


Rule = Callable[[Case, list[Wrong]], None]
"""Appends what is wrong. Nearly always that is nothing, so nothing is made for it."""


def wrongs(case: Case) -> Sequence[Wrong]:
    """Everything that is wrong with an order."""
    found: list[Wrong] = []
    for rule in RULES:
        rule(case, found)
    return found


def _stored_as_ordered(case: Case, found: list[Wrong]) -> None:
    row, attempt = case.row, case.attempt
    if row.items != attempt.items and sorted(row.items) != sorted(attempt.items):
        found.append(("order altered", f"ordered {attempt.items}, stored {row.items}"))
    elif row.idempotency_key not in (None, attempt.idempotency_key):
        found.append(("order altered", f"stored under key {row.idempotency_key}"))
    else:
        _same("order altered", case, row, row.total_cents, found)


def _relayed(case: Case, found: list[Wrong]) -> None:
    if case.outbox:
        found.append(("never relayed", "still in the outbox"))


def _announced(case: Case, found: list[Wrong]) -> None:
    if not case.accepted:
        found.append(("event missing", "no order_accepted in the order stream"))
    for event in _distinct(case.accepted):
        _same("event altered", case, event, case.cents, found)


def _settled(case: Case, found: list[Wrong]) -> None:
    """The order's status is final, and its payment says the same."""
    expected = _FINAL.get(case.row.status)
    if expected is None:
        captured = ", its payment captured" if case.is_captured else ""
        found.append(("never paid", f"the order's status is {case.row.status}{captured}"))
        return
    found.extend(
        ("status wrong", f"the order is {case.row.status}, its payment {payment.status}")
        for payment in case.payments
        if payment.status != expected and payment.status in _FINAL.values()
    )


def _paid_for(case: Case, found: list[Wrong]) -> None:
    if not case.payments:
        found.append(("payment missing", "no row in the payments table"))
    if len(case.payments) > 1:
        found.append(("captured twice", f"{len(case.payments)} rows in the payments table"))
    for payment in case.payments:
        _same("payment altered", case, payment, payment.total_cents, found)
        _complete(payment, found)


def _complete(payment: PaymentRow, found: list[Wrong]) -> None:
    """A payment has what its status promises."""
    if payment.status == "captured":
        if not payment.authorization_id or payment.captured_at is None:
            found.append(("payment altered", "captured without an authorization, or at no time"))
    elif payment.status == "declined":
        if not payment.reason:
            found.append(("payment altered", "declined without a reason"))
    else:
        found.append(("payment pending", f"its status is {payment.status} after {payment.attempts} attempts"))


def _in_the_ledger(case: Case, found: list[Wrong]) -> None:
    """A captured payment is in the ledger once, and its two entries add up to zero."""
    if case.is_captured and not case.captures:
        found.append(("capture missing", "captured, and no row in the ledger's captures"))
    if len(case.captures) > 1:
        found.append(("captured twice", f"{len(case.captures)} rows in the ledger's captures"))
    attempt = case.attempt
    for capture in case.captures:
        if (
            capture.amount_cents != case.cents
            or capture.customer_id != attempt.customer_id
            or capture.store_id != attempt.store_id
        ):
            what = f"the ledger has {capture.amount_cents} cents of {capture.customer_id} at {capture.store_id}"
            found.append(("capture altered", what))
    if case.captures:
        _balanced(case, found)
    elif case.entries:
        found.append(("ledger altered", "entries without a capture"))


def _balanced(case: Case, found: list[Wrong]) -> None:
    sides = sorted((entry.account, entry.amount_cents) for entry in case.entries)
    if sides == [(RECEIVABLE, case.cents), (SALES, -case.cents)]:
        return
    accounts = [account for account, _ in sides]
    is_repeated = len(set(accounts)) < len(accounts)
    if is_repeated:
        found.append(("ledger row twice", f"entries of {', '.join(accounts)}"))
    if total := sum(amount for _, amount in sides):
        found.append(("ledger unbalanced", f"the entries add up to {total} cents"))
    elif not is_repeated:
        found.append(("ledger altered", f"the entries are {sides or 'missing'}"))


def _one_authorization(case: Case, found: list[Wrong]) -> None:
    """A second authorization is a second charge on the customer's card, whatever the rows say."""
    where = (("payments", case.payments), ("captures", case.captures), ("order_paid", case.paid))
    seen = {entry.authorization_id: book for book, entries in where for entry in entries if entry.authorization_id}
    if len(seen) > 1:
        found.append(("captured twice", "; ".join(f"authorization {name} in {book}" for name, book in seen.items())))


def _points(case: Case, found: list[Wrong]) -> None:
    """A captured payment has earned its points, once; how many these are is asked of the whole ledger (`points`)."""
    if case.is_captured and not case.points:
        found.append(("points missing", "captured, and no entry in loyalty's ledger"))
    if len(case.points) > 1:
        found.append(("points twice", f"{len(case.points)} entries in loyalty's ledger"))
    if case.points and case.payments and not case.is_captured:
        found.append(("points unpaid", f"points were added, and the payment is {case.payments[0].status}"))
    for entry in case.points:
        if entry.amount_cents != case.cents or entry.customer_id != case.attempt.customer_id:
            what = f"loyalty's ledger has {entry.amount_cents} cents of {entry.customer_id}"
            found.append(("points altered", what))


def _revenue(case: Case, found: list[Wrong]) -> None:
    """A captured payment is a sale in the warehouse, once, with the same amount."""
    if case.is_captured and not case.revenue:
        found.append(("revenue missing", "captured, and no row in the warehouse's revenue"))
    if len(case.revenue) > 1:
        found.append(("revenue twice", f"{len(case.revenue)} rows in the warehouse's revenue"))
    if case.revenue and case.payments and not case.is_captured:
        found.append(("revenue unpaid", f"in the warehouse's revenue, and the payment is {case.payments[0].status}"))
    attempt = case.attempt
    for row in case.revenue:
        if row.amount_cents != case.cents or row.customer_id != attempt.customer_id or row.store_id != attempt.store_id:
            what = f"the revenue has {row.amount_cents} cents of {row.customer_id} at {row.store_id}"
            found.append(("revenue altered", what))


def _stock(case: Case, found: list[Wrong]) -> None:
    """What was ordered is gone from the store, once, whether it was paid for or not."""
    found.extend(taken_wrongly(case.stock, case.attempt))


def _announced_payment(case: Case, found: list[Wrong]) -> None:
    if case.is_captured and not case.paid:
        found.append(("paid event missing", "captured, and no order_paid in the order stream"))
    for event in _distinct(case.paid):
        _same("paid event altered", case, event, case.cents, found)
        if not event.authorization_id:
            found.append(("paid event altered", "it names no authorization"))


def _declined_for_good(case: Case, found: list[Wrong]) -> None:
    if case.is_declined and (case.captures or case.entries or case.paid):
        where = (("captures", case.captures), ("entries", case.entries), ("order_paid", case.paid))
        found.append(("declined, yet captured", f"in {', '.join(name for name, entries in where if entries)}"))


def _not_dead(case: Case, found: list[Wrong]) -> None:
    for letter in case.dead:
        if letter.reason is None:
            what = f"received {letter.receives} times and given up on without a reason"
            found.append(("dead-lettered silently", what))


def _distinct(events: Sequence[OrderEvent]) -> Sequence[OrderEvent]:
    return events if len(events) < 2 else tuple(dict.fromkeys(events))


def _same(kind: str, case: Case, entry: OrderRow | PaymentRow | OrderEvent, cents: int, found: list[Wrong]) -> None:
    """The entry, whose amount is `cents` where it says so twice, says what was ordered."""
    attempt = case.attempt
    if (
        cents != case.cents
        or entry.total_amount != attempt.total_amount
        or entry.customer_id != attempt.customer_id
        or entry.store_id != attempt.store_id
    ):
        ordered = f"{attempt.total_amount} of {attempt.customer_id} at {attempt.store_id}"
        stored = f"{entry.total_amount} ({cents} cents) of {entry.customer_id} at {entry.store_id}"
        found.append((kind, f"ordered was {ordered}; this says {stored}"))


RULES: tuple[Rule, ...] = (
    _stored_as_ordered,
    _stock,
    _relayed,
    _announced,
    _settled,
    _paid_for,
    _in_the_ledger,
    _one_authorization,
    _points,
    _announced_payment,
    _revenue,
    _declined_for_good,
    _not_dead,
)
"""In the order in which an order goes its way."""

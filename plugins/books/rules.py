"""What has to be true of one order that exists. Each rule looks at a case and says what is wrong: (kind, what).

    order row        paid                          declined
    payments row     one, captured                 one, declined, with a reason
    ledger capture   one, of the same amount       none
    ledger entries   + and -, adding up to zero    none
    order_paid       at least one                  none
    authorization    one, in all of them           none

Kinesis is at least once: a repeated event is counted by its order id, so it must be equal, not single.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from plugins.books.entries import (
    DeadLetter,
    LedgerCapture,
    LedgerEntry,
    OrderEvent,
    OrderRow,
    OutboxRow,
    PaymentRow,
)
from plugins.books.history import Attempt
from plugins.books.index import Index

Wrong = tuple[str, str]
"""Kind, a short name to count by, and what is wrong in words."""

RECEIVABLE, SALES = "card-receivable", "store-sales"
"""The accounts of a capture: what the card network owes us, and what the store sold."""

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
    accepted: Sequence[OrderEvent]
    paid: Sequence[OrderEvent]
    dead: Sequence[DeadLetter]

    @classmethod
    def of(cls, attempt: Attempt, row: OrderRow, index: Index) -> "Case":
        order_id = row.order_id
        return cls(
            attempt=attempt,
            row=row,
            cents=int(attempt.total_amount * 100),
            outbox=index.outbox.get(order_id, ()),
            payments=index.payments.get(order_id, ()),
            captures=index.captures.get(order_id, ()),
            entries=index.entries.get(order_id, ()),
            accepted=index.accepted.get(order_id, ()),
            paid=index.paid.get(order_id, ()),
            dead=index.dead.get(order_id, ()),
        )

    @property
    def is_captured(self) -> bool:
        return any(payment.status == "captured" for payment in self.payments)

    @property
    def is_declined(self) -> bool:
        return bool(self.payments) and all(payment.status == "declined" for payment in self.payments)


Rule = Callable[[Case], Iterator[Wrong]]


def wrongs(case: Case) -> Iterator[Wrong]:
    """Everything that is wrong with an order."""
    for rule in RULES:
        yield from rule(case)


def _stored_as_ordered(case: Case) -> Iterator[Wrong]:
    row, attempt = case.row, case.attempt
    if row.items != attempt.items and sorted(row.items) != sorted(attempt.items):
        yield "order altered", f"ordered {attempt.items}, stored {row.items}"
    elif row.idempotency_key not in (None, attempt.idempotency_key):
        yield "order altered", f"stored under key {row.idempotency_key}"
    else:
        yield from _same("order altered", case, row)


def _relayed(case: Case) -> Iterator[Wrong]:
    if case.outbox:
        yield "never relayed", "still in the outbox"


def _announced(case: Case) -> Iterator[Wrong]:
    if not case.accepted:
        yield "event missing", "no order_accepted in the order stream"
    for event in _distinct(case.accepted):
        yield from _same("event altered", case, event)


def _settled(case: Case) -> Iterator[Wrong]:
    """The order's status is final, and its payment says the same."""
    expected = _FINAL.get(case.row.status)
    if expected is None:
        yield "never paid", f"the order's status is {case.row.status}{', its payment captured' * case.is_captured}"
        return
    for payment in case.payments:
        if payment.status in _FINAL.values() and payment.status != expected:
            yield "status wrong", f"the order is {case.row.status}, its payment {payment.status}"


def _paid_for(case: Case) -> Iterator[Wrong]:
    if not case.payments:
        yield "payment missing", "no row in the payments table"
    if len(case.payments) > 1:
        yield "captured twice", f"{len(case.payments)} rows in the payments table"
    for payment in case.payments:
        yield from _same("payment altered", case, payment)
        yield from _complete(payment)


def _complete(payment: PaymentRow) -> Iterator[Wrong]:
    """A payment has what its status promises."""
    if payment.status == "captured":
        if not payment.authorization_id or payment.captured_at is None:
            yield "payment altered", "captured without an authorization, or at no time"
    elif payment.status == "declined":
        if not payment.reason:
            yield "payment altered", "declined without a reason"
    else:
        yield "payment pending", f"its status is {payment.status} after {payment.attempts} attempts"


def _in_the_ledger(case: Case) -> Iterator[Wrong]:
    """A captured payment is in the ledger once, and its two entries add up to zero."""
    if case.is_captured and not case.captures:
        yield "capture missing", "captured, and no row in the ledger's captures"
    if len(case.captures) > 1:
        yield "captured twice", f"{len(case.captures)} rows in the ledger's captures"
    for capture in case.captures:
        if (capture.amount_cents, capture.customer_id, capture.store_id) != (
            case.cents,
            case.attempt.customer_id,
            case.attempt.store_id,
        ):
            yield "capture altered", f"the ledger has {capture.amount_cents} cents of {capture.customer_id}"
    if case.captures:
        yield from _balanced(case)
    elif case.entries:
        yield "ledger altered", "entries without a capture"


def _balanced(case: Case) -> Iterator[Wrong]:
    sides = sorted((entry.account, entry.amount_cents) for entry in case.entries)
    if sides == [(RECEIVABLE, case.cents), (SALES, -case.cents)]:
        return
    accounts = [account for account, _ in sides]
    if len(set(accounts)) < len(accounts):
        yield "ledger row twice", f"entries of {', '.join(accounts)}"
    if total := sum(amount for _, amount in sides):
        yield "ledger unbalanced", f"the entries add up to {total} cents"
    elif len(set(accounts)) == len(accounts):
        yield "ledger altered", f"the entries are {sides or 'missing'}"


def _one_authorization(case: Case) -> Iterator[Wrong]:
    """A second authorization is a second charge on the customer's card, whatever the rows say."""
    where = (("payments", case.payments), ("captures", case.captures), ("order_paid", case.paid))
    seen = {entry.authorization_id: book for book, entries in where for entry in entries if entry.authorization_id}
    if len(seen) > 1:
        yield "captured twice", "; ".join(f"authorization {name} in {book}" for name, book in seen.items())


def _told_of_payment(case: Case) -> Iterator[Wrong]:
    if case.is_captured and not case.paid:
        yield "paid event missing", "captured, and no order_paid in the order stream"
    for event in _distinct(case.paid):
        yield from _same("paid event altered", case, event)


def _declined_for_good(case: Case) -> Iterator[Wrong]:
    if case.is_declined and (case.captures or case.entries or case.paid):
        where = (("captures", case.captures), ("entries", case.entries), ("order_paid", case.paid))
        yield "declined, yet captured", f"in {', '.join(name for name, entries in where if entries)}"


def _not_dead(case: Case) -> Iterator[Wrong]:
    for letter in case.dead:
        if letter.reason is None:
            yield "dead-lettered silently", f"received {letter.receives} times and given up on without a reason"


def _distinct(events: Sequence[OrderEvent]) -> Sequence[OrderEvent]:
    return events if len(events) < 2 else tuple(dict.fromkeys(events))


def _same(kind: str, case: Case, entry: OrderRow | PaymentRow | OrderEvent) -> Iterator[Wrong]:
    """The entry says what was ordered."""
    attempt = case.attempt
    cents = case.cents if isinstance(entry, OrderEvent) else entry.total_cents
    if (
        entry.total_amount == attempt.total_amount
        and cents == case.cents
        and entry.customer_id == attempt.customer_id
        and entry.store_id == attempt.store_id
    ):
        return
    ordered = f"{attempt.total_amount} of {attempt.customer_id} at {attempt.store_id}"
    stored = f"{entry.total_amount} ({cents} cents) of {entry.customer_id} at {entry.store_id}"
    yield kind, f"ordered was {ordered}; this says {stored}"


RULES: tuple[Rule, ...] = (
    _stored_as_ordered,
    _relayed,
    _announced,
    _settled,
    _paid_for,
    _in_the_ledger,
    _one_authorization,
    _told_of_payment,
    _declined_for_good,
    _not_dead,
)
"""In the order in which an order goes its way."""

"""Do the books balance? Pure: the history and the books in, discrepancies out. Linear in their size, but for a sort.

For every order acknowledged with 201, once the queue is drained: exactly one order row as ordered, paid or declined,
and all that `rules` asks of it in the payments table, the ledgers, the order stream and the
warehouse.

    outcome          may exist   must exist
    acknowledged     yes         yes
    unknown          yes         no           sent, no answer
    refused 5xx      yes         no           the answer came from something in front of the order, perhaps too late
    refused          no          no           4xx, or never sent

Whatever may exist and does is held to the same rules as an acknowledged order.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from plugins.books.entries import Books, LedgerCapture, OrderRow, PaymentRow
from plugins.books.history import Attempt
from plugins.books.index import Index
from plugins.books.pages import pages
from plugins.books.points import replay
from plugins.books.queues import WAY_OUT
from plugins.books.report import OUTCOMES, BooksReport, Discrepancy
from plugins.books.rules import Case, wrongs
from plugins.books.sequence import out_of_order
from plugins.books.stock import HOLD_GRACE_S, came_back_twice, gone_for_nobody, levels_apart

_IN_PROGRESS = (408, 409)
"""4xx answers that leave it open whether another try of the same key was executed."""


@dataclass(frozen=True)
class Trial:
    """Everything there is to judge by. Orders of nobody in `attempts` are left alone, unless it is `exclusive`."""

    books: Books
    attempts: Sequence[Attempt]
    exclusive: bool

    @cached_property
    def index(self) -> Index:
        return Index.of(self.books)

    @cached_property
    def ours(self) -> frozenset[str]:
        """The orders of `attempts`, whether or not they were acknowledged."""
        ids = {attempt.order_id for attempt in self.attempts if attempt.order_id is not None}
        by_key = self.index.by_key
        ids.update(row.order_id for one in self.attempts for row in by_key.get(one.idempotency_key, ()))
        return frozenset(ids)

    @cached_property
    def customers(self) -> frozenset[str]:
        """Whoever ordered in `attempts`."""
        return frozenset(attempt.customer_id for attempt in self.attempts)

    @cached_property
    def stores(self) -> frozenset[str]:
        """Wherever was ordered in `attempts`."""
        return frozenset(attempt.store_id for attempt in self.attempts)

    def is_concerned(self, order_id: str | None) -> bool:
        """Is it one of ours, or nobody's? Orders of others, which are stored, are theirs to judge."""
        return self.exclusive or order_id is None or order_id in self.ours or order_id not in self.index.orders


def compare(books: Books, attempts: Sequence[Attempt], *, exclusive: bool = False) -> BooksReport:
    """Hold every attempt against every book.

    Orders of nobody in `attempts` are left alone, unless `exclusive` says that these attempts are all there ever were;
    a payment or a dead letter without any order is wrong whoever ordered it.
    """
    with _without_collections():
        trial = Trial(books, attempts, exclusive)
        found = tuple(wrong for question in _QUESTIONS for wrong in question(trial))
        return BooksReport(
            discrepancies=found,
            counts=_counts(books, attempts),
            doubts=books.doubts,
            notes=(*books.notes, *_explained(trial)),
            pages=pages(found, trial.index, attempts),
        )


@contextmanager
def _without_collections() -> Iterator[None]:
    """No garbage collections meanwhile: there are no cycles to find, and each looks at every entry of every book."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _each_attempt(trial: Trial) -> Iterator[Discrepancy]:
    for attempt in trial.attempts:
        rows = trial.index.by_key.get(attempt.idempotency_key, ())
        if attempt.outcome == "acknowledged":
            yield from _acknowledged(attempt, rows, trial.index)
        elif rows and not _may_exist(attempt):
            what = f"refused with {attempt.status or 'no answer'}, yet stored"
            yield _wrong(attempt, rows[0].order_id, "order not refused", what)
        else:
            yield from _stored(attempt, rows, trial.index)


def _acknowledged(attempt: Attempt, rows: Sequence[OrderRow], index: Index) -> Iterator[Discrepancy]:
    order_id = attempt.order_id or ""
    stored = index.orders.get(order_id, ())
    if not stored:
        yield _wrong(attempt, order_id, "order lost", "acknowledged with 201, and no row in the orders table")
    strangers = [row for row in rows if row.order_id != order_id]
    yield from _stored(attempt, [*stored, *strangers] if strangers else stored, index)


def _stored(attempt: Attempt, rows: Sequence[OrderRow], index: Index) -> Iterator[Discrepancy]:
    """Every rule for an order that exists, whether or not it was acknowledged."""
    if len(rows) > 1:
        ids = ", ".join(sorted({row.order_id for row in rows}))
        yield _wrong(attempt, rows[0].order_id, "order doubled", f"{len(rows)} rows for one key: {ids}")
    for row in rows:
        for kind, what in wrongs(Case.of(attempt, row, index)):
            yield _wrong(attempt, row.order_id, kind, what)


def _may_exist(attempt: Attempt) -> bool:
    if attempt.outcome == "unknown" or attempt.tries > 1:
        return True
    return attempt.status is not None and (attempt.status >= 500 or attempt.status in _IN_PROGRESS)


def _paid_without_order(trial: Trial) -> Iterator[Discrepancy]:
    """Money that nobody owed: a capture, a ledger row or a published payment of an order that does not exist."""
    index = trial.index
    charges = [payment.order_id for payment in trial.books.payments if payment.status == "captured"]
    for order_id in dict.fromkeys((*charges, *index.captures, *index.entries, *index.paid)):
        if order_id not in index.orders:
            yield _found(order_id, "charged, not ordered", "captured, and no row in the orders table")
    for payment in trial.books.payments:
        if payment.status != "captured" and payment.order_id not in index.orders:
            what = f"a {payment.status} payment, and no row in the orders table"
            yield _found(payment.order_id, "payment without order", what)


def _shared_authorizations(trial: Trial) -> Iterator[Discrepancy]:
    """The card network gives an authorization to one payment; one that covers two orders paid for one of them only."""
    owner: dict[str, str] = {}
    entries: tuple[PaymentRow | LedgerCapture, ...] = (*trial.books.payments, *trial.books.captures)
    for entry in entries:
        if entry.authorization_id is None:
            continue
        first = owner.setdefault(entry.authorization_id, entry.order_id)
        if first != entry.order_id and (trial.is_concerned(first) or trial.is_concerned(entry.order_id)):
            yield _found(entry.order_id, "authorization shared", f"{entry.authorization_id} is that of {first} too")


def _gained_without_order(trial: Trial) -> Iterator[Discrepancy]:
    """Points, and rows of revenue, of orders that do not exist."""
    index = trial.index
    gains = (
        (index.points, "points, not ordered", "points were added"),
        (index.revenue, "revenue, not ordered", "a row of revenue"),
    )
    for entries, kind, what in gains:
        for order_id in entries:
            if order_id not in index.orders:
                yield _found(order_id, kind, f"{what}, and no row in the orders table")


def _points_by_the_rule(trial: Trial) -> Iterator[Discrepancy]:
    """Each entry as the customer's tier had it, and each account what its entries add up to."""
    played = replay(trial.books.points)
    for entry, due in played.wrong:
        if trial.is_concerned(entry.order_id):
            yield _found(entry.order_id, "points wrong", f"{entry.points} points, {due} were due")
    for account, total in played.apart(trial.books.accounts):
        if trial.exclusive or account.customer_id in trial.customers:
            what = (
                f"{account.customer_id} has {account.balance} points of {account.earned} ever earned, and entries of"
                f" {total.balance} and {total.earned}"
            )
            yield _found(None, "points account apart", what)


def _stock_of_nobody(trial: Trial) -> Iterator[Discrepancy]:
    """Pieces that are gone for an order that does not exist, or that came back more often than they went."""
    index = trial.index
    for order_id, entries in index.stock.items():
        if order_id not in index.orders and gone_for_nobody(entries):
            yield _found(order_id, "stock taken, not ordered", "taken, and no row in the orders table")
        if came_back_twice(entries) and trial.is_concerned(order_id):
            yield _found(order_id, "stock given back twice", "more pieces came back than were taken")
    for hold in trial.books.holds:
        if hold.left_s < -HOLD_GRACE_S and trial.is_concerned(hold.order_id):
            yield _found(hold.order_id, "hold never ended", f"it was over {-hold.left_s:.0f} s ago")


def _stock_by_the_entries(trial: Trial) -> Iterator[Discrepancy]:
    books = trial.books
    for level, what in levels_apart(books.levels, books.stock, books.holds):
        if trial.exclusive or level.store_id in trial.stores:
            yield _found(None, "stock apart", f"{level.item_id} at {level.store_id}: {what}")


def _in_sequence(trial: Trial) -> Iterator[Discrepancy]:
    """Captured in the order in which each customer placed them, by the payments table and by the ledger."""
    books = (("payments", trial.books.payments), ("captures", trial.books.captures))
    seen: set[str] = set()
    for book, entries in books:
        times = {entry.order_id: entry.captured_at for entry in entries if entry.captured_at is not None}
        for attempt, before in out_of_order(trial.attempts, times):
            order_id = attempt.order_id or ""
            if order_id not in seen:
                seen.add(order_id)
                what = f"after {before.order_id} of the same customer, which was placed later (by {book})"
                yield _wrong(attempt, order_id, "captured out of order", what)


def _orphaned_letters(trial: Trial) -> Iterator[Discrepancy]:
    """Letters of orders that exist are judged with these."""
    for letter in trial.books.dead_letters:
        if letter.reason is None and letter.order_id not in trial.index.orders:
            what = f"message {letter.message_id}, given up on without a reason: {letter.body}"
            yield _found(letter.order_id, "dead-lettered silently", what)


def _explained(trial: Trial) -> Iterator[str]:
    """Dead letters with a reason are no discrepancy: what they leave undone is found in the other books."""
    for letter in trial.books.dead_letters:
        if letter.reason is not None and trial.is_concerned(letter.order_id):
            yield f"dead letter of {letter.order_id or 'no order'}: {letter.reason}"
    if others := sum(not trial.is_concerned(letter.order_id) for letter in trial.books.dead_letters):
        yield f"dead letters of other runs: {others}; {WAY_OUT}"


def _ordered_by_nobody(trial: Trial) -> Iterator[Discrepancy]:
    if not trial.exclusive:
        return
    for order_id in trial.index.orders:
        if order_id not in trial.ours:
            yield _found(order_id, "ordered by nobody", "stored, and in nobody's history")


_QUESTIONS: tuple[Callable[[Trial], Iterator[Discrepancy]], ...] = (
    _each_attempt,
    _paid_without_order,
    _shared_authorizations,
    _gained_without_order,
    _points_by_the_rule,
    _stock_of_nobody,
    _stock_by_the_entries,
    _in_sequence,
    _orphaned_letters,
    _ordered_by_nobody,
)


def _wrong(attempt: Attempt, order_id: str, kind: str, what: str) -> Discrepancy:
    return Discrepancy(kind=kind, order_id=order_id, idempotency_key=attempt.idempotency_key, what=what)


def _found(order_id: str | None, kind: str, what: str) -> Discrepancy:
    return Discrepancy(kind=kind, order_id=order_id, idempotency_key=None, what=what)


def _counts(books: Books, attempts: Iterable[Attempt]) -> dict[str, int]:
    counts = dict.fromkeys(OUTCOMES, 0)
    for attempt in attempts:
        counts[attempt.outcome] += 1
    statuses = {"captured": 0, "declined": 0}
    for payment in books.payments:
        if payment.status in statuses:
            statuses[payment.status] += 1
    return counts | {
        "orders": len(books.orders),
        "outbox": len(books.outbox),
        "waiting": books.waiting,
        **statuses,
        "ledger": len(books.captures),
        "points": sum(entry.order_id is not None for entry in books.points),
        "revenue": len(books.revenue),
        "stock": len({entry.order_id for entry in books.stock if entry.kind == "take"}),
        "events": len(books.events),
        "dead letters": len(books.dead_letters),
    }

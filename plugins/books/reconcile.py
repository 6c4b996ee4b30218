"""Reconciles a platform with a history: wait until it has settled, read every book, compare."""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from infrastructure.state import StateFolder
from plugins.books.comparison import compare
from plugins.books.entries import Books
from plugins.books.history import is_torn, read_history
from plugins.books.ledger import DatabaseCloud, read_ledger
from plugins.books.queues import WAY_OUT, DeadLetters, read_dead_letters
from plugins.books.readers import read_events, read_orders, read_outbox, read_payments
from plugins.books.report import BooksReport
from plugins.books.revenue import read_revenue
from plugins.books.settling import Backlog, settle
from plugins.books.story import with_logs


class Platform(DatabaseCloud, Protocol):
    """A platform whose books are kept."""

    @property
    def state(self) -> StateFolder: ...


def reconcile(
    platform: Platform,
    history: Path,
    *,
    exclusive: bool = False,
    patience_s: float | None = None,
    letters_before: int | None = None,
) -> BooksReport:
    """Do the books balance for every order in `history`? Call it when the load has stopped.

    Orders of nobody in `history` are ignored unless it is `exclusive`: all that was ever ordered. What is still under
    way when it got no less for `patience_s` (`settling.settle`) is judged as it is. Books that cannot be read give an
    inconclusive report, no exception; so does an `exclusive` history whose last line is torn: it does not hold all.
    `letters_before` is how many dead letters there were before the load: those that cannot be seen may be these.
    """
    try:
        attempts = read_history(history)
        left = settle(platform, patience_s)
        dead = read_dead_letters(platform)
        books = read_books(platform, left, dead)
        if unseen := dead.unseen({attempt.order_id for attempt in attempts}, letters_before):
            books = replace(books, doubts=(f"{unseen} of {dead.total} dead letters could not be seen; {WAY_OUT}",))
        if exclusive and is_torn(history):
            books = replace(books, doubts=(*books.doubts, f"the last line of {history} is torn"))
            exclusive = False
        report = compare(books, attempts, exclusive=exclusive)
        return with_logs(report, platform.state.logs)
    except Exception as error:  # noqa: BLE001 - a checker that crashed knows nothing: neither pass nor fail
        doubt = f"the books could not be read: {type(error).__name__}: {error}"
        return BooksReport(discrepancies=(), counts={}, doubts=(doubt,))


def read_books(platform: Platform, left: Backlog, dead: DeadLetters) -> Books:
    """Against the way of an order, the orders last: what is passed on was stored first, so an order placed while we
    read can lack a payment in this picture, but no payment can lack its order.
    """
    revenue, events = read_revenue(platform), read_events(platform)
    payments, ledger = read_payments(platform), read_ledger(platform)
    outbox = read_outbox(platform)
    notes = [f"still under way when nothing more happened: {left}"] if left.total else []
    notes += [f"{name} ledger has no tables: the service never reached it" for name in ledger.missing]
    return Books(
        orders=read_orders(platform),
        outbox=outbox,
        payments=payments,
        captures=ledger.captures,
        entries=ledger.entries,
        points=ledger.points,
        accounts=ledger.accounts,
        stock=ledger.stock,
        levels=ledger.levels,
        holds=ledger.holds,
        revenue=revenue,
        events=events,
        dead_letters=dead.letters,
        waiting=left.waiting,
        notes=tuple(notes),
    )

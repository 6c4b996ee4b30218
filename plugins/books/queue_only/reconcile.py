"""Judges a platform without payments: wait until it has settled, drain the payment queue, compare."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from infrastructure.state import StateFolder
from plugins.books.history import Attempt
from plugins.books.queue_only.comparison import compare
from plugins.books.queue_only.entries import Books
from plugins.books.queue_only.payments import read_payments
from plugins.books.queue_only.readers import Cloud, read_events, read_orders, read_outbox
from plugins.books.report import BooksReport

_POLL_S = 0.1


class Platform(Cloud, Protocol):
    """A platform whose books are kept."""

    @property
    def state(self) -> StateFolder: ...


def judge(platform: Platform, attempts: Sequence[Attempt], *, exclusive: bool, settle_s: float) -> BooksReport:
    """Wait until the outbox is empty, at most `settle_s`, take everything from the queue, compare."""
    settle(platform, settle_s)
    return compare(_read(platform), attempts, exclusive=exclusive)


def settle(
    cloud: Cloud,
    deadline_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Wait until the outbox is empty, at most `deadline_s`; False if it is not.

    Polled, since neither target announces it: DynamoDB has no event for an empty table, and a stream of its changes
    would have to be part of the platform for this alone.
    """
    ends = clock() + deadline_s
    while read_outbox(cloud):
        if clock() >= ends:
            return False
        sleep(_POLL_S)
    return True


def _read(platform: Platform) -> Books:
    """Queue and stream before the orders: what is passed on was stored first, so an order written while we read can
    lack a message in this picture, but no message can lack its order.
    """
    payments = read_payments(platform, platform.state.root / "books" / "payments.jsonl")
    events = read_events(platform)
    outbox = read_outbox(platform)
    return Books(orders=read_orders(platform), outbox=outbox, payments=payments, events=events)

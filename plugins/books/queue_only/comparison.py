"""Do the books balance? Pure: the history and the books in, discrepancies out. Linear in their size.

For every order acknowledged with 201, once the outbox is empty: exactly one order row as ordered, exactly one payment
message of the same amount, at least one `order_accepted` event that says the same (Kinesis is at least once: a repeated
event is counted by its order id, so it must be equal, not single). Messages of one customer keep the order in which the
customer placed them, as far as one was acknowledged before the next was due.

    outcome          may exist   must exist
    acknowledged     yes         yes
    unknown          yes         no           sent, no answer
    refused 5xx      yes         no           the answer came from something in front of the order, perhaps too late
    refused          no          no           4xx, or never sent

Whatever may exist and does is held to the same rules as an acknowledged order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from plugins.books.history import Attempt
from plugins.books.queue_only.entries import Books, OrderEvent, OrderRow, OutboxRow, PaymentMessage
from plugins.books.report import BooksReport, Discrepancy

_IN_PROGRESS = (408, 409)
"""4xx answers that leave it open whether another try of the same key was executed."""


@dataclass(frozen=True, slots=True)
class _Ledger:
    """The books by order id, and the order rows by idempotency key too."""

    rows: dict[str, list[OrderRow]] = field(default_factory=lambda: defaultdict(list))
    by_key: dict[str, list[OrderRow]] = field(default_factory=lambda: defaultdict(list))
    outbox: dict[str, list[OutboxRow]] = field(default_factory=lambda: defaultdict(list))
    payments: dict[str, list[PaymentMessage]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[OrderEvent]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, books: Books) -> "_Ledger":
        ledger = cls()
        for row in books.orders:
            ledger.rows[row.order_id].append(row)
            if row.idempotency_key:
                ledger.by_key[row.idempotency_key].append(row)
        for waiting in books.outbox:
            ledger.outbox[waiting.order_id].append(waiting)
        for message in books.payments:
            ledger.payments[message.order_id].append(message)
        for event in books.events:
            ledger.events[event.order_id].append(event)
        return ledger


def compare(books: Books, attempts: Sequence[Attempt], *, exclusive: bool = False) -> BooksReport:
    """Hold every attempt against every book.

    Orders of nobody in `attempts` are left alone, unless `exclusive` says that these attempts are all there ever were;
    a payment without any order is wrong whoever ordered it.
    """
    ledger = _Ledger.of(books)
    found = [
        *(wrong for attempt in attempts for wrong in _judge(attempt, ledger)),
        *_charged_without_order(ledger),
        *_out_of_order(attempts, books.payments),
        *(_ordered_by_nobody(attempts, ledger) if exclusive else ()),
    ]
    return BooksReport(discrepancies=tuple(found), counts=_counts(books, attempts), notes=books.notes)


def _judge(attempt: Attempt, ledger: _Ledger) -> Iterator[Discrepancy]:
    rows = ledger.by_key.get(attempt.idempotency_key, [])
    if attempt.outcome == "acknowledged":
        yield from _judge_acknowledged(attempt, rows, ledger)
    elif rows and not _may_exist(attempt):
        yield _wrong(
            ledger, attempt, rows[0].order_id, "order not refused", f"refused with {attempt.status}, yet stored"
        )
    else:
        yield from _judge_stored(attempt, rows, ledger)


def _judge_acknowledged(attempt: Attempt, rows: Sequence[OrderRow], ledger: _Ledger) -> Iterator[Discrepancy]:
    order_id = attempt.order_id or ""
    stored = ledger.rows.get(order_id, [])
    if not stored:
        yield _wrong(ledger, attempt, order_id, "order lost", "acknowledged with 201, and no row in the orders table")
    strangers = [row for row in rows if row.order_id != order_id]
    yield from _judge_stored(attempt, [*stored, *strangers], ledger)
    if not stored:
        yield from _passed_on(attempt, order_id, ledger)


def _judge_stored(attempt: Attempt, rows: Sequence[OrderRow], ledger: _Ledger) -> Iterator[Discrepancy]:
    """Every rule for an order that exists, whether or not anybody was told."""
    if len(rows) > 1:
        ids = ", ".join(sorted({row.order_id for row in rows}))
        yield _wrong(ledger, attempt, rows[0].order_id, "order doubled", f"{len(rows)} rows for one key: {ids}")
    for row in rows:
        if (differs := _differences(attempt, row)) is not None:
            yield _wrong(ledger, attempt, row.order_id, "order altered", differs)
    for order_id in dict.fromkeys(row.order_id for row in rows):
        yield from _passed_on(attempt, order_id, ledger)


def _passed_on(attempt: Attempt, order_id: str, ledger: _Ledger) -> Iterator[Discrepancy]:
    """The order left the outbox, and says the same in the queue and in the stream."""
    messages, events = ledger.payments.get(order_id, []), ledger.events.get(order_id, [])
    if ledger.outbox.get(order_id):
        yield _wrong(ledger, attempt, order_id, "never relayed", "still in the outbox")
    if not messages:
        yield _wrong(ledger, attempt, order_id, "payment missing", "no message in the payment queue")
    if len(messages) > 1:
        yield _wrong(ledger, attempt, order_id, "payment doubled", f"{len(messages)} messages in the payment queue")
    if not events:
        yield _wrong(ledger, attempt, order_id, "event missing", "no order_accepted in the order stream")
    for message in messages:
        if (differs := _amount_or_name(attempt, message)) is not None:
            yield _wrong(ledger, attempt, order_id, "payment altered", differs)
        if message.group != message.customer_id:
            yield _wrong(ledger, attempt, order_id, "payment ungrouped", f"message group {message.group!r}")
    for event in set(events):
        if (differs := _amount_or_name(attempt, event)) is not None:
            yield _wrong(ledger, attempt, order_id, "event altered", differs)


def _differences(attempt: Attempt, row: OrderRow) -> str | None:
    if sorted(row.items) != sorted(attempt.items):
        return f"ordered {attempt.items}, stored {row.items}"
    if row.idempotency_key not in (None, attempt.idempotency_key):
        return f"stored under key {row.idempotency_key}"
    if row.total_cents != attempt.total_amount * 100:
        return f"total_cents is {row.total_cents}, ordered was {attempt.total_amount}"
    return _amount_or_name(attempt, row)


def _amount_or_name(attempt: Attempt, entry: OrderRow | PaymentMessage | OrderEvent) -> str | None:
    for name in ("total_amount", "customer_id", "store_id"):
        ordered, stored = getattr(attempt, name), getattr(entry, name)
        if ordered != stored:
            return f"{name} is {stored}, ordered was {ordered}"
    return None


def _may_exist(attempt: Attempt) -> bool:
    if attempt.outcome == "unknown" or attempt.tries > 1:
        return True
    return attempt.status is not None and (attempt.status >= 500 or attempt.status in _IN_PROGRESS)


def _charged_without_order(ledger: _Ledger) -> Iterator[Discrepancy]:
    for order_id, messages in ledger.payments.items():
        if order_id not in ledger.rows:
            yield Discrepancy(
                kind="charged, not ordered",
                order_id=order_id,
                idempotency_key=None,
                what=f"{len(messages)} messages in the payment queue, and no row in the orders table",
                says=_says(ledger, order_id),
            )


def _out_of_order(attempts: Iterable[Attempt], payments: Iterable[PaymentMessage]) -> Iterator[Discrepancy]:
    """A message behind one of the same customer that was due only after this order had been acknowledged."""
    waiting = {attempt.order_id: attempt for attempt in attempts if attempt.acknowledged_at is not None}
    latest: dict[str, Attempt] = {}
    for message in sorted(payments, key=lambda m: m.place):
        attempt = waiting.pop(message.order_id, None)  # of a doubled one the first counts
        if attempt is None or attempt.acknowledged_at is None:
            continue
        before = latest.get(attempt.customer_id)
        if before is not None and attempt.acknowledged_at < before.scheduled_at:
            yield Discrepancy(
                kind="payment out of order",
                order_id=message.order_id,
                idempotency_key=attempt.idempotency_key,
                what=f"queued behind {before.order_id} of the same customer, which was placed after it",
                says=(("history", _line(attempt)), ("history", _line(before)), ("payments", _line(message))),
            )
        if before is None or attempt.scheduled_at > before.scheduled_at:
            latest[attempt.customer_id] = attempt


def _ordered_by_nobody(attempts: Iterable[Attempt], ledger: _Ledger) -> Iterator[Discrepancy]:
    keys, ids = set(), set()
    for attempt in attempts:
        keys.add(attempt.idempotency_key)
        ids.add(attempt.order_id)
    for order_id, rows in ledger.rows.items():
        if order_id not in ids and not any(row.idempotency_key in keys for row in rows):
            yield Discrepancy(
                kind="ordered by nobody",
                order_id=order_id,
                idempotency_key=rows[0].idempotency_key,
                what="stored, and in nobody's history",
                says=_says(ledger, order_id),
            )


def _wrong(ledger: _Ledger, attempt: Attempt, order_id: str, kind: str, what: str) -> Discrepancy:
    says = (("history", _line(attempt)), *_says(ledger, order_id))
    return Discrepancy(kind=kind, order_id=order_id, idempotency_key=attempt.idempotency_key, what=what, says=says)


def _says(ledger: _Ledger, order_id: str) -> tuple[tuple[str, str], ...]:
    books = (
        ("orders", ledger.rows.get(order_id, [])),
        ("outbox", ledger.outbox.get(order_id, [])),
        ("payments", ledger.payments.get(order_id, [])),
        ("events", ledger.events.get(order_id, [])),
    )
    return tuple((name, _line(entry)) for name, entries in books for entry in entries or ("nothing",))


def _line(entry: object) -> str:
    """An entry as `name=value` pairs, without its class."""
    names = getattr(entry, "__slots__", None)
    return " ".join(f"{name}={getattr(entry, name)}" for name in names) if names else str(entry)


def _counts(books: Books, attempts: Iterable[Attempt]) -> dict[str, int]:
    counts = {"acknowledged": 0, "refused": 0, "unknown": 0}
    for attempt in attempts:
        counts[attempt.outcome] += 1
    return counts | {
        "orders": len(books.orders),
        "outbox": len(books.outbox),
        "payments": len(books.payments),
        "events": len(books.events),
    }

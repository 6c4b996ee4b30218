"""Books that balance pass; every way in which they may not is found, named and shown."""

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.books.history import Attempt, Outcome
from plugins.books.queue_only.comparison import compare
from plugins.books.queue_only.entries import Books, OutboxRow
from plugins.books.queue_only.tests.platform import attempt, balanced, event, message, row
from plugins.slo import Verdict

PLACED = tuple(attempt(number) for number in range(100))
TRUTH = balanced(PLACED)
VICTIM = PLACED[42]
CENT = Decimal("0.01")


def test_books_that_balance_pass() -> None:
    report = compare(TRUTH, PLACED, exclusive=True)
    assert report.verdict is Verdict.PASS, str(report)
    assert report.counts == {
        "acknowledged": 100, "refused": 0, "unknown": 0, "orders": 100, "outbox": 0, "payments": 100, "events": 100
    }  # fmt: skip


def without_order(books: Books) -> Books:
    return replace(books, orders=tuple(r for r in books.orders if r.order_id != VICTIM.order_id))


def with_order_twice(books: Books) -> Books:
    return replace(books, orders=(*books.orders, replace(row(VICTIM), order_id="order-again")))


def with_order(books: Books, **changes: object) -> Books:
    changed = replace(row(VICTIM), **changes)  # type: ignore[arg-type]  # a test's table of fields
    return replace(books, orders=tuple(changed if r.order_id == VICTIM.order_id else r for r in books.orders))


def without_payment(books: Books) -> Books:
    return replace(books, payments=tuple(m for m in books.payments if m.order_id != VICTIM.order_id))


def with_payment_twice(books: Books) -> Books:
    again = replace(message(VICTIM, 1000), message_id="message-again")
    return replace(books, payments=(*books.payments, again))


def with_payment(books: Books, **changes: object) -> Books:
    changed = replace(message(VICTIM, 42), **changes)  # type: ignore[arg-type]  # as above
    return replace(books, payments=tuple(changed if m.order_id == VICTIM.order_id else m for m in books.payments))


def with_event(books: Books, **changes: object) -> Books:
    changed = replace(event(VICTIM), **changes)  # type: ignore[arg-type]  # as above
    return replace(books, events=tuple(changed if e.order_id == VICTIM.order_id else e for e in books.events))


def without_event(books: Books) -> Books:
    return replace(books, events=tuple(e for e in books.events if e.order_id != VICTIM.order_id))


def never_relayed(books: Books) -> Books:
    return replace(books, outbox=(OutboxRow(order_id=VICTIM.order_id or "", sequence="1"),))


def charged_for_nothing(books: Books) -> Books:
    return replace(books, payments=(*books.payments, replace(message(VICTIM, 1000), order_id="order-nobodys")))


MUTANTS: dict[str, tuple[Callable[[Books], Books], set[str]]] = {
    "order lost": (without_order, {"order lost", "charged, not ordered"}),
    "order lost without a trace": (
        lambda books: without_order(without_payment(without_event(books))),
        {"order lost", "payment missing", "event missing"},
    ),
    "order doubled": (with_order_twice, {"order doubled", "payment missing", "event missing"}),
    "wrong amount in the order": (lambda b: with_order(b, total_amount=VICTIM.total_amount + CENT), {"order altered"}),
    "amount and cents apart": (lambda b: with_order(b, total_cents=1), {"order altered"}),
    "wrong items": (lambda b: with_order(b, items=(("latte-tall", 99),)), {"order altered"}),
    "wrong customer": (lambda b: with_order(b, customer_id="customer-none"), {"order altered"}),
    "wrong store": (lambda b: with_order(b, store_id="store-none"), {"order altered"}),
    "stored under another key": (lambda b: with_order(b, idempotency_key="key-none"), {"order altered"}),
    "payment missing": (without_payment, {"payment missing"}),
    "payment doubled": (with_payment_twice, {"payment doubled"}),
    "wrong amount in the payment": (
        lambda b: with_payment(b, total_amount=VICTIM.total_amount - CENT),
        {"payment altered"},
    ),
    "wrong customer in the payment": (lambda b: with_payment(b, customer_id="x", group="x"), {"payment altered"}),
    "payment in the wrong group": (lambda b: with_payment(b, group="all"), {"payment ungrouped"}),
    "payment out of order": (lambda b: with_payment(b, place=1000), {"payment out of order"}),
    "event missing": (without_event, {"event missing"}),
    "wrong amount in the event": (lambda b: with_event(b, total_amount=CENT), {"event altered"}),
    "never relayed": (never_relayed, {"never relayed"}),
    "charged, not ordered": (charged_for_nothing, {"charged, not ordered"}),
}


@pytest.mark.parametrize(("mutate", "kinds"), MUTANTS.values(), ids=MUTANTS)
def test_every_planted_discrepancy_is_found_and_nothing_else(mutate: Callable[[Books], Books], kinds: set[str]) -> None:
    report = compare(mutate(TRUTH), PLACED)
    assert report.verdict is Verdict.FAIL
    assert {found.kind for found in report.discrepancies} == kinds
    assert {found.order_id for found in report.discrepancies} <= {
        VICTIM.order_id, "order-again", "order-nobodys", PLACED[92].order_id
    }  # fmt: skip


@pytest.mark.parametrize(("mutate", "kinds"), MUTANTS.values(), ids=MUTANTS)
def test_an_order_nobody_was_told_of_is_held_to_the_same_rules(
    mutate: Callable[[Books], Books], kinds: set[str]
) -> None:
    """Its customer does not know whether it exists. If it does, it has to be whole; only its loss is nobody's loss."""
    attempts = tuple(
        replace(one, outcome="unknown", status=None, order_id=None, acknowledged_at=None) if one is VICTIM else one
        for one in PLACED
    )
    found = {wrong.kind for wrong in compare(mutate(TRUTH), attempts).discrepancies}
    if mutate is without_order:
        assert found == {"charged, not ordered"}
    elif kinds == {"order lost", "payment missing", "event missing"}:
        assert found == set()  # never placed at all: that is one of the two ways it may be
    elif kinds == {"payment out of order"}:
        assert found == set()  # nobody knows when it was placed
    elif "stored under another key" in MUTANTS and mutate is MUTANTS["stored under another key"][0]:
        assert found == set()  # then it is somebody else's
    else:
        assert found == kinds


@pytest.mark.parametrize(
    ("outcome", "status", "tries", "exists", "kinds"),
    [
        ("unknown", None, 1, True, set()),
        ("unknown", None, 1, False, set()),
        ("refused", 503, 1, True, set()),
        ("refused", 504, 1, False, set()),
        ("refused", 422, 1, False, set()),
        ("refused", 422, 1, True, {"order not refused"}),
        ("refused", 429, 1, True, {"order not refused"}),
        ("refused", 409, 1, True, set()),
        ("refused", 429, 2, True, set()),
        ("refused", None, 1, True, {"order not refused"}),
    ],
    ids=[
        "unknown, there", "unknown, not there", "503, there", "504, not there", "422, not there", "422, there",
        "429, there", "409, there", "429 after another try, there", "never sent, there",
    ],
)  # fmt: skip
def test_what_was_not_acknowledged_may_exist_only_where_nobody_can_know(
    outcome: Outcome, status: int | None, tries: int, exists: bool, kinds: set[str]
) -> None:
    open_one = replace(attempt(500, outcome="unknown"), outcome=outcome, status=status, tries=tries)
    books = balanced((*PLACED, open_one) if exists else PLACED)
    assert {found.kind for found in compare(books, (*PLACED, open_one)).discrepancies} == kinds


def test_a_repeated_event_is_no_discrepancy_but_one_that_differs_is() -> None:
    again = replace(TRUTH, events=(*TRUTH.events, event(VICTIM)))
    assert compare(again, PLACED).verdict is Verdict.PASS
    other = replace(TRUTH, events=(*TRUTH.events, replace(event(VICTIM), total_amount=CENT)))
    assert {found.kind for found in compare(other, PLACED).discrepancies} == {"event altered"}


def test_orders_of_others_are_left_alone_unless_there_are_no_others() -> None:
    some = PLACED[:50]
    assert compare(TRUTH, some).verdict is Verdict.PASS
    report = compare(TRUTH, some, exclusive=True)
    assert {found.kind for found in report.discrepancies} == {"ordered by nobody"}
    assert len(report.discrepancies) == 50


def test_orders_placed_at_the_same_time_may_be_queued_either_way() -> None:
    first, second = attempt(1, customers=1), attempt(2, customers=1)
    overlapping = replace(first, acknowledged_at=second.scheduled_at + 0.1)
    books = balanced((second, overlapping))
    assert compare(books, (overlapping, second)).verdict is Verdict.PASS
    assert compare(balanced((second, first)), (first, second)).verdict is Verdict.FAIL


def test_no_acknowledged_order_proves_nothing() -> None:
    report = compare(Books(), [attempt(1, outcome="refused")])
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reasons == ("books: no order was acknowledged, so there is nothing to balance",)


def test_the_report_shows_what_each_book_says_of_each_offending_order() -> None:
    report = compare(with_payment(TRUTH, total_amount=CENT), PLACED)
    text = str(report)
    assert "books: FAIL (acknowledged 100" in text
    assert f"{VICTIM.order_id}: total_amount is 0.01, ordered was {VICTIM.total_amount}" in text
    for book in ("history", "orders", "outbox", "payments", "events"):
        assert f"\n      {book}" in text
    assert report.reasons == ("books: 1 x payment altered",)


def test_a_thousand_discrepancies_are_counted_and_the_first_shown() -> None:
    report = compare(Books(), tuple(attempt(number) for number in range(1000)))
    assert report.lost == 1000
    assert "books: 1000 x order lost" in str(report)
    assert "and 2950 more" in str(report)


@settings(deadline=None)  # a busy machine is no defect
@given(losses=st.sets(st.integers(0, 99)), doubles=st.sets(st.integers(0, 99)))
def test_as_many_discrepancies_are_found_as_were_planted(losses: set[int], doubles: set[int]) -> None:
    payments = [m for m in TRUTH.payments if m.place not in losses]
    doubled = [m for m in payments if m.place in doubles]
    books = replace(TRUTH, payments=(*payments, *(replace(m, message_id="again") for m in doubled)))
    kinds = [found.kind for found in compare(books, PLACED).discrepancies]
    assert kinds.count("payment missing") == len(losses)
    assert kinds.count("payment doubled") == len(doubles - losses)


def test_a_hundred_thousand_orders_are_compared_within_five_seconds() -> None:
    attempts: tuple[Attempt, ...] = tuple(attempt(number, customers=2000) for number in range(100_000))
    books = balanced(attempts)
    started = time.process_time()
    report = compare(books, attempts, exclusive=True)
    assert report.verdict is Verdict.PASS
    assert time.process_time() - started < 5.0

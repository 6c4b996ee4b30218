"""What may exist and what must, whose orders are whose, and what a reader of the report is shown."""

import gc
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.books import generated
from plugins.books.comparison import compare
from plugins.books.entries import Books, StockHold
from plugins.books.generated import books_of, order_id, world
from plugins.books.history import Attempt, Outcome
from plugins.books.index import BOOK_NAMES
from plugins.books.tests.mutants import letter
from plugins.slo import Verdict

WORLD = world(100, seed=11, customers=50)
TRUTH, PLACED = WORLD.books, WORLD.attempts
VICTIM = next(one for one in PLACED[40:] if TRUTH.payments[PLACED.index(one)].status == "captured")
CENT = Decimal("0.01")


def unacknowledged(one: Attempt, outcome: Outcome, status: int | None = None, tries: int = 1) -> Attempt:
    """The same order, and its customer does not know of it."""
    return replace(one, outcome=outcome, status=status, tries=tries, order_id=None, acknowledged_at=None)


def kinds(books: Books, attempts: tuple[Attempt, ...]) -> set[str]:
    return {wrong.kind for wrong in compare(books, attempts).discrepancies}


def test_books_that_balance_are_counted() -> None:
    report = compare(TRUTH, PLACED, exclusive=True)
    assert report.verdict is Verdict.PASS, str(report)
    captured = len(TRUTH.captures)
    assert report.counts == {
        "acknowledged": 100, "refused": 0, "unknown": 0, "orders": 100, "outbox": 0, "waiting": 0,
        "captured": captured, "declined": 100 - captured, "ledger": captured, "points": captured, "revenue": captured,
        "stock": 100, "events": 100 + captured, "dead letters": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "status", "tries", "exists", "expected"),
    [
        ("unknown", None, 1, True, set()),
        ("unknown", None, 1, False, set()),
        ("refused", 500, 1, True, set()),
        ("refused", 503, 1, True, set()),
        ("refused", 504, 1, False, set()),
        ("refused", 422, 1, False, set()),
        ("refused", 422, 1, True, {"order not refused"}),
        ("refused", 429, 1, True, {"order not refused"}),
        ("refused", 499, 1, True, {"order not refused"}),
        ("refused", 408, 1, True, set()),
        ("refused", 409, 1, True, set()),
        ("refused", 429, 2, True, set()),
        ("refused", None, 1, True, {"order not refused"}),
    ],
    ids=[
        "unknown, there", "unknown, not there", "500, there", "503, there", "504, not there", "422, not there",
        "422, there", "429, there", "499, there", "408, there", "409, there", "429 after another try, there",
        "never sent, there",
    ],
)  # fmt: skip
def test_what_was_not_acknowledged_may_exist_only_where_nobody_can_know(
    outcome: Outcome, status: int | None, tries: int, exists: bool, expected: set[str]
) -> None:
    open_one = unacknowledged(PLACED[-1], outcome, status, tries)
    acknowledged = PLACED[:-1]
    books = books_of((*acknowledged, open_one) if exists else acknowledged)
    assert kinds(books, (*acknowledged, open_one)) == expected


def test_a_repeated_event_is_no_discrepancy_but_one_that_differs_is() -> None:
    assert kinds(replace(TRUTH, events=TRUTH.events * 2), PLACED) == set()
    other = replace(generated.event("order_accepted", VICTIM), total_amount=CENT)
    assert kinds(replace(TRUTH, events=(*TRUTH.events, other)), PLACED) == {"event altered"}


def test_orders_of_others_are_left_alone_unless_there_are_no_others() -> None:
    some = PLACED[:50]
    others = {order_id(one) for one in PLACED[50:]}
    broken = replace(TRUTH, payments=tuple(p for p in TRUTH.payments if p.order_id not in others))
    assert compare(broken, some).verdict is Verdict.PASS
    report = compare(TRUTH, some, exclusive=True)
    assert {found.kind for found in report.discrepancies} == {"ordered by nobody"}
    assert len(report.discrepancies) == 50


def test_a_dead_letter_of_others_is_theirs_and_one_of_nobody_is_everybodys() -> None:
    for reason in (None, "amount differs"):
        others = replace(TRUTH, dead_letters=(letter(order_id(PLACED[99]), reason),))
        report = compare(others, PLACED[:50])
        assert report.discrepancies == ()
        assert [note.split(";")[0] for note in report.notes] == ["dead letters of other runs: 1"]
    for unknown in (None, "order-never-heard-of"):
        assert kinds(replace(TRUTH, dead_letters=(letter(unknown, None),)), PLACED) == {"dead-lettered silently"}


def test_a_dead_letter_with_a_reason_is_explained_and_shown() -> None:
    forged = replace(TRUTH, dead_letters=(letter(order_id(VICTIM), "amount differs"), letter(None, "malformed")))
    report = compare(forged, PLACED)
    assert report.verdict is Verdict.PASS
    assert report.notes == (f"dead letter of {order_id(VICTIM)}: amount differs", "dead letter of no order: malformed")


@pytest.mark.parametrize(("acknowledged", "expected"), [(0.1, set()), (-0.1, {"captured out of order"})])
def test_only_orders_that_were_not_under_way_together_have_an_order(acknowledged: float, expected: set[str]) -> None:
    """Acknowledged a little after, or before, the next one of the same customer was due."""
    first, second = (replace(one, customer_id="c-1") for one in PLACED[:2])
    first = replace(first, acknowledged_at=second.scheduled_at + acknowledged)
    books = books_of((first, second))
    late = tuple(
        replace(p, captured_at=generated.captured_at(second) + 1) if p.order_id == first.order_id else p
        for p in books.payments
    )
    assert kinds(replace(books, payments=late), (second, first)) == expected


@pytest.mark.parametrize("book", ["payments", "captures"])
def test_an_order_captured_too_late_says_by_which_book(book: str) -> None:
    first, second = (replace(one, customer_id="c-1") for one in PLACED[1:3])
    books = books_of((first, second))
    late = generated.captured_at(second) + 1
    if book == "payments":
        books = replace(books, payments=(replace(books.payments[0], captured_at=late), *books.payments[1:]))
    else:
        books = replace(books, captures=(replace(books.captures[0], captured_at=late), *books.captures[1:]))
    [found] = compare(books, (first, second)).discrepancies
    assert (found.kind, found.order_id) == ("captured out of order", order_id(first))
    assert found.what == (f"after {order_id(second)} of the same customer, which was placed later (by {book})")


def test_two_orders_captured_in_the_same_instant_are_in_order() -> None:
    first, second = (replace(one, customer_id="c-1") for one in PLACED[1:3])
    books = books_of((first, second))
    together = tuple(replace(payment, captured_at=7.0) for payment in books.payments)
    assert kinds(replace(books, payments=together), (first, second)) == set()


def test_no_acknowledged_order_proves_nothing() -> None:
    report = compare(Books(), [unacknowledged(PLACED[0], "refused", 503)])
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reasons == ("books: no order was acknowledged, so there is nothing to balance",)


def test_what_could_not_be_seen_leaves_a_doubt_but_excuses_nothing() -> None:
    assert compare(replace(TRUTH, doubts=("fog",)), PLACED).verdict is Verdict.INCONCLUSIVE
    report = compare(replace(TRUTH, doubts=("fog",), payments=TRUTH.payments[1:]), PLACED)
    assert report.verdict is Verdict.FAIL
    assert report.reasons == ("books: 1 x payment missing", "books: fog")


def test_the_report_shows_what_each_book_holds_of_each_offending_order() -> None:
    wrong = replace(generated.captured_row(VICTIM), total_amount=CENT)
    payments = tuple(wrong if p.order_id == wrong.order_id else p for p in TRUTH.payments)
    text = str(compare(replace(TRUTH, payments=payments), PLACED))
    assert "books: FAIL (this run: acknowledged 100" in text
    assert f"{VICTIM.order_id}: payment altered: ordered was {VICTIM.total_amount}" in text
    for book in ("history", *BOOK_NAMES):
        assert f"\n      {book}" in text


def test_an_order_is_shown_once_with_all_that_is_wrong_with_it() -> None:
    rows = tuple(replace(r, status="accepted") if r.order_id == VICTIM.order_id else r for r in TRUTH.orders)
    payments = tuple(p for p in TRUTH.payments if p.order_id != VICTIM.order_id)
    report = compare(replace(TRUTH, orders=rows, payments=payments), PLACED)
    (page,) = report.pages
    assert [wrong.kind for wrong in page.discrepancies] == ["never paid", "payment missing"]
    assert page.ids == {order_id(VICTIM), VICTIM.correlation_id}
    assert str(report).count("      history") == 1


def test_a_thousand_lost_orders_are_counted_and_the_first_shown() -> None:
    many = world(1000, seed=5)
    report = compare(Books(), many.attempts)
    assert report.lost == 1000
    assert len(report.pages) == 50
    assert str(report).endswith("and 950 more")


@pytest.mark.parametrize("was_enabled", [True, False])
def test_a_comparison_leaves_garbage_collection_as_it_was(was_enabled: bool) -> None:
    (gc.enable if was_enabled else gc.disable)()
    try:
        compare(TRUTH, PLACED)
        assert gc.isenabled() is was_enabled
    finally:
        gc.enable()


@settings(deadline=None)  # a busy machine is no defect
@given(losses=st.sets(st.integers(0, 99)), doubles=st.sets(st.integers(0, 99)))
def test_as_many_discrepancies_are_found_as_were_planted(losses: set[int], doubles: set[int]) -> None:
    kept = [payment for number, payment in enumerate(TRUTH.payments) if number not in losses]
    again = [payment for number, payment in enumerate(TRUTH.payments) if number in doubles - losses]
    found = [wrong.kind for wrong in compare(replace(TRUTH, payments=(*kept, *again)), PLACED).discrepancies]
    assert found.count("payment missing") == len(losses)
    assert found.count("captured twice") == len(doubles - losses)


@pytest.mark.parametrize(
    ("left_s", "expected"),
    [(100.0, set()), (-1.0, set()), (-31.0, {"hold never ended"})],
    ids=["in time", "just over", "over for long"],
)
def test_what_nobody_ordered_may_be_promised_for_a_while_and_never_gone(left_s: float, expected: set[str]) -> None:
    level = TRUTH.levels[0]
    promised = replace(level, available=level.available - 2, reserved=2)
    hold = StockHold(order_id="nobody's", store_id=level.store_id, items=((level.item_id, 2),), left_s=left_s)
    books = replace(TRUTH, levels=(promised, *TRUTH.levels[1:]), holds=(hold,))
    assert kinds(books, PLACED) == expected


def test_what_was_taken_for_nobody_and_given_back_is_not_gone() -> None:
    """As after an order that failed when its hold had been taken already."""
    entry = replace(TRUTH.stock[0], order_id="nobody's")
    back = replace(entry, kind="release", quantity=-entry.quantity)
    assert kinds(replace(TRUTH, stock=(*TRUTH.stock, entry, back)), PLACED) == set()

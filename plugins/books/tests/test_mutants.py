"""Whatever is planted in books that balance, one order in five hundred, is found: each time, by its name, and alone."""

from dataclasses import replace
from decimal import Decimal

import pytest

from plugins.books.comparison import compare
from plugins.books.generated import World, order_id, world
from plugins.books.tests import mutants as m
from plugins.books.tests.mutants import Mutant, Plant
from plugins.slo import Verdict

CENT = Decimal("0.01")
SEEDS = (1, 2, 3)
WORLDS = {seed: world(1000, seed=seed, declined=0.05) for seed in SEEDS}

ACCEPTED = m.change("orders", status="accepted")
UNPAID = m.both(ACCEPTED, m.drop("payments", "captures", "entries", "paid", "revenue"), m.without_points)
SILENTLY_DEAD, EXPLAINED_DEAD = m.both(UNPAID, m.dead(None)), m.both(UNPAID, m.dead("amount differs"))
PENDING = m.both(
    ACCEPTED,
    m.drop("captures", "entries", "paid", "revenue"),
    m.without_points,
    m.change("payments", status="pending", authorization_id=None, captured_at=None),
)


def mutant(name: str, plant: Plant, *kinds: str) -> Mutant:
    return Mutant(name=name, plant=plant, kinds=frozenset(kinds))


def declined(name: str, plant: Plant, *kinds: str) -> Mutant:
    return Mutant(name=name, plant=plant, kinds=frozenset(kinds), victims="declined")


def unordered(name: str, plant: Plant) -> Mutant:
    kinds = frozenset({"captured out of order"})
    return Mutant(name=name, plant=plant, kinds=kinds, victims="captured after another")


MUTANTS = (
    # lost, doubled, altered
    mutant(
        "order lost",
        m.drop("orders"),
        "order lost", "charged, not ordered", "points, not ordered", "revenue, not ordered",
        "stock taken, not ordered",
    ),
    mutant(
        "order lost without a trace",
        m.both(
            m.drop("orders", "payments", "captures", "entries", "accepted", "paid", "revenue"),
            m.without_points,
            m.without_stock,
        ),
        "order lost",
    ),
    mutant("order doubled", m.doubled, "order doubled"),
    mutant("wrong amount in the order", m.shifted("orders", "total_amount", CENT), "order altered"),
    mutant("amount and cents of the order apart", m.shifted("orders", "total_cents", 1), "order altered"),
    mutant("wrong items", m.change("orders", items=(("latte-tall", 99),)), "order altered"),
    mutant("wrong customer", m.change("orders", customer_id="customer-none"), "order altered"),
    mutant("wrong shop", m.change("orders", store_id="store-none"), "order altered"),
    mutant("stored under another key", m.change("orders", idempotency_key="none"), "order altered"),
    # on its way
    mutant("never relayed", m.waiting, "never relayed"),
    mutant("accepted event missing", m.drop("accepted"), "event missing"),
    mutant("wrong amount in the accepted event", m.shifted("accepted", "total_amount", CENT), "event altered"),
    mutant("second accepted event differs", m.again("accepted", store_id="store-none"), "event altered"),
    # never paid
    mutant("status never paid", ACCEPTED, "never paid"),
    mutant("message lost", UNPAID, "never paid", "payment missing"),
    mutant("payment left pending", PENDING, "never paid", "payment pending"),
    mutant("dead-lettered silently", SILENTLY_DEAD, "never paid", "payment missing", "dead-lettered silently"),
    mutant("dead-lettered with a reason, never paid", EXPLAINED_DEAD, "never paid", "payment missing"),
    mutant("dead-lettered silently, though paid", m.dead(None), "dead-lettered silently"),
    mutant("dead letter of nobody", m.dead_letter_of_nobody, "dead-lettered silently"),
    mutant("declined, though captured", m.change("orders", status="declined"), "status wrong"),
    # the payments table
    mutant("payment missing", m.drop("payments"), "payment missing"),
    mutant("wrong amount in the payment", m.shifted("payments", "total_amount", -CENT), "payment altered"),
    mutant("wrong cents in the payment", m.shifted("payments", "total_cents", -1), "payment altered"),
    mutant("wrong customer in the payment", m.change("payments", customer_id="customer-none"), "payment altered"),
    mutant("wrong shop in the payment", m.change("payments", store_id="store-none"), "payment altered"),
    mutant("captured without an authorization", m.change("payments", authorization_id=None), "payment altered"),
    mutant("captured at no time", m.change("payments", captured_at=None), "payment altered"),
    # twice
    mutant("two payments", m.again("payments"), "captured twice"),
    mutant("two captures in the ledger", m.again("captures"), "captured twice"),
    mutant("the card charged again, in the ledger", m.charged_again("captures"), "captured twice"),
    mutant("the card charged again, in the payment", m.charged_again("payments"), "captured twice"),
    mutant("the card charged again, published", m.charged_again("paid", beside=True), "captured twice"),
    mutant("one authorization for two orders", m.authorization_of_another, "authorization shared"),
    # without an order
    mutant("captured without an order", m.ghost("payments", "captures", "entries", "paid"), "charged, not ordered"),
    mutant("captured in the ledger without an order", m.ghost("captures", "entries"), "charged, not ordered"),
    mutant("captured in payments without an order", m.ghost("payments"), "charged, not ordered"),
    mutant("published without an order", m.ghost("paid"), "charged, not ordered"),
    declined("payment without an order", m.ghost("payments"), "payment without order"),
    # the ledger
    mutant("capture missing", m.drop("captures", "entries"), "capture missing"),
    mutant("capture missing, its entries there", m.drop("captures"), "capture missing", "ledger altered"),
    mutant("wrong amount in the capture", m.shifted("captures", "amount_cents", 1), "capture altered"),
    mutant("wrong customer in the capture", m.change("captures", customer_id="customer-none"), "capture altered"),
    mutant("wrong amount all over the ledger", m.other_amount_in_the_ledger, "capture altered", "ledger altered"),
    mutant("ledger row twice", m.again("entries"), "ledger row twice", "ledger unbalanced"),
    mutant("entries missing", m.drop("entries"), "ledger altered"),
    mutant("one entry missing", m.one_side, "ledger unbalanced"),
    mutant("wrong amount in an entry", m.shifted("entries", "amount_cents", 1), "ledger unbalanced"),
    mutant("debit and credit exchanged", m.sides_exchanged, "ledger altered"),
    mutant("entry of another account", m.change("entries", account="petty-cash"), "ledger row twice"),
    # points
    mutant("points missing", m.without_points, "points missing"),
    mutant("points twice", m.points_again, "points twice"),
    mutant("points twice, in the account alone", m.in_the_account_only, "points account apart"),
    mutant("points of no order", m.points_of_nothing, "points, not ordered"),
    mutant("points of another amount", m.points_of_another_amount, "points altered"),
    mutant("points of another customer", m.points_of_another_customer, "points altered"),
    mutant("too many points", m.too_many_points, "points wrong"),
    # revenue
    mutant("revenue missing", m.drop("revenue"), "revenue missing"),
    mutant("revenue twice", m.again("revenue"), "revenue twice"),
    mutant("revenue of no order", m.ghost("revenue"), "revenue, not ordered"),
    mutant("wrong amount in the revenue", m.shifted("revenue", "amount_cents", 1), "revenue altered"),
    mutant("wrong customer in the revenue", m.change("revenue", customer_id="customer-none"), "revenue altered"),
    mutant("wrong shop in the revenue", m.change("revenue", store_id="store-none"), "revenue altered"),
    # stock
    mutant("stock missing", m.without_stock, "stock missing"),
    mutant("stock taken twice", m.stock_again, "stock taken twice"),
    mutant("stock of no order", m.stock_of_nothing, "stock taken, not ordered"),
    mutant("a piece too many", m.stock_of_one_line, "stock altered"),
    mutant("stock of another item", m.stock_of_another_item, "stock altered"),
    mutant("stock of another store", m.stock_of_another_store, "stock altered"),
    mutant("stock given back, though ordered", m.stock_back(times=1), "stock given back"),
    mutant("stock given back twice", m.stock_back(times=2), "stock given back", "stock given back twice"),
    mutant("stock in the ledger alone", m.stock_in_the_ledger_only, "stock apart"),
    mutant("promised to nobody", m.promised_to_nobody, "stock apart"),
    mutant("a hold that never ended", m.hold_for_ever, "hold never ended"),
    mutant("oversold", m.oversold, "stock apart"),
    declined("declined, and its stock never taken", m.without_stock, "stock missing"),
    # announced
    mutant("paid event missing", m.drop("paid"), "paid event missing"),
    mutant("wrong amount in the paid event", m.shifted("paid", "total_amount", CENT), "paid event altered"),
    mutant("no authorization in the paid event", m.change("paid", authorization_id=None), "paid event altered"),
    # declined
    declined("declined, yet in the ledger", m.captured_after_all, "declined, yet captured"),
    declined("declined, yet points", m.points_after_all, "points unpaid"),
    declined("declined, yet revenue", m.sold_after_all, "revenue unpaid"),
    declined("declined, yet published as paid", m.published_after_all, "declined, yet captured"),
    declined("paid, though declined", m.change("orders", status="paid"), "status wrong"),
    declined("declined without a reason", m.change("payments", reason=None), "payment altered"),
    declined("declined, and the order left as it was", ACCEPTED, "never paid"),
    # in sequence
    unordered("out of order", m.out_of_order("payments", "captures")),
    unordered("out of order by the payments table", m.out_of_order("payments")),
    unordered("out of order by the ledger", m.out_of_order("captures")),
)  # fmt: skip
BY_NAME = {one.name: one for one in MUTANTS}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_each_planted_discrepancy_is_found_and_nothing_else(mutant: Mutant, seed: int) -> None:
    made = WORLDS[seed]
    books, victims = mutant.planted(made, seed)
    report = compare(books, made.attempts, exclusive=True)
    assert report.verdict is Verdict.FAIL
    found = {wrong.name for wrong in report.discrepancies}
    assert [names & found for names in victims if not names & found] == [], f"seed {seed}: missed {victims}"
    assert found <= frozenset().union(*victims), f"seed {seed}: an innocent order was accused"
    assert {wrong.kind for wrong in report.discrepancies} == mutant.kinds


UNTOLD = {
    "order lost": {
        "charged, not ordered",
        "points, not ordered",
        "revenue, not ordered",
        "stock taken, not ordered",
    },
    "order lost without a trace": set(),  # never placed at all: that is one of the two ways it may be
    "stored under another key": set(),  # then it is somebody else's
    "out of order": set(),  # nobody knows when it was placed
    "out of order by the payments table": set(),
    "out of order by the ledger": set(),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_an_order_that_was_never_acknowledged_is_held_to_the_same_rules(mutant: Mutant) -> None:
    """Its customer does not know whether it exists. If it does, it has to be whole; only its loss is nobody's loss."""
    made = WORLDS[1]
    books, victims = mutant.planted(made, 1)
    concerned = frozenset().union(*victims)
    attempts = tuple(
        replace(one, outcome="unknown", status=None, order_id=None, acknowledged_at=None)
        if order_id(one) in concerned
        else one
        for one in made.attempts
    )
    kinds = {wrong.kind for wrong in compare(books, attempts).discrepancies}
    assert kinds == UNTOLD.get(mutant.name, mutant.kinds)


@pytest.mark.parametrize("seed", SEEDS)
def test_books_without_a_mutant_balance(seed: int) -> None:
    report = compare(WORLDS[seed].books, WORLDS[seed].attempts, exclusive=True)
    assert report.verdict is Verdict.PASS, f"seed {seed}: {report}"


def test_the_promised_mutants_are_all_there() -> None:
    assert {
        "order lost", "two captures in the ledger", "wrong amount in the payment", "captured without an order",
        "out of order", "ledger row twice", "status never paid", "dead-lettered silently", "points missing",
        "points twice", "points of no order", "revenue missing", "revenue twice", "revenue of no order",
        "stock missing", "stock taken twice", "stock of no order", "stock given back twice",
        "stock in the ledger alone",
    } <= set(BY_NAME)  # fmt: skip


def test_lost_counts_the_orders_and_captures_that_are_gone() -> None:
    made: World = WORLDS[2]
    for name in ("order lost", "capture missing", "revenue missing", "stock missing"):
        books, victims = BY_NAME[name].planted(made, 7)
        assert compare(books, made.attempts).lost == len(victims) == 2
    books, _ = BY_NAME["paid event missing"].planted(made, 7)
    assert compare(books, made.attempts).lost == 0

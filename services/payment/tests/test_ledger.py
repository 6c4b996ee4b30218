"""The ledger on a real PostgreSQL."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from services.chassis.postgres.connection import DatabaseConnection
from services.chassis.postgres.tests.server import Server, await_that
from services.chassis.postgres.wire import DatabaseRefused
from services.payment.card import authorization_of
from services.payment.domain import Demand
from services.payment.ledger import SCHEMA, Approval, Ledger, LedgerConflict
from services.payment.tests.cloud import Order, ledger

T = TypeVar("T")


class OnePool:
    """A pool of one connection that is never replaced."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self._connection = connection

    def run(self, work: Callable[[DatabaseConnection, float | None], T]) -> T:
        return work(self._connection, 10.0)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def books(server: Server) -> Iterator[Ledger]:
    connection = server.connect()
    try:
        yield Ledger(OnePool(connection))
    finally:
        connection.close()


def approval(number: int, *, amount_cents: int = 1250, authorization_id: str = "") -> Approval:
    order = Order(number, amount_cents=amount_cents)
    demand = Demand(
        order_id=order.order_id,
        customer_id=order.customer_id,
        store_id="store-001",
        amount_cents=amount_cents,
        correlation_id="corr",
    )
    return Approval(demand=demand, authorization_id=authorization_id or authorization_of(order.order_id))


def test_a_batch_is_booked_in_its_order_and_balances(server: Server) -> None:
    with books(server) as the_ledger:
        captures = the_ledger.capture([approval(number) for number in (3, 1, 2)])
    assert [capture.demand.order_id for capture in captures] == [Order(number).order_id for number in (3, 1, 2)]
    assert sorted(capture.captured_at for capture in captures) == [capture.captured_at for capture in captures]
    assert ledger(server) == {Order(number).order_id: (1250, 0) for number in (1, 2, 3)}
    entries = server.sql("SELECT account, sum(amount_cents) FROM payment.ledger_entries GROUP BY 1 ORDER BY 1")
    assert entries == [("card-receivable", "3750"), ("store-sales", "-3750")]


def test_what_is_booked_twice_is_there_once_and_unchanged(server: Server) -> None:
    with books(server) as the_ledger:
        first = the_ledger.capture([approval(1), approval(2)])
        second = the_ledger.capture([approval(2), approval(3), approval(1)])
    assert {c.demand.order_id: c.captured_at for c in first}.items() <= {
        c.demand.order_id: c.captured_at for c in second
    }.items()
    assert {balance for _, balance in ledger(server).values()} == {0}
    assert len(ledger(server)) == 3


@pytest.mark.parametrize("size", [1, 29], ids=["one by one", "in a batch"])
def test_two_who_book_the_same_order_at_once_agree(server: Server, size: int) -> None:
    with books(server) as the_ledger:
        the_ledger.capture([approval(0)])  # the schema is there
    results: list[float] = []
    ready = threading.Barrier(4)

    def book() -> None:
        with books(server) as the_ledger:
            the_ledger.ready()
            for first in range(1, 30, size):
                ready.wait(20.0)
                batch = [approval(number) for number in range(first, first + size)]
                results.extend(capture.captured_at for capture in the_ledger.capture(batch))

    threads = [threading.Thread(target=book) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert len(results) == 4 * 29
    assert len(set(results)) == 29, "all four read the one time of each capture"
    assert len(ledger(server)) == 30


def test_the_schema_is_made_once_by_many_at_once(server: Server) -> None:
    def book(number: int) -> None:
        with books(server) as the_ledger:
            the_ledger.capture([approval(number)])

    threads = [threading.Thread(target=book, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert len(ledger(server)) == 6
    server.script(SCHEMA)
    assert len(ledger(server)) == 6


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        pytest.param("INSERT INTO payment.ledger_entries VALUES ('{o}', 'card-receivable', 5)", "23505", id="twice"),
        pytest.param("UPDATE payment.ledger_entries SET amount_cents = 7", "23514", id="changed"),
        pytest.param("DELETE FROM payment.ledger_entries WHERE account = 'store-sales'", "23514", id="half deleted"),
        pytest.param("INSERT INTO payment.captures VALUES ('{o}', 'other', 'c', 's', 5)", "23505", id="captured twice"),
        pytest.param("INSERT INTO payment.captures VALUES ('x', 'other', 'c', 's', 0)", "23514", id="nothing"),
        pytest.param("INSERT INTO payment.ledger_entries VALUES ('x', 'store-sales', 5)", "23503", id="no capture"),
        pytest.param("DELETE FROM payment.captures", "23503", id="a capture deleted"),
    ],
)
def test_the_database_refuses_what_does_not_balance(server: Server, sql: str, sqlstate: str) -> None:
    with books(server) as the_ledger:
        the_ledger.capture([approval(1)])
    with pytest.raises(DatabaseRefused) as raised:
        server.script(sql.replace("{o}", Order(1).order_id))
    assert raised.value.sqlstate == sqlstate
    assert ledger(server) == {Order(1).order_id: (1250, 0)}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(approval(1, authorization_id="auth-other"), id="another authorization"),
        pytest.param(approval(1, amount_cents=999), id="another amount"),
    ],
)
def test_another_capture_of_the_same_order_is_a_conflict(server: Server, other: Approval) -> None:
    with books(server) as the_ledger:
        the_ledger.capture([approval(1)])
        with pytest.raises(LedgerConflict, match="1250 cents"):
            the_ledger.capture([other])
    assert ledger(server) == {Order(1).order_id: (1250, 0)}


def test_one_authorization_pays_for_one_order(server: Server) -> None:
    with books(server) as the_ledger:
        the_ledger.capture([approval(1, authorization_id="auth-same")])
        with pytest.raises(LedgerConflict, match="stands for another order already"):
            the_ledger.capture([approval(2), approval(3, authorization_id="auth-same")])
        the_ledger.capture([approval(2), approval(4)])
    assert set(ledger(server)) == {Order(number).order_id for number in (1, 2, 4)}


class Counting:
    """A connection that counts how often the schema was made."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self._connection = connection
        self.scripts = 0

    def script(self, sql: str, *, timeout_s: float | None) -> None:
        self.scripts += 1
        self._connection.script(sql, timeout_s=timeout_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_the_schema_is_made_where_there_is_none_and_not_at_every_refusal(server: Server) -> None:
    """It takes locks that every other booking waits for."""
    connection: Any = Counting(server.connect())
    the_ledger = Ledger(OnePool(connection))
    for _ in range(2):
        with pytest.raises(DatabaseRefused):
            the_ledger.capture([approval(1, amount_cents=0)])
        assert connection.scripts == 1
    the_ledger.capture([approval(2)])
    connection.close()
    assert connection.scripts == 1


def test_a_rehearsal_leaves_nothing(server: Server) -> None:
    with books(server) as the_ledger:
        for _ in range(2):
            the_ledger.rehearse([approval(1), approval(2)])
        assert ledger(server) == {}
        the_ledger.capture([approval(1)])
    assert len(ledger(server)) == 1


def test_a_rehearsal_goes_through_the_last_check(server: Server) -> None:
    with books(server) as the_ledger:
        the_ledger.capture([approval(1)])
        with pytest.raises(DatabaseRefused):
            the_ledger.rehearse([approval(2, amount_cents=0)])
        the_ledger.capture([approval(3)])
    assert len(ledger(server)) == 2, "the connection is good for more"


def test_no_text_of_a_demand_becomes_sql(server: Server) -> None:
    nasty = "x'); DROP TABLE payment.captures; --\\\"{}"
    demand = Demand(order_id=nasty, customer_id=nasty, store_id=nasty, amount_cents=1, correlation_id="c")
    with books(server) as the_ledger:
        [capture] = the_ledger.capture([Approval(demand=demand, authorization_id="a")])
    assert capture.demand.order_id == nasty
    assert ledger(server) == {nasty: (1, 0)}


def test_sessions_end_with_their_connection(server: Server) -> None:
    with books(server) as the_ledger:
        the_ledger.ping()
    others = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    await_that(lambda: server.sql(others) == [], "no session is left")

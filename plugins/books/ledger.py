"""The ledger in Aurora as a book: captures and their entries, in one consistent picture."""

from dataclasses import dataclass
from typing import Protocol

from infrastructure.login import DatabaseLogin
from plugins.books.entries import LedgerCapture, LedgerEntry
from plugins.books.readers import Cloud

CONNECT_S = 5
STATEMENT_MS = 60_000

_CAPTURES = """
    SELECT order_id, authorization_id, customer_id, store_id, amount_cents, extract(epoch FROM captured_at)::float8
    FROM payment.captures
"""
_ENTRIES = "SELECT order_id, account, amount_cents FROM payment.ledger_entries"


class DatabaseCloud(Cloud, Protocol):
    """A cloud with a database that can be reached from here."""

    def endpoint(self, name: str) -> str: ...  # a URL without credentials
    def database_login(self) -> DatabaseLogin: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Both tables at one moment. `is_made`: there is a schema; the first payment makes it."""

    captures: tuple[LedgerCapture, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    is_made: bool = True


def read_ledger(cloud: DatabaseCloud) -> Ledger:
    """Read the ledger through the writer's endpoint, in one read-only snapshot, as the owner of the cluster.

    Raises psycopg's errors: a database that does not answer, or refuses the secret's password.
    """
    import psycopg  # a twentieth of a second that a run without books need not pay

    login = cloud.database_login()
    with psycopg.connect(
        cloud.endpoint("aurora_writer"),
        user=login.username,
        password=login.password,
        connect_timeout=CONNECT_S,
        application_name="cafe-books",
        options=f"-c statement_timeout={STATEMENT_MS}",
    ) as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        made = connection.execute("SELECT to_regclass('payment.ledger_entries') IS NOT NULL").fetchone()
        if not made or not made[0]:
            return Ledger(is_made=False)
        captures = connection.execute(_CAPTURES).fetchall()
        entries = connection.execute(_ENTRIES).fetchall()
    return Ledger(
        captures=tuple(_capture(*row) for row in captures),
        entries=tuple(
            LedgerEntry(order_id=order, account=account, amount_cents=cents) for order, account, cents in entries
        ),
    )


def _capture(order: str, authorization: str, customer: str, store_id: str, cents: int, at: float) -> LedgerCapture:
    return LedgerCapture(
        order_id=order,
        authorization_id=authorization,
        customer_id=customer,
        store_id=store_id,
        amount_cents=cents,
        captured_at=at,
    )

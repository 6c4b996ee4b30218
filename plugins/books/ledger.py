"""The ledgers in Aurora as books, in one consistent picture: captures, entries, points, accounts, stock and holds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

from infrastructure.login import DatabaseLogin
from plugins.books.entries import (
    LedgerCapture,
    LedgerEntry,
    PointsAccount,
    PointsEntry,
    StockEntry,
    StockHold,
    StockKind,
    StockLevel,
)
from plugins.books.readers import Cloud

if TYPE_CHECKING:
    import psycopg

CONNECT_S = 5
_OWNERS = ("payment's", "loyalty's", "inventory's")
STATEMENT_MS = 60_000

_CAPTURES = """
    SELECT order_id, authorization_id, customer_id, store_id, amount_cents, extract(epoch FROM captured_at)::float8
    FROM payment.captures
"""
_MADE = """
    SELECT to_regclass('payment.ledger_entries') IS NOT NULL, to_regclass('loyalty.ledger') IS NOT NULL,
        to_regclass('inventory.stock_entries') IS NOT NULL
"""
_ENTRIES = "SELECT order_id, account, amount_cents FROM payment.ledger_entries"
_POINTS = "SELECT entry_id, customer_id, points, coalesce(total_cents, 0) FROM loyalty.ledger ORDER BY sequence"
_ACCOUNTS = "SELECT customer_id, balance, earned FROM loyalty.accounts"
_STOCK = """
    SELECT order_id, kind, store_id, item_id, quantity FROM inventory.stock_entries
    WHERE kind IN ('take', 'release') ORDER BY seq
"""
_LEVELS = """
    SELECT store_id, item_id, available, reserved, coalesce(opening, 0)
    FROM inventory.stock LEFT JOIN (
        SELECT store_id, item_id, sum(quantity)::bigint AS opening FROM inventory.stock_entries
        WHERE kind IN ('seed', 'restock') GROUP BY store_id, item_id
    ) AS came USING (store_id, item_id)
"""
_HOLDS = """
    SELECT order_id, store_id, items, extract(epoch FROM expires_at - now())::float8
    FROM inventory.reservations WHERE status = 'held'
"""
_OF_ORDER = "order:"
"""How an entry's id begins that was made for an order, whose id follows."""


class DatabaseCloud(Cloud, Protocol):
    """A cloud with a database that can be reached from here."""

    def endpoint(self, name: str) -> str: ...  # a URL without credentials
    def database_login(self) -> DatabaseLogin: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All tables at one moment. `missing` are the ledgers whose tables nobody has made yet."""

    captures: tuple[LedgerCapture, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    points: tuple[PointsEntry, ...] = ()
    accounts: tuple[PointsAccount, ...] = ()
    stock: tuple[StockEntry, ...] = ()
    levels: tuple[StockLevel, ...] = ()
    holds: tuple[StockHold, ...] = ()
    missing: tuple[str, ...] = ()


def read_ledger(cloud: DatabaseCloud) -> Ledger:
    """Read the ledgers through the writer's endpoint, in one read-only snapshot, as the owner of the cluster.

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
        made = connection.execute(_MADE).fetchone() or (False, False, False)
        captures, entries = (_all(connection, query, is_made=made[0]) for query in (_CAPTURES, _ENTRIES))
        points, accounts = (_all(connection, query, is_made=made[1]) for query in (_POINTS, _ACCOUNTS))
        stock, levels, holds = (_all(connection, query, is_made=made[2]) for query in (_STOCK, _LEVELS, _HOLDS))
    return Ledger(
        captures=tuple(_capture(*row) for row in captures),
        entries=tuple(
            LedgerEntry(order_id=order, account=account, amount_cents=cents) for order, account, cents in entries
        ),
        points=tuple(_points(*row) for row in points),
        accounts=tuple(
            PointsAccount(customer_id=customer, balance=balance, earned=earned)
            for customer, balance, earned in accounts
        ),
        stock=tuple(_stock(*row) for row in stock),
        levels=tuple(_level(*row) for row in levels),
        holds=tuple(_hold(*row) for row in holds),
        missing=tuple(name for name, is_made in zip(_OWNERS, made, strict=True) if not is_made),
    )


def _all(connection: "psycopg.Connection[Any]", query: LiteralString, *, is_made: bool) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall() if is_made else []


def _points(entry: str, customer: str, points: int, cents: int) -> PointsEntry:
    order = entry.removeprefix(_OF_ORDER)
    order_id = None if order == entry else order
    return PointsEntry(order_id=order_id, customer_id=customer, points=points, amount_cents=cents)


def _stock(order: str, kind: StockKind, store_id: str, item: str, quantity: int) -> StockEntry:
    return StockEntry(order_id=order, kind=kind, store_id=store_id, item_id=item, quantity=quantity)


def _level(store_id: str, item: str, available: int, reserved: int, opening: int) -> StockLevel:
    return StockLevel(store_id=store_id, item_id=item, available=available, reserved=reserved, opening=opening)


def _hold(order: str, store_id: str, items: list[dict[str, Any]], left_s: float) -> StockHold:
    lines = tuple((line["item_id"], line["quantity"]) for line in items)
    return StockHold(order_id=order, store_id=store_id, items=lines, left_s=left_s)


def _capture(order: str, authorization: str, customer: str, store_id: str, cents: int, at: float) -> LedgerCapture:
    return LedgerCapture(
        order_id=order,
        authorization_id=authorization,
        customer_id=customer,
        store_id=store_id,
        amount_cents=cents,
        captured_at=at,
    )

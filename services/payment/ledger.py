"""The ledger in Aurora: double entry, one capture per order, nothing that does not balance.

    payment.captures         one row an order: what was taken, under which authorization, when
    payment.ledger_entries   two rows an order: `card-receivable` (+) and `store-sales` (-)

Everything is written by one statement that can run twice: what is there already stays, and is read back. So the answer
to "did it commit?" after a broken connection is to ask again.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from services.chassis.postgres.connection import DatabaseConnection
from services.chassis.postgres.wire import DatabaseRefused, Query, Row
from services.payment.domain import Capture, Demand
from services.payment.pool import Pool

_MISSING: Final = frozenset({"3F000", "42P01"})
"""No such schema, no such table: the database is new."""

SCHEMA: Final = """
SELECT pg_advisory_xact_lock(5063370942);
CREATE SCHEMA IF NOT EXISTS payment;
CREATE TABLE IF NOT EXISTS payment.captures (
    order_id text PRIMARY KEY,
    authorization_id text NOT NULL UNIQUE,
    customer_id text NOT NULL,
    store_id text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    captured_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS payment.ledger_entries (
    order_id text NOT NULL REFERENCES payment.captures,
    account text NOT NULL CHECK (account IN ('card-receivable', 'store-sales')),
    amount_cents bigint NOT NULL,
    PRIMARY KEY (order_id, account)
);
CREATE OR REPLACE FUNCTION payment.refuse_imbalance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text := CASE TG_OP WHEN 'DELETE' THEN OLD.order_id ELSE NEW.order_id END;
BEGIN
    IF (SELECT sum(amount_cents) FROM payment.ledger_entries WHERE order_id = changed) <> 0 THEN
        RAISE EXCEPTION 'the entries of order % do not add up to zero', changed USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'entries_balance'
                   AND tgrelid = 'payment.ledger_entries'::regclass) THEN
        CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT OR UPDATE OR DELETE ON payment.ledger_entries
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payment.refuse_imbalance();
    END IF;
END $$;
"""
"""One transaction, safe to run at any time and by many at once: the lock lets one after the other find it done."""

_CAPTURE: Final = """
WITH asked AS (
    SELECT * FROM ROWS FROM (jsonb_to_recordset($1::jsonb)
        AS (order_id text, authorization_id text, customer_id text, store_id text, amount_cents bigint)) WITH ORDINALITY
), taken AS (
    INSERT INTO payment.captures (order_id, authorization_id, customer_id, store_id, amount_cents)
    SELECT order_id, authorization_id, customer_id, store_id, amount_cents FROM asked ORDER BY ordinality
    ON CONFLICT DO NOTHING
    RETURNING order_id, amount_cents
)
INSERT INTO payment.ledger_entries (order_id, account, amount_cents)
SELECT order_id, account, sign * amount_cents
FROM taken CROSS JOIN (VALUES ('card-receivable', 1), ('store-sales', -1)) AS entry (account, sign)
"""
"""Any conflict is one that `_READ` explains. Named alone, the primary key would not keep another transaction that books
the same order at this moment from failing this one by the authorization's index.
"""
_READ: Final = """
SELECT order_id, authorization_id, amount_cents, extract(epoch FROM captured_at)
FROM payment.captures WHERE order_id = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
"""
"""A statement of its own: it also sees what another transaction kept while the first one waited for it."""


class Approval(NamedTuple):
    """A demand that the card network has approved."""

    demand: Demand
    authorization_id: str


class LedgerConflict(Exception):
    """The ledger holds a capture of this order under another authorization or amount. The text says which."""


class Ledger:
    """The ledger, reached through a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def ready(self) -> None:
        """Return when there is a writer to write to; `DatabaseUnavailable`."""
        self._pool.run(lambda connection, timeout_s: None)

    def ping(self) -> None:
        """Return when the writer answers; `DatabaseUnavailable`."""
        self._pool.run(lambda connection, timeout_s: connection.run(Query(sql="SELECT 1"), timeout_s=timeout_s))

    def capture(self, approvals: Sequence[Approval]) -> list[Capture]:
        """Book `approvals` in their order; those booked before are what they were.

        `DatabaseUnavailable`; `DatabaseRefused` when PostgreSQL does not take one of them, and then it takes none;
        `LedgerConflict` when one contradicts what is booked, while those that do not are booked.
        """
        if not approvals:
            return []
        booked = self._pool.run(lambda connection, timeout_s: _book(connection, timeout_s, approvals))
        return [_capture(approval, booked) for approval in approvals]

    def rehearse(self, approvals: Sequence[Approval]) -> None:
        """Do all that `capture` does up to the last check, and undo it. `DatabaseUnavailable`, `DatabaseRefused`."""
        queries = (
            Query(sql="BEGIN"),
            *_queries(approvals),
            Query(sql="SET CONSTRAINTS ALL IMMEDIATE"),
            Query(sql="ROLLBACK"),
        )
        self._pool.run(lambda connection, timeout_s: _run(connection, timeout_s, queries))


def _book(connection: DatabaseConnection, timeout_s: float | None, approvals: Sequence[Approval]) -> dict[str, Row]:
    rows = _run(connection, timeout_s, _queries(approvals))[-1]
    return {str(row[0]): row for row in rows}


def _run(connection: DatabaseConnection, timeout_s: float | None, queries: Sequence[Query]) -> list[list[Row]]:
    """Run `queries`; in a database that is new, make the schema first."""
    try:
        return connection.run(*queries, timeout_s=timeout_s)
    except DatabaseRefused as refused:
        if refused.sqlstate not in _MISSING:
            raise
    connection.script(SCHEMA, timeout_s=timeout_s)
    return connection.run(*queries, timeout_s=timeout_s)


def _queries(approvals: Sequence[Approval]) -> tuple[Query, Query]:
    rows = [
        {
            "order_id": approval.demand.order_id,
            "authorization_id": approval.authorization_id,
            "customer_id": approval.demand.customer_id,
            "store_id": approval.demand.store_id,
            "amount_cents": approval.demand.amount_cents,
        }
        for approval in approvals
    ]
    ids = [row["order_id"] for row in rows]
    return (
        Query(sql=_CAPTURE, values=(orjson.dumps(rows).decode(),)),
        Query(sql=_READ, values=(orjson.dumps(ids).decode(),)),
    )


def _capture(approval: Approval, booked: Mapping[str, Row]) -> Capture:
    demand = approval.demand
    if demand.order_id not in booked:
        raise LedgerConflict(f"{approval.authorization_id} of order {demand.order_id} stands for another order already")
    _, authorization_id, amount_cents, captured_at = booked[demand.order_id]
    if (authorization_id, amount_cents) != (approval.authorization_id, str(demand.amount_cents)):
        raise LedgerConflict(f"order {demand.order_id} is booked with {amount_cents} cents under {authorization_id}")
    return Capture(demand=demand, authorization_id=approval.authorization_id, captured_at=float(str(captured_at)))

"""Accounts and their ledger in Aurora: every change of points is a row, written once, and the sum of them the balance.

`sequence` is drawn while the account is locked: a customer's entries have the order in which their points were added,
so that whoever works through them finds the tier that each was reckoned by.

Whatever is asked twice under the same id counts once, so a commit whose answer was lost may be asked again.
"""

from typing import Any, Final, Protocol

from psycopg import AsyncConnection, sql

from services.chassis.postgres.pool import WriterPool
from services.loyalty.domain import TIERS, Account, points_for

_SCHEMA: Final = """
CREATE SCHEMA IF NOT EXISTS loyalty;
CREATE TABLE IF NOT EXISTS loyalty.accounts (
    customer_id text PRIMARY KEY,
    balance bigint NOT NULL DEFAULT 0 CHECK (balance >= 0),
    earned bigint NOT NULL DEFAULT 0 CHECK (earned >= balance),
    opened bigint GENERATED ALWAYS AS IDENTITY
);
CREATE TABLE IF NOT EXISTS loyalty.ledger (
    entry_id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES loyalty.accounts,
    points bigint NOT NULL,
    total_cents bigint,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS loyalty.member_copies (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    mark text NOT NULL DEFAULT '',
    is_final boolean NOT NULL DEFAULT false,
    copied_at timestamptz NOT NULL DEFAULT to_timestamp(0)
);
INSERT INTO loyalty.member_copies DEFAULT VALUES ON CONFLICT DO NOTHING;
CREATE INDEX IF NOT EXISTS accounts_by_earned ON loyalty.accounts (earned DESC, customer_id);
"""
_ACCRUE: Final = """
CREATE OR REPLACE FUNCTION loyalty.accrue(
    of_customer text, entry text, cents bigint, leasts bigint[], worth bigint[],
    OUT is_ours boolean, OUT added bigint, OUT left_over bigint, OUT in_all bigint
) LANGUAGE plpgsql AS $$
DECLARE
    account loyalty.accounts;
    known loyalty.ledger;
BEGIN
    is_ours := true;
    LOOP
        SELECT * INTO account FROM loyalty.accounts WHERE customer_id = of_customer FOR UPDATE;
        EXIT WHEN FOUND;
        SELECT * INTO known FROM loyalty.ledger WHERE entry_id = entry;
        IF FOUND AND known.customer_id <> of_customer THEN
            is_ours := false;
            RETURN;
        END IF;
        INSERT INTO loyalty.accounts (customer_id) VALUES (of_customer) ON CONFLICT DO NOTHING;
    END LOOP;
    added := worth[width_bucket(account.earned, leasts)];
    INSERT INTO loyalty.ledger (entry_id, customer_id, points, total_cents)
    VALUES (entry, of_customer, added, cents) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        UPDATE loyalty.accounts SET balance = balance + added, earned = earned + added
        WHERE customer_id = of_customer RETURNING * INTO account;
    ELSE
        SELECT * INTO known FROM loyalty.ledger WHERE entry_id = entry;
        is_ours := known.customer_id = of_customer AND known.total_cents IS NOT DISTINCT FROM cents;
        added := known.points;
    END IF;
    left_over := account.balance;
    in_all := account.earned;
END $$;
"""
"""One round trip for an order. `worth`: its points in each tier, the tiers beginning at `leasts`; what is worth how
much is the domain's affair. An entry that was for another customer or amount changes nothing: not `is_ours`."""
_FIND: Final = "SELECT balance, earned FROM loyalty.accounts WHERE customer_id = %s"
_LEASTS: Final = [tier.least for tier in TIERS]
_SCHEMA_LOCK: Final = 7_310_745


class NoSuchAccount(Exception):
    """Nobody has opened it. The text is the customer's id."""


class NotEnoughPoints(Exception):
    """There are fewer than are to be redeemed. The text says how many."""


class EntryConflict(Exception):
    """The id was used for something else."""


class Store(Protocol):
    """Accounts, and what happens to them."""

    async def open(self, customer_id: str) -> tuple[Account, bool]: ...  # the account, and whether it is new
    async def find(self, customer_id: str) -> Account: ...
    async def accrue(self, customer_id: str, order_id: str, total_cents: int) -> tuple[Account, int]: ...  # with points
    async def redeem(self, customer_id: str, redemption_id: str, points: int) -> Account: ...
    async def leaders(self, count: int) -> list[Account]: ...


class AuroraStore:
    """`Store` over a pool of connections to the writer. Every call may raise `StoreUnavailable`."""

    def __init__(self, pool: WriterPool) -> None:
        self.run = pool.run
        self._ask = pool.ask

    async def prepare(self) -> None:
        """Make the tables, once however many instances start at a time; `StoreUnavailable`."""

        async def make(connection: "AsyncConnection[Any]") -> None:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            for text in (_SCHEMA, _ACCRUE):
                await connection.execute(sql.SQL(text))

        await self.run(make)

    async def open(self, customer_id: str) -> tuple[Account, bool]:
        """The customer's account, opened if it was not there."""

        async def work(connection: "AsyncConnection[Any]") -> tuple[Account, bool]:
            made = await connection.execute(
                "INSERT INTO loyalty.accounts (customer_id) VALUES (%s) ON CONFLICT DO NOTHING", (customer_id,)
            )
            return await _locked(connection, customer_id), made.rowcount == 1

        return await self.run(work)

    async def find(self, customer_id: str) -> Account:
        """`NoSuchAccount` where there is none."""

        async def work(connection: "AsyncConnection[Any]") -> Account:
            return _account(customer_id, await _row(connection, customer_id, _FIND))

        return await self.run(work)

    async def accrue(self, customer_id: str, order_id: str, total_cents: int) -> tuple[Account, int]:
        """The points of an order, once however often it is asked; opens the account. `EntryConflict`."""
        worth = [points_for(total_cents, tier) for tier in TIERS]
        [(is_ours, added, *account)] = await self._ask(
            "SELECT is_ours, added, left_over, in_all FROM loyalty.accrue(%s, %s, %s, %s::bigint[], %s::bigint[])",
            (customer_id, f"order:{order_id}", total_cents, _LEASTS, worth),
        )
        if not is_ours:
            raise EntryConflict(f"order {order_id} was accrued for another customer or amount")
        return _account(customer_id, tuple(account)), int(added)

    async def redeem(self, customer_id: str, redemption_id: str, points: int) -> Account:
        """Take points away, once. `NoSuchAccount`, `NotEnoughPoints`, `EntryConflict`."""

        async def work(connection: "AsyncConnection[Any]") -> Account:
            account = await _locked(connection, customer_id)
            known = await _write(connection, f"redemption:{redemption_id}", customer_id, -points, None)
            if known is not None:
                if (known[0], known[1]) != (customer_id, -points):
                    raise EntryConflict(f"redemption {redemption_id} was for another customer or other points")
                return account
            if account.balance < points:
                raise NotEnoughPoints(f"there are {account.balance} points")
            return await _change(connection, customer_id, -points, 0)

        return await self.run(work)

    async def leaders(self, count: int) -> list[Account]:
        """Those who have earned most."""

        async def work(connection: "AsyncConnection[Any]") -> list[Account]:
            rows = await connection.execute(
                "SELECT customer_id, balance, earned FROM loyalty.accounts ORDER BY earned DESC, customer_id LIMIT %s",
                (count,),
            )
            return [_account(row[0], row[1:]) for row in await rows.fetchall()]

        return await self.run(work)


async def _row(connection: "AsyncConnection[Any]", customer_id: str, query: str) -> tuple[int, int]:
    row = await (await connection.execute(query, (customer_id,))).fetchone()
    if row is None:
        raise NoSuchAccount(customer_id)
    return row[0], row[1]


async def _locked(connection: "AsyncConnection[Any]", customer_id: str) -> Account:
    return _account(customer_id, await _row(connection, customer_id, f"{_FIND} FOR UPDATE"))


async def _write(
    connection: "AsyncConnection[Any]", entry: str, customer_id: str, points: int, total_cents: int | None
) -> tuple[Any, ...] | None:
    """Write the ledger's row; what stands there already, if anything does."""
    made = await connection.execute(
        "INSERT INTO loyalty.ledger (entry_id, customer_id, points, total_cents) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (entry, customer_id, points, total_cents),
    )
    if made.rowcount == 1:
        return None
    found = await connection.execute(
        "SELECT customer_id, points, total_cents FROM loyalty.ledger WHERE entry_id = %s", (entry,)
    )
    return await found.fetchone()


async def _change(connection: "AsyncConnection[Any]", customer_id: str, balance: int, earned: int) -> Account:
    changed = await connection.execute(
        "UPDATE loyalty.accounts SET balance = balance + %s, earned = earned + %s WHERE customer_id = %s"
        " RETURNING balance, earned",
        (balance, earned, customer_id),
    )
    row = await changed.fetchone()
    if row is None:
        raise NoSuchAccount(customer_id)
    return _account(customer_id, row)


def _account(customer_id: str, row: tuple[Any, ...]) -> Account:
    return Account(customer_id=customer_id, balance=int(row[0]), earned=int(row[1]))

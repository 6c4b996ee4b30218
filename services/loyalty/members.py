"""The accounts as the warehouse knows them: its table `members`, copied there as a whole and replaced at one stroke.

    accounts in Aurora ──> members/<run>/00000.csv, 00001.csv … in S3 ──COPY──> staged_members ──> members

One instance does it at a time, once a period at most, and not while nothing has changed. The mark of a copy is read
before the accounts are, and counts what was under way as well: when it stands still, one more copy makes sure of that.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from uuid import uuid4

from services.chassis.aws.data_api import WarehouseAway
from services.chassis.aws.errors import AwsError
from services.chassis.aws.objects import Files, forget
from services.chassis.aws.warehouse import copying
from services.chassis.postgres.pool import StoreUnavailable
from services.loyalty.domain import tier_of

if TYPE_CHECKING:
    from psycopg import AsyncConnection

PREFIX: Final = "members"
"""In the bucket, of copies on their way."""
AT_ONCE: Final = 50_000
"""Accounts in a file: two megabytes."""
LOOK_S: Final = 5.0
"""How often it is looked whether anything has changed."""
COLUMNS: Final = "customer_id, tier, balance, earned, as_of"
SCHEMA: Final = """CREATE TABLE IF NOT EXISTS members (
    customer_id varchar(128) NOT NULL,
    tier varchar(16) NOT NULL,
    balance bigint NOT NULL,
    earned bigint NOT NULL,
    as_of bigint NOT NULL
) DISTKEY (customer_id)"""
"""`as_of`: when the accounts were read, in Unix seconds; the same in all rows."""

_TAKE: Final = """SELECT mark, is_final, extract(epoch FROM now() - copied_at) FROM loyalty.member_copies
FOR UPDATE SKIP LOCKED"""
_MARK: Final = """SELECT concat_ws('-',
    pg_sequence_last_value(pg_get_serial_sequence('loyalty.ledger', 'sequence')::regclass),
    pg_sequence_last_value(pg_get_serial_sequence('loyalty.accounts', 'opened')::regclass))"""
_ACCOUNTS: Final = "SELECT customer_id, balance, earned FROM loyalty.accounts"
_DONE: Final = "UPDATE loyalty.member_copies SET mark = %s, is_final = %s, copied_at = now()"

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Database(Protocol):
    """Runs work in a transaction; `StoreUnavailable`."""

    async def run(self, work: "Callable[[AsyncConnection[Any]], Awaitable[T]]") -> T: ...


class Statements(Protocol):
    """The warehouse. Raises `WarehouseAway`."""

    async def perform(self, statements: Sequence[str]) -> list[int]: ...


class Members:
    """Keeps the warehouse's members. `role` is whom it reads the bucket as."""

    def __init__(self, database: Database, files: Files, warehouse: Statements, *, role: str, period_s: float) -> None:
        self._database = database
        self._files = files
        self._warehouse = warehouse
        self._role = role
        self._period_s = period_s
        self._is_prepared = False

    async def keep(self, look_s: float = LOOK_S) -> None:
        """Until cancelled: copy the accounts whenever it is time. What cannot be done now is done another time."""
        while True:
            try:
                await self.copy()
            except (StoreUnavailable, AwsError, WarehouseAway) as error:
                self._is_prepared = False  # it may be another warehouse that comes back
                _log.warning("the warehouse's members stay as they are", extra={"error": str(error)[:500]})
                await asyncio.sleep(self._period_s)
            await asyncio.sleep(look_s)

    async def copy(self) -> int:
        """Copy the accounts if it is time; how many that were. `StoreUnavailable`, `AwsError`, `WarehouseAway`."""
        if not self._is_prepared:
            await self._warehouse.perform([SCHEMA])
            self._is_prepared = True
        keys: list[str] = []
        try:
            return await self._database.run(lambda connection: self._copied(connection, keys))
        finally:
            for key in keys:
                await forget(self._files, key)

    async def _copied(self, connection: "AsyncConnection[Any]", keys: list[str]) -> int:
        """The copies' one row is locked meanwhile, so that nobody else makes one."""
        taken = await (await connection.execute(_TAKE)).fetchone()
        found = await (await connection.execute(_MARK)).fetchone()
        if taken is None or found is None:
            return 0
        (mark, is_final, age_s), (now,) = taken, found
        if (mark == now and is_final) or age_s < self._period_s:
            return 0
        count = await self._written(connection, keys)
        if count:
            # The last one's: an attempt that failed before may have left files of its own.
            url = f"s3://{self._files.bucket}/{keys[-1].rpartition('/')[0]}/"
            await self._warehouse.perform(replacing(url, self._role))
            await connection.execute(_DONE, (now, mark == now))
            _log.info("members copied", extra={"members": count})
        return count

    async def _written(self, connection: "AsyncConnection[Any]", keys: list[str]) -> int:
        """Write all accounts into files, whose keys are added to `keys`; how many there are."""
        as_of, run, count = int(time.time()), uuid4().hex, 0
        async with connection.cursor(name="accounts") as cursor:
            await cursor.execute(_ACCOUNTS)
            while rows := await cursor.fetchmany(AT_ONCE):
                keys.append(f"{PREFIX}/{run}/{len(keys):05d}.csv")
                await self._files.put(keys[-1], _csv(rows, as_of))
                count += len(rows)
        return count


def _csv(rows: Iterable[tuple[str, int, int]], as_of: int) -> bytes:
    """In the order of `COLUMNS`. No name of a customer or a tier needs quotes."""
    lines = (f"{name},{tier_of(earned).name},{balance},{earned},{as_of}\n" for name, balance, earned in rows)
    return "".join(lines).encode()


def replacing(url: str, role: str) -> tuple[str, ...]:
    """The transaction that makes the files below `url` the members."""
    return (
        f"CREATE TEMP TABLE staged_members AS SELECT {COLUMNS} FROM members WHERE 1 = 0",  # noqa: S608 - constants
        copying("staged_members", COLUMNS, url, role),
        "DELETE FROM members",
        f"INSERT INTO members ({COLUMNS}) SELECT {COLUMNS} FROM staged_members",  # noqa: S608 - constants
        "DROP TABLE staged_members",
    )

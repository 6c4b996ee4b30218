"""Writes that come when they are due, whatever became of those before: what a database's clients feel of a failover.

due ──► a free connection, or a new one ──► INSERT, committed by itself ──► committed at …
                                            └─ connection lost: dropped; the row may or may not be there
"""

import asyncio
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

import psycopg

from infrastructure.errors import EnvironmentFault
from infrastructure.login import DatabaseLogin

RATE = 50.0
"""Writes a second: a gap is measured to a fiftieth of one."""
_MOST = 40
"""Connections at once; PostgreSQL's own default limit is 100. What is due beyond that is counted, not queued."""
_WRITE_S = 10.0
_CONNECT_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where to write: a URL without credentials, and the login."""

    url: str
    login: DatabaseLogin

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(**self.options())

    def options(self) -> dict[str, Any]:
        """For psycopg, which types each of its many parameters by itself."""
        login = {"user": self.login.username, "password": self.login.password}
        return {"conninfo": self.url, **login, "connect_timeout": _CONNECT_S, "autocommit": True}


def write_gap(commits: tuple[float, ...], since: float, until: float) -> float:
    """The longest stretch between two commits that meets [`since`, `until`]; infinite where none came after `since`."""
    times = sorted(commits)
    before = max((at for at in times if at <= since), default=since)
    after = [at for at in times if since < at <= until]
    return max((later - earlier for earlier, later in pairwise((before, *after))), default=float("inf"))


class OpenWriter:
    """`with OpenWriter(database) as writer`: `RATE` rows a second into a table of its own, from a thread of its own.

    The table goes with the block.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commits: dict[int, float] = {}
        self._idle: list[psycopg.AsyncConnection[tuple[Any, ...]]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="open-model writer")
        self.failed = 0
        self.dropped = 0

    def __enter__(self) -> Self:
        with self._database.connect() as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS bench")
            connection.execute("DROP TABLE IF EXISTS bench.writes")
            connection.execute("CREATE TABLE bench.writes (id bigint PRIMARY KEY)")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        with self._database.connect() as connection:
            connection.execute("DROP SCHEMA bench CASCADE")

    def stop(self) -> None:
        """No further writes; those under way end. Safe to call twice."""
        self._is_stopping.set()
        self._thread.join()

    def commits(self) -> tuple[float, ...]:
        """When rows were committed, in seconds of the monotonic clock."""
        return tuple(self._commits.copy().values())

    def check_nothing_is_lost(self) -> int:
        """How many rows were committed; `EnvironmentFault` if the table lacks one of them. Call it after `stop`."""
        with self._database.connect() as connection:
            kept = {row[0] for row in connection.execute("SELECT id FROM bench.writes")}
        if lost := sorted(set(self._commits) - kept):
            raise EnvironmentFault(f"{len(lost)} of {len(self._commits)} committed rows are lost: {lost[:10]}")
        return len(self._commits)

    async def _run(self) -> None:
        started, number = time.monotonic(), 0
        while not self._is_stopping.is_set():
            await asyncio.sleep(max(started + number / RATE - time.monotonic(), 0.0))
            if len(self._under_way) < _MOST:
                task = asyncio.create_task(self._write(number))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            else:
                self.dropped += 1
            number += 1
        await asyncio.gather(*self._under_way)
        for connection in self._idle:
            await connection.close()

    async def _write(self, number: int) -> None:
        connection = None
        try:
            async with asyncio.timeout(_WRITE_S):
                connection = self._idle.pop() if self._idle else await self._connect()
                await connection.execute("INSERT INTO bench.writes VALUES (%s)", (number,))
        except (psycopg.Error, TimeoutError):
            self.failed += 1
            if connection is not None:
                await connection.close()
        else:
            self._commits[number] = time.monotonic()
            self._idle.append(connection)

    async def _connect(self) -> "psycopg.AsyncConnection[tuple[Any, ...]]":
        return await psycopg.AsyncConnection.connect(**self._database.options())

"""Connections to Aurora's writer for a service that runs for weeks: a pool that finds the writer again when it moved.

For work that may run twice: what a lost connection committed or not is found out by asking again.
"""

import asyncio
import logging
import random
import select
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.chassis.parts import TaskParts
from services.chassis.postgres.login import login_of
from services.chassis.resilience import deadline
from services.chassis.resilience.budget import RetryBudget
from services.chassis.web.health import Dependencies

NAME: Final = "aurora"
CONNECTIONS: Final = 8
RECONNECT_S: Final = 0.25
"""A connection that cannot be made is tried once more after this, then when somebody wants one. The library would go on
by itself, but ever more seldom: a writer that is back after a minute would be found another minute later."""
PREPARE_AGAIN_S: Final = 0.5
_READ_ONLY: Final = "25006"
"""The writer has become a reader: another connection leads to the new one."""

_log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[["AsyncConnection[Any]"], Awaitable[T]]
Row = tuple[Any, ...]


class StoreUnavailable(Exception):
    """The database did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connection is waited for, how long a statement may take, and how often one is asked.

    Before another attempt it rests for up to `pause_s`, twice that before the next, at random.
    """

    wait_s: float = 2.0
    statement_s: float = 3.0
    attempts: int = 4
    pause_s: float = 0.02


NO_PATIENCE: Final = Patience(wait_s=3600.0, statement_s=0.0, attempts=1)
"""No time-out and no second try. Only to prove that the chaos suites notice."""


def _nothing() -> None:
    return


def _was_closed(connection: "AsyncConnection[Any]") -> bool:
    """Has the server closed it while it lay idle? Then there is something to read, unasked.

    That costs no round trip, and after a failover no request meets the sessions of the old writer one after the other.
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


class WriterPool:
    """A pool of autocommitting connections under `application`, the name that the database shows for them.

    Retries come out of `budget`; each is told to `on_retry`.
    """

    def __init__(
        self,
        url: str,
        login: Callable[[], Awaitable[Mapping[str, str]]],
        dependencies: Dependencies,
        patience: Patience,
        *,
        application: str,
        budget: RetryBudget | None = None,
        on_retry: Callable[[], None] = _nothing,
    ) -> None:
        self._dependencies = dependencies
        self._login = login
        self._patience = patience
        self._application = application
        self._budget = budget or RetryBudget()
        self._on_retry = on_retry
        self._pool = AsyncConnectionPool(
            url,
            kwargs=self._options,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=patience.wait_s,
            reconnect_timeout=RECONNECT_S,
            open=False,
            name=application,
        )

    async def _options(self) -> dict[str, Any]:
        """Asked for each connection: a password that was rotated is read anew."""
        options = f"-c statement_timeout={self._patience.statement_s * 1000:.0f}"
        return {
            **await self._login(),
            "autocommit": True,
            "connect_timeout": 2,
            "application_name": self._application,
            "options": options,
        }

    async def start(self) -> None:
        """Begin to connect; does not wait for the database."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close(timeout=1.0)

    async def run(self, work: Work[T]) -> T:
        """`work` in a transaction of its own, again on another connection when that one was at fault.

        `StoreUnavailable`, and whatever `work` raises.
        """

        async def in_transaction(connection: "AsyncConnection[Any]") -> T:
            async with connection.transaction():
                return await work(connection)

        return await self._attempted(in_transaction)

    async def ask(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """The rows of one statement, which is a transaction of its own; again as in `run`. `StoreUnavailable`."""

        async def alone(connection: "AsyncConnection[Any]") -> list[Row]:
            return await (await connection.execute(statement.encode(), parameters)).fetchall()

        return await self._attempted(alone)

    async def _attempted(self, work: Work[T]) -> T:
        self._budget.earn()
        for attempt in range(self._patience.attempts):
            try:
                result = await self._once(work)
            except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
                self._dependencies.failed(NAME, type(error).__name__)
                if not await self._may_try_again(attempt):
                    raise StoreUnavailable(str(error)) from error
                _log.warning("the database is asked again", extra={"error": str(error)})
            else:
                self._dependencies.succeeded(NAME)
                return result
        raise AssertionError("unreachable")

    async def _may_try_again(self, attempt: int) -> bool:
        if attempt + 1 >= self._patience.attempts or deadline.remaining() <= 0 or not self._budget.spend():
            return False
        self._on_retry()
        await asyncio.sleep(random.uniform(0.0, self._patience.pause_s * 2**attempt))  # noqa: S311 - jitter
        return True

    async def _once(self, work: Work[T]) -> T:
        for _ in range(CONNECTIONS + 1):  # all may have been closed, and one is new then
            left_s = max(min(self._patience.wait_s, deadline.remaining()), 0.05)
            async with self._pool.connection(timeout=left_s) as connection:
                if not _was_closed(connection):
                    return await self._with(connection, work)
                await connection.close()
        raise psycopg.OperationalError("the server closes every connection")

    @staticmethod
    async def _with(connection: "AsyncConnection[Any]", work: Work[T]) -> T:
        try:
            return await work(connection)
        except psycopg.Error as error:
            if error.sqlstate != _READ_ONLY:
                raise
            await connection.close()  # or the pool would give it to the next one
            raise psycopg.OperationalError("the writer has become a reader") from error


def writer_pool(parts: TaskParts, *, url: str, secret: str, application: str) -> WriterPool:
    """The pool of a task, with the login that Secrets Manager keeps as `secret`, and the task's own resilience."""

    async def login() -> Mapping[str, str]:
        found = await login_of(parts.secrets, secret)
        return {"user": found.user, "password": found.password}

    return WriterPool(
        url,
        login,
        parts.dependencies,
        Patience() if parts.is_resilient else NO_PATIENCE,
        application=application,
        budget=parts.budget,
        on_retry=parts.retried,
    )


async def prepared(prepare: Callable[[], Awaitable[None]]) -> None:
    """Return once `prepare` has made its tables, however long there is no database."""
    while True:
        try:
            await prepare()
        except StoreUnavailable as error:
            _log.warning("no tables yet", extra={"error": str(error)})
            await asyncio.sleep(PREPARE_AGAIN_S)
        else:
            return

"""A sandbox's connection to the writer: kept while it is good, dropped when it leads to an old one.

A failover shows in three ways: the connection breaks, a statement is refused because the server is a standby now
(25006) or goes down (57P01, 57P02, 57P03), or nobody listens. All three mean: connect again, by the endpoint's name,
until there is a writer or no time. What is run must therefore be able to run twice.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from services.chassis.aws.errors import AwsError
from services.chassis.postgres.connection import Address, DatabaseConnection
from services.chassis.postgres.wire import DatabaseError, DatabaseRefused, Lost
from services.chassis.resilience import deadline
from services.chassis.web.health import Dependencies
from services.payment.secret import DatabaseSecret

NAME: Final = "aurora"
CONNECT_S: Final = 1.0
STATEMENT_S: Final = 3.0
LEAST_S: Final = 0.05
"""What a round trip gets even when the time is up: none would be no attempt at all."""
RESERVE_S: Final = 1.0
"""Time that stays for what follows the ledger: waiting for a writer ends so long before the invocation does."""
FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.25

_log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[DatabaseConnection, float | None], T]
"""Uses a connection, with so many seconds for each round trip."""


class DatabaseUnavailable(Exception):
    """There is no writer, or none that lets us in, and no more time to wait for one."""


class Pool(Protocol):
    """Lends the sandbox's one connection."""

    def run(self, work: Work[T]) -> T:
        """The result of `work`, which may be run more than once; `DatabaseRefused`, `DatabaseUnavailable`."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


class WriterPool:
    """Finds the writer again whenever it has moved."""

    def __init__(
        self,
        address: Address,
        secret: DatabaseSecret,
        dependencies: Dependencies,
        *,
        on_reconnect: Callable[[], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address
        self._secret = secret
        self._dependencies = dependencies
        self._on_reconnect = on_reconnect
        self._sleep = sleep
        self._connection: DatabaseConnection | None = None

    def run(self, work: Work[T]) -> T:
        """Run `work` on the writer, as often as it takes to reach one; `DatabaseRefused` if the statement is at fault.

        A commit whose answer was lost is not repeated blindly: `work` finds what is there already.
        """
        failures = 0
        while True:
            try:
                result = work(self._connected(), self._limit())
            except (DatabaseError, AwsError) as error:
                if isinstance(error, DatabaseRefused) and not (error.is_stale or error.is_password):
                    raise
                was_connected = self._drop(error)
                failures += 1
                if not (was_connected and failures == 1):  # an old connection says nothing about a new one
                    self._wait(failures, error)
            else:
                self._dependencies.succeeded(NAME)
                return result

    def _limit(self, most_s: float = STATEMENT_S) -> float:
        """No longer than there is time for an answer: a sandbox that is cut off meanwhile has to start anew."""
        return max(min(most_s, deadline.remaining()), LEAST_S)

    def _connected(self) -> DatabaseConnection:
        if self._connection is None:
            login, limit_s = self._secret.login(), self._limit(CONNECT_S)
            opened = DatabaseConnection.open(self._address, login, timeout_s=limit_s, application="payment")
            if opened.is_standby:
                opened.close()
                raise Lost("the writer's endpoint leads to a standby")
            self._connection = opened
        return self._connection

    def _drop(self, error: Exception) -> bool:
        """Forget the connection, and the password if that is what was refused; whether there was a connection."""
        self._dependencies.failed(NAME, str(error))
        if isinstance(error, DatabaseRefused) and error.is_password:
            self._secret.forget()
        if self._connection is None:
            return False
        _log.warning("the connection to the writer is dropped", extra={"error": str(error)})
        self.close()
        self._on_reconnect()
        return True

    def close(self) -> None:
        """End the session; the next `run` begins another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _wait(self, failures: int, error: Exception) -> None:
        ceiling = min(FIRST_PAUSE_S * 2**failures, LONGEST_PAUSE_S)
        pause = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter is no secret
        if pause + RESERVE_S >= deadline.remaining():
            raise DatabaseUnavailable(f"no writer at {self._address.host}:{self._address.port}: {error}") from error
        self._sleep(pause)


class StubbornPool:
    """One connection for ever, whatever becomes of it. Only to prove that the chaos suites notice."""

    def __init__(self, address: Address, secret: DatabaseSecret) -> None:
        self._address = address
        self._secret = secret
        self._connection: DatabaseConnection | None = None

    def run(self, work: Work[T]) -> T:
        """Run `work` on the connection that was made first, without a time-out."""
        try:
            if self._connection is None:
                self._connection = DatabaseConnection.open(
                    self._address, self._secret.login(), timeout_s=None, application="payment"
                )
            return work(self._connection, None)
        except (Lost, DatabaseRefused, AwsError) as error:
            raise DatabaseUnavailable(str(error)) from error

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            self._connection.close()

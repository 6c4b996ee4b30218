"""A sandbox's connection when the writer goes away, comes back, moves, or changes its password: on real servers."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.chassis.aws.json_apis import Json
from services.chassis.environment import ConfigurationError
from services.chassis.postgres.connection import Address, DatabaseConnection
from services.chassis.postgres.login import read_login
from services.chassis.postgres.tests.server import PASSWORD, USER, Server, free_port
from services.chassis.postgres.wire import DatabaseRefused, Query
from services.chassis.resilience import deadline
from services.chassis.web.health import Dependencies
from services.payment.pool import NAME, DatabaseUnavailable, StubbornPool, WriterPool
from services.payment.secret import DatabaseSecret


class Secrets:
    """Secrets Manager with one secret; counts how often it is read."""

    def __init__(self, password: str = PASSWORD) -> None:
        self.password = password
        self.reads = 0

    def call(self, operation: str, parameters: Json) -> Json:
        assert (operation, parameters) == ("GetSecretValue", {"SecretId": "secret"})
        self.reads += 1
        return {"SecretString": f'{{"username": "{USER}", "password": "{self.password}"}}'}


class Pool(WriterPool):
    """A pool that counts its reconnects and pauses; `meanwhile` is what happens while it pauses."""

    def __init__(self, address: Address, secrets: Secrets) -> None:
        self.reconnects = 0
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.dependencies = Dependencies(NAME)
        super().__init__(
            address,
            DatabaseSecret(secrets, "secret"),
            self.dependencies,
            on_reconnect=self._reconnected,
            sleep=self._paused,
        )

    def _reconnected(self) -> None:
        self.reconnects += 1

    @property
    def pauses(self) -> int:
        return len(self.slept)

    def _paused(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()

    def backend(self) -> str:
        """The process that serves us."""
        return str(self.run(_backend))

    def insert(self) -> None:
        self.run(
            lambda connection, timeout_s: connection.run(Query(sql="INSERT INTO marks VALUES (1)"), timeout_s=timeout_s)
        )


def _backend(connection: DatabaseConnection, timeout_s: float | None) -> str | None:
    return connection.run(Query(sql="SELECT pg_backend_pid()"), timeout_s=timeout_s)[0][0][0]


@pytest.fixture
def pool(server: Server) -> Iterator[Pool]:
    server.script("DROP TABLE IF EXISTS marks; CREATE TABLE marks (mark int)")
    pool = Pool(server.address, Secrets())
    yield pool
    pool.close()


def test_a_good_connection_is_kept(pool: Pool) -> None:
    assert pool.backend() == pool.backend()
    assert (pool.reconnects, pool.pauses) == (0, 0)
    assert pool.dependencies.report()[NAME]["state"] == "ok"


def test_a_session_that_was_ended_is_replaced_at_once(pool: Pool, server: Server) -> None:
    first = pool.backend()
    assert server.sql(f"SELECT pg_terminate_backend({first}, 5000)") == [("t",)]  # 57P01
    assert pool.backend() != first
    assert (pool.reconnects, pool.pauses) == (1, 0), "an old connection says nothing about a new one"


def test_a_server_that_restarts_is_waited_for(pool: Pool, server: Server) -> None:
    pool.backend()
    server.stop()
    pool.meanwhile = lambda: server.start() if pool.pauses == 3 else None
    pool.backend()
    assert pool.pauses == 3


def test_a_server_that_crashed_is_waited_for(pool: Pool, server: Server) -> None:
    pool.backend()
    server.stop(signal.SIGKILL)
    pool.meanwhile = lambda: server.start() if pool.pauses == 2 else None
    pool.backend()
    assert pool.pauses >= 2


def test_a_connection_to_an_old_writer_is_dropped(pool: Pool, server: Server) -> None:
    """Its session goes on and no longer takes writes: 25006."""
    deposed = Query(sql="SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    pool.run(lambda connection, timeout_s: connection.run(deposed, timeout_s=timeout_s))
    pool.insert()
    assert (pool.reconnects, pool.pauses) == (1, 0)
    assert server.sql("SELECT count(*) FROM marks") == [("1",)]


def test_a_standby_behind_the_writers_endpoint_is_not_taken_for_a_writer(
    pool: Pool, server: Server, folder: Path
) -> None:
    server.stop()
    standby = server.standby(folder / "standby")
    standby.start()
    try:
        deadline.start(1.1)
        lost = Pool(standby.address, Secrets())
        with pytest.raises(DatabaseUnavailable, match="leads to a standby"):
            lost.backend()
    finally:
        standby.stop()
        (server.folder / "postgresql.auto.conf").write_text("")
        server.start()


def test_a_statement_that_is_at_fault_costs_no_connection(pool: Pool) -> None:
    first = pool.backend()
    with pytest.raises(DatabaseRefused, match="division by zero"):
        pool.run(lambda connection, timeout_s: connection.run(Query(sql="SELECT 1 / 0"), timeout_s=timeout_s))
    assert pool.backend() == first


def test_waiting_ends_before_the_invocation_does(server: Server) -> None:
    pool = Pool(Address.read(f"postgresql://127.0.0.1:{free_port()}/postgres"), Secrets())
    deadline.start(1.15)
    with pytest.raises(DatabaseUnavailable, match="no writer at 127"):
        pool.backend()
    assert pool.dependencies.report()[NAME]["state"] == "failing"


def test_a_writer_that_is_away_is_asked_for_ever_more_seldom() -> None:
    """From forty milliseconds, doubled up to a quarter of a second, half of it left to chance."""
    pool = Pool(Address.read(f"postgresql://127.0.0.1:{free_port()}/postgres"), Secrets())
    pool.meanwhile = lambda: deadline.start(0.0 if pool.pauses == 6 else 10.0)
    deadline.start(10.0)
    with pytest.raises(DatabaseUnavailable):
        pool.backend()
    longest = [0.04, 0.08, 0.16, 0.25, 0.25, 0.25]
    assert all(most / 2 <= slept <= most for slept, most in zip(pool.slept, longest, strict=True))


def test_a_statement_gets_no_more_time_than_there_is(pool: Pool) -> None:
    pool.backend()
    begun = time.monotonic()
    deadline.start(0.2)
    with pytest.raises(DatabaseUnavailable, match="no answer from the database"):
        pool.run(lambda connection, timeout_s: connection.run(Query(sql="SELECT pg_sleep(30)"), timeout_s=timeout_s))
    assert time.monotonic() - begun < 1.5


def test_a_rotated_password_is_read_anew(pool: Pool, server: Server) -> None:
    secrets = Secrets("the-password-of-yesterday")
    late = Pool(server.address, secrets)
    late.meanwhile = lambda: setattr(secrets, "password", PASSWORD) if late.pauses == 2 else None
    late.backend()
    assert secrets.reads == 3
    late.close()


def test_a_wrong_password_is_told_apart_from_an_absent_writer(server: Server) -> None:
    deadline.start(1.1)
    with pytest.raises(DatabaseUnavailable, match="password authentication failed") as raised:
        Pool(server.address, Secrets("wrong-password")).backend()
    assert isinstance(raised.value.__cause__, DatabaseRefused)
    assert "wrong-password" not in str(raised.value)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "plain text",
        "[]",
        '{"username": "cafe"}',
        '{"username": "", "password": "x"}',
        '{"username": 1, "password": 2}',
    ],
)
def test_a_secret_that_holds_no_login_is_refused_by_name(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_SECRET: the-secret must hold"):
        read_login(secret, "the-secret")


def test_without_resilience_one_broken_connection_is_the_end(server: Server) -> None:
    pool = StubbornPool(server.address, DatabaseSecret(Secrets(), "secret"))
    backend = pool.run(_backend)
    server.sql(f"SELECT pg_terminate_backend({backend}, 5000)")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            pool.run(_backend)
    pool.close()

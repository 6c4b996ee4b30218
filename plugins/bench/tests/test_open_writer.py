"""The gap that a failover leaves among the commits, and a writer that keeps to its schedule."""

import math
import threading
from typing import Any

import psycopg
import pytest

from infrastructure.errors import EnvironmentFault
from infrastructure.login import DatabaseLogin
from plugins.bench.recovery import open_writer
from plugins.bench.recovery.open_writer import Database, OpenWriter, write_gap

DATABASE = Database(url="postgresql://127.0.0.1:1/cafe", login=DatabaseLogin(username="u", password="secret"))


@pytest.mark.parametrize(
    ("commits", "gap"),
    [
        pytest.param((9.9, 10.1, 10.2, 12.0, 12.1), 1.8, id="between two commits"),
        pytest.param((9.0, 11.5, 11.6), 2.5, id="from the last commit before"),
        pytest.param((9.9, 9.95), math.inf, id="nobody wrote again"),
        pytest.param((1.0, 5.0, 9.9, 10.0, 10.1), 0.1, id="what was before does not count"),
        pytest.param((9.9, 10.1, 30.0), 0.2, id="nor what came after"),
        pytest.param((10.2, 9.9, 10.1), 0.2, id="in any order"),
    ],
)
def test_a_gap_is_the_longest_stretch_without_a_commit(commits: tuple[float, ...], gap: float) -> None:
    assert write_gap(commits, 10.0, 20.0) == pytest.approx(gap)


class Server:
    """A PostgreSQL of one table. Connections to it: `connect` of both psycopg's kinds."""

    def __init__(self) -> None:
        self.rows: set[int] = set()
        self.written = threading.Condition()
        self.refused = 0
        self.is_forgetful = False

    def connect(self, **_options: Any) -> "Session":
        return Session(self)

    async def connect_async(self, **_options: Any) -> "AsyncSession":
        return AsyncSession(self)


class Session:
    def __init__(self, server: Server) -> None:
        self._server = server

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def execute(self, statement: str) -> list[tuple[int]]:
        return [(row,) for row in self._server.rows] if statement.startswith("SELECT") else []


class AsyncSession:
    def __init__(self, server: Server) -> None:
        self._server = server

    async def execute(self, _statement: str, row: tuple[int]) -> None:
        if row[0] % 10 == 9:
            self._server.refused += 1
            raise psycopg.OperationalError("the connection was cut")
        if not (self._server.is_forgetful and row[0] == 5):
            with self._server.written:
                self._server.rows.add(row[0])
                self._server.written.notify()

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(psycopg, "connect", made.connect)
    monkeypatch.setattr(psycopg.AsyncConnection, "connect", made.connect_async)
    monkeypatch.setattr(open_writer, "RATE", 1000.0)
    return made


def _wait_for(server: Server, count: int) -> None:
    with server.written:
        assert server.written.wait_for(lambda: len(server.rows) >= count, timeout=10)


def test_writes_that_fail_are_counted_and_hold_up_no_other(server: Server) -> None:
    with OpenWriter(DATABASE) as writer:
        _wait_for(server, 50)
        writer.stop()
        assert writer.check_nothing_is_lost() == len(server.rows) == len(writer.commits())
    assert writer.failed == server.refused > 0
    assert writer.dropped == 0


def test_a_committed_row_that_is_not_there_is_reported(server: Server) -> None:
    server.is_forgetful = True
    with OpenWriter(DATABASE) as writer:
        _wait_for(server, 20)
        writer.stop()
        with pytest.raises(EnvironmentFault, match=r"1 of \d+ committed rows are lost: \[5\]"):
            writer.check_nothing_is_lost()


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(DATABASE)

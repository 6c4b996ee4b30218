"""A warehouse's database: one DuckDB file, a cursor a statement, and one for as long as a session lasts.

A cursor is never shared between threads. What users write sees no file of the machine but those handed to it.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from infrastructure.embedded.engines.warehouse import dialect, history, loading, pages
from infrastructure.embedded.engines.warehouse.loading import Plan
from infrastructure.embedded.engines.warehouse.orders import copy_order, unload_order
from infrastructure.embedded.engines.warehouse.parameters import bound

Kind = Literal["sql", "conflict", "interrupted"]


CONFLICT = "1023 DETAIL: Serializable isolation violation on table"
"""Redshift's number and words for transactions that could not have run one after the other."""


class Failed(Exception):
    """A statement failed, in Redshift's words; `kind`: by itself, by another transaction, or by an interruption."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A statement to run, in Redshift's dialect."""

    sql: str
    parameters: Sequence[Mapping[str, str]] = ()
    session: str = ""
    result: str = ""
    """The file for the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one warehouse. `file` holds all data, and is called after the database; beside it files may be read and
    written in `folders` alone.
    """

    file: Path
    folders: tuple[Path, ...]
    memory_mb: int = 512
    threads: int = 2


class Database:
    """Opens the file, or makes it. `OSError` when another process has it open."""

    def __init__(self, settings: Settings) -> None:
        try:
            self._root = duckdb.connect(str(settings.file), config=_config(settings))
            self._root.execute(f"SET GLOBAL allowed_directories = {[str(each) for each in settings.folders]}")
            for sql in dialect.SETUP:
                self._root.execute(sql)
            for name, value in dialect.LOCKED_SETTINGS:
                self._root.execute(f"SET {name} = {value}")
        except duckdb.Error as problem:
            raise OSError(f"{settings.file} cannot be opened: {problem}") from problem
        self._sessions: dict[str, duckdb.DuckDBPyConnection] = {}
        self._running: dict[int, duckdb.DuckDBPyConnection] = {}
        self._lock = threading.Lock()

    def run(self, number: int, run: Run) -> dict[str, Any]:
        """Run one statement, as `number` for `interrupt`; `Failed` when it does not succeed.

        With a `session` it sees what those before it left there: temporary tables, an open transaction. The rows that
        it gives go into the file `result`, and the answer has their columns and pages; else it has how many rows
        were `changed`. COPY and UNLOAD are not run: the answer has what is to be done as `copy` or `unload`.
        """
        read = _read(run.sql)
        sql = bound(read.sql, run.parameters)
        match read.load:
            case dialect.Copy() as copy:
                return {"copy": copy_order(copy, sql)}
            case dialect.Unload() as unload:
                return {"unload": unload_order(unload, sql)}
        if not sql.strip():
            return {"changed": 0}
        with self._cursor_of(number, run.session) as cursor:
            cursor.execute(sql)
            return pages.write(cursor, Path(run.result)) if read.has_result else {"changed": _changed(cursor)}

    def write(self, number: int, sql: str, *, session: str = "") -> dict[str, Any]:
        """Run a text of DuckDB's own that writes files; how many rows."""
        with self._cursor_of(number, session) as cursor:
            cursor.execute(sql)
            return {"changed": _changed(cursor)}

    def load(self, number: int, insert: str, plan: Plan, *, query: int = -1, session: str = "") -> dict[str, Any]:
        """Carry out a COPY, which is query number `query`, likewise; see `loading.load`."""
        with self._cursor_of(number, session) as cursor:
            answer = loading.load(cursor, insert, plan)
        if answer["errors"]:
            with self._cursor_of(number, "") as cursor:
                history.note_errors(cursor, query, plan.table, answer["errors"])
        return answer

    def note(self, number: int, queries: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """Write down statements that ran; see `history`."""
        with self._cursor_of(number, "") as cursor:
            history.note_queries(cursor, queries)
        return {}

    @contextlib.contextmanager
    def _cursor_of(self, number: int, session: str) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._cursor(session)
        with self._lock:
            self._running[number] = cursor
        try:
            yield cursor
        except duckdb.Error as problem:
            raise _failed(problem) from problem
        except pages.TooLarge as large:
            raise Failed("sql", str(large)) from large
        finally:
            with self._lock:
                del self._running[number]
            if not session:
                cursor.close()

    def interrupt(self, number: int) -> None:
        """Make a statement fail as interrupted, if it executes at this moment."""
        with self._lock:
            cursor = self._running.get(number)
            if cursor is not None:
                cursor.interrupt()

    def end(self, session: str) -> None:
        """Close a session: what it has not committed is gone."""
        cursor = self._sessions.pop(session, None)
        if cursor is not None:
            cursor.close()

    def close(self) -> None:
        for session in tuple(self._sessions):
            self.end(session)
        self._root.close()

    def _cursor(self, session: str) -> duckdb.DuckDBPyConnection:
        if session in self._sessions:
            return self._sessions[session]
        cursor = self._root.cursor()
        for sql in dialect.SESSION_SETUP:
            cursor.execute(sql)
        if session:
            self._sessions[session] = cursor
        return cursor


def _config(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": f"{settings.memory_mb}MB",
        "threads": settings.threads,
    }


def _changed(cursor: Any) -> int:
    """How many rows a statement changed; -1 where it is not of that kind."""
    described: Sequence[Any] | None = cursor.description
    if described is None or [each[0] for each in described] != ["Count"]:
        return -1
    row = cursor.fetchone()
    return int(row[0]) if row else -1


def _read(sql: str) -> dialect.Statement:
    try:
        found = dialect.translate(sql)
    except dialect.DialectError as refusal:
        raise Failed("sql", f"ERROR: {refusal}") from refusal
    if len(found) != 1:
        raise Failed("sql", f"ERROR: cannot insert multiple commands into a prepared statement: {len(found)} are given")
    return found[0]


def _failed(problem: duckdb.Error) -> Failed:
    text = str(problem)
    if isinstance(problem, duckdb.InterruptException):
        return Failed("interrupted", "ERROR: Query cancelled on user's request")
    if isinstance(problem, duckdb.TransactionException) and "onflict" in text:
        return Failed("conflict", f"ERROR: {CONFLICT} - {text.partition(chr(10))[0]}")
    return Failed("sql", f"ERROR: {dialect.in_redshifts_words(text)}")

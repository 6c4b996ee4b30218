"""A warehouse's database: one DuckDB file, a cursor a statement, and one for as long as a session lasts.

A cursor is never shared between threads. What users write sees no file of the machine but those handed to it.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from infrastructure.embedded.engines.warehouse import loading, pages
from infrastructure.embedded.engines.warehouse.loading import Plan

Kind = Literal["sql", "conflict", "interrupted"]


class Failed(Exception):
    """A statement failed; `kind` says whether by itself, by another transaction, or because it was interrupted."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one warehouse. `file` holds all data, and is called after the database; beside it files may be read and
    written in `folders` alone. `setup` is run first, then `locked` are set, by name.
    """

    file: Path
    folders: tuple[Path, ...]
    setup: tuple[str, ...] = ()
    locked: tuple[tuple[str, str], ...] = ()
    memory_mb: int = 512
    threads: int = 2


class Database:
    """Opens the file, or makes it. `OSError` when another process has it open."""

    def __init__(self, settings: Settings) -> None:
        try:
            self._root = duckdb.connect(str(settings.file), config=_config(settings))
            self._root.execute(f"SET GLOBAL allowed_directories = {[str(each) for each in settings.folders]}")
            for sql in settings.setup:
                self._root.execute(sql)
            for name, value in settings.locked:
                self._root.execute(f"SET {name} = {value}")
        except duckdb.Error as problem:
            raise OSError(f"{settings.file} cannot be opened: {problem}") from problem
        self._sessions: dict[str, duckdb.DuckDBPyConnection] = {}
        self._running: dict[int, duckdb.DuckDBPyConnection] = {}
        self._lock = threading.Lock()

    def run(self, number: int, sql: str, *, session: str = "", result: Path | None = None) -> dict[str, Any]:
        """Run one statement, as `number` for `interrupt`; `Failed` when it does not succeed.

        With a `session` it sees what those before it left there: temporary tables, an open transaction. With `result`
        its rows go into that file; else the answer has how many rows it changed.
        """
        with self._cursor_of(number, session) as cursor:
            cursor.execute(sql)
            return pages.write(cursor, result) if result is not None else {"changed": _changed(cursor)}

    def load(self, number: int, insert: str, plan: Plan, *, session: str = "") -> dict[str, Any]:
        """Carry out a COPY, likewise; see `loading.load`."""
        with self._cursor_of(number, session) as cursor:
            return loading.load(cursor, insert, plan)

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

    def interrupt(self, number: int) -> bool:
        """Make a statement that runs fail as interrupted; False when it does not run any more."""
        with self._lock:
            cursor = self._running.get(number)
            if cursor is not None:
                cursor.interrupt()
        return cursor is not None

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
        cursor.execute("SET search_path = 'public'")
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


def _failed(problem: duckdb.Error) -> Failed:
    text = str(problem)
    if isinstance(problem, duckdb.InterruptException):
        return Failed("interrupted", text)
    is_conflict = isinstance(problem, duckdb.TransactionException) and "onflict" in text
    return Failed("conflict" if is_conflict else "sql", text)

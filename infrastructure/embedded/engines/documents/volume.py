"""The shared volume: one SQLite file that all servers of a cluster read and write, as instances share their storage.

    BEGIN IMMEDIATE ──▶ is my term still the volume's? ──▶ the write, and its answer for a retry ──▶ COMMIT
                                 └── no: another server is primary ──▶ refused, whatever this one believes

The file outlives any process that is killed in the middle of anything; its journal is not forced to disk with each
commit, so it may not outlive the machine.
"""

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infrastructure.embedded.engines.documents.collection import Collection
from infrastructure.embedded.engines.documents.errors import CommandError, Fenced

_LOCKED_S = 10.0
"""How long a command waits for another server's write."""
_REMEMBERED_S = 1800.0
"""A session without a write for so long is forgotten, as it is over by then."""
_SWEEP_EVERY = 1000
"""Writes between two looks for such sessions."""
_DATABASE = re.compile(r"[^/\\. \"$*<>:|?\0]{1,63}")
_COLLECTION = re.compile(r"(?!system\.)[^$\0]{1,255}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS term (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
INSERT OR IGNORE INTO term VALUES (1, 0);
CREATE TABLE IF NOT EXISTS collections (
    number INTEGER PRIMARY KEY AUTOINCREMENT, base TEXT NOT NULL, name TEXT NOT NULL, made REAL NOT NULL,
    UNIQUE (base, name));
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, id BLOB NOT NULL, body BLOB NOT NULL,
    UNIQUE (collection, id));
CREATE TABLE IF NOT EXISTS indexes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, name TEXT NOT NULL,
    specification BLOB NOT NULL, UNIQUE (collection, name));
CREATE TABLE IF NOT EXISTS entries (
    index_number INTEGER NOT NULL, first BLOB NOT NULL, whole BLOB NOT NULL, document INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS entries_by_key ON entries (index_number, first);
CREATE INDEX IF NOT EXISTS entries_by_whole ON entries (index_number, whole);
CREATE INDEX IF NOT EXISTS entries_by_document ON entries (document);
CREATE TABLE IF NOT EXISTS retries (session BLOB PRIMARY KEY, number INTEGER NOT NULL, answer BLOB, at REAL NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A write that its client may send again: the session and its number there."""

    session: bytes
    number: int


class Volume:
    """One process's way to the file; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, timeout=_LOCKED_S, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._writes = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """What is read within is of one moment."""
        with self._transaction("BEGIN"):
            yield

    @contextlib.contextmanager
    def writing(self, term: int) -> Iterator[None]:
        """All of what is written within, or none; `CommandError` when `term` is over."""
        with self._transaction("BEGIN IMMEDIATE"):
            if self.term != term:
                raise Fenced
            yield

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        try:
            self._db.execute(begin)
        except sqlite3.OperationalError as locked:
            raise CommandError(50, f"operation exceeded time limit: the volume is in use ({locked})") from locked
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextlib.contextmanager
    def statement(self) -> Iterator[None]:
        """One of several within a write: when it fails, it alone has not happened."""
        self._db.execute("SAVEPOINT statement")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO statement")
            raise
        finally:
            self._db.execute("RELEASE statement")

    # --- who writes ---------------------------------------------------------------------------------------------------

    @property
    def term(self) -> int:
        """The latest primary's."""
        return int(self._db.execute("SELECT number FROM term").fetchone()[0])

    def begin_term(self, term: int) -> bool:
        """From the return on no write of an older term is taken. False when a later one has begun."""
        with self._transaction("BEGIN IMMEDIATE"):
            self._db.execute("UPDATE term SET number = ? WHERE number < ?", (term, term))
            return self.term == term

    # --- retries ------------------------------------------------------------------------------------------------------

    def remembered(self, attempt: Attempt) -> bytes | None:
        """The answer that this write has had; `CommandError` for one that was followed by another."""
        found = self._db.execute("SELECT number, answer FROM retries WHERE session = ?", (attempt.session,)).fetchone()
        if found is None or found[0] < attempt.number:
            return None
        if found[0] > attempt.number:
            raise CommandError(
                225,
                f"Retryable write with txnNumber {attempt.number} is prohibited on session because a newer retryable "
                f"write with txnNumber {found[0]} has already started on this session.",
            )
        return bytes(found[1])

    def remember(self, attempt: Attempt, answer: bytes) -> None:
        """Keep the answer, with the write itself."""
        now = time.time()
        self._db.execute(
            "INSERT OR REPLACE INTO retries VALUES (?, ?, ?, ?)", (attempt.session, attempt.number, answer, now)
        )
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 0:
            self._db.execute("DELETE FROM retries WHERE at < ?", (now - _REMEMBERED_S,))

    # --- collections --------------------------------------------------------------------------------------------------

    def databases(self) -> list[str]:
        """Those that hold a collection."""
        return [name for (name,) in self._db.execute("SELECT DISTINCT base FROM collections ORDER BY base")]

    def collections(self, base: str) -> list[str]:
        return [n for (n,) in self._db.execute("SELECT name FROM collections WHERE base = ? ORDER BY name", (base,))]

    def collection(self, base: str, name: object) -> Collection | None:
        """None where there is none; `CommandError` for what cannot be a name."""
        checked(base, name)
        found = self._db.execute("SELECT number FROM collections WHERE base = ? AND name = ?", (base, name)).fetchone()
        return None if found is None else Collection(self._db, int(found[0]), f"{base}.{name}")

    def made(self, base: str, name: object) -> Collection:
        """The collection, made where there is none."""
        found = self.collection(base, name)
        if found is not None:
            return found
        row = self._db.execute(
            "INSERT INTO collections (base, name, made) VALUES (?, ?, ?) RETURNING number", (base, name, time.time())
        ).fetchone()
        return Collection(self._db, int(row[0]), f"{base}.{name}")

    def drop(self, collection: Collection) -> None:
        collection.clear()
        self._db.execute("DELETE FROM indexes WHERE collection = ?", (collection.number,))
        self._db.execute("DELETE FROM collections WHERE number = ?", (collection.number,))

    def rename(self, collection: Collection, base: str, name: str) -> None:
        checked(base, name)
        self._db.execute("UPDATE collections SET base = ?, name = ? WHERE number = ?", (base, name, collection.number))


def checked(base: object, name: object) -> None:
    """`CommandError` for a namespace that MongoDB refuses."""
    if not isinstance(base, str) or not _DATABASE.fullmatch(base):
        raise CommandError(73, f"Invalid database name: {base!r}")
    if not isinstance(name, str) or not _COLLECTION.fullmatch(name):
        raise CommandError(73, f"Invalid collection name: {name!r}")

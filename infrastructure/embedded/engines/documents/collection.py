"""One collection in the volume: its documents as BSON, in the order of their insertion, and what its indexes find."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson

from infrastructure.embedded.engines.documents.errors import CommandError
from infrastructure.embedded.engines.documents.language import values
from infrastructure.embedded.engines.documents.language.matching import matcher
from infrastructure.embedded.engines.documents.language.queries import has_operators

Document = dict[str, Any]
MOST_BYTES = 16 << 20
"""Of a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One that was made; `_id` has its own, which is none of these."""

    number: int
    name: str
    specification: Mapping[str, Any]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self.specification["key"])

    @property
    def is_unique(self) -> bool:
        return bool(self.specification.get("unique"))

    @property
    def is_sparse(self) -> bool:
        return bool(self.specification.get("sparse"))


class Collection:
    """`namespace` is its database's and its own name."""

    def __init__(self, db: sqlite3.Connection, number: int, namespace: str) -> None:
        self._db = db
        self.number = number
        self.namespace = namespace
        self.indexes = [
            Index(number=row[0], name=row[1], specification=bson.decode(row[2]))
            for row in db.execute(
                "SELECT number, name, specification FROM indexes WHERE collection = ? ORDER BY number", (number,)
            )
        ]

    # --- documents ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        row = self._db.execute("SELECT count(*) FROM documents WHERE collection = ?", (self.number,)).fetchone()
        return int(row[0])

    def size(self) -> int:
        """Bytes of all documents."""
        row = self._db.execute("SELECT total(length(body)) FROM documents WHERE collection = ?", (self.number,))
        return int(row.fetchone()[0])

    def found(self, query: Mapping[str, Any]) -> Iterator[tuple[int, Document]]:
        """The documents that fit, each with its number."""
        fits = matcher(query)
        for number, body in self._candidates(query).fetchall():
            document: Document = bson.decode(body)
            if fits(document):
                yield number, document

    def insert(self, document: Document) -> None:
        """`CommandError` 11000 when its id, or the key of a unique index, is there."""
        body, identity = _body(document), values.key_of(document["_id"])
        try:
            row = self._db.execute(
                "INSERT INTO documents (collection, id, body) VALUES (?, ?, ?) RETURNING number",
                (self.number, identity, body),
            ).fetchone()
        except sqlite3.IntegrityError as doubled:
            raise self._doubled("_id_", {"_id": 1}, document) from doubled
        for index in self.indexes:
            self._enter(index, int(row[0]), document)

    def replace(self, number: int, document: Document) -> None:
        self._db.execute("UPDATE documents SET body = ? WHERE number = ?", (_body(document), number))
        if self.indexes:
            self._db.execute("DELETE FROM entries WHERE document = ?", (number,))
        for index in self.indexes:
            self._enter(index, number, document)

    def delete(self, number: int) -> None:
        if self.indexes:
            self._db.execute("DELETE FROM entries WHERE document = ?", (number,))
        self._db.execute("DELETE FROM documents WHERE number = ?", (number,))

    def clear(self) -> None:
        """Delete all documents."""
        for index in self.indexes:
            self._db.execute("DELETE FROM entries WHERE index_number = ?", (index.number,))
        self._db.execute("DELETE FROM documents WHERE collection = ?", (self.number,))

    def _candidates(self, query: Mapping[str, Any]) -> sqlite3.Cursor:
        """Whatever could fit, in the order of insertion: by the id, else by an index, else all."""
        select = "SELECT number, body FROM documents WHERE "
        keys = _keys(query, "_id")
        if keys is not None:
            return self._db.execute(
                f"{select} collection = ? AND id IN ({_marks(keys)}) ORDER BY number",
                (self.number, *keys),
            )
        for index in self.indexes:
            keys = _keys(query, index.paths[0])
            if keys is not None and not (index.is_sparse and values.key_of(None) in keys):
                return self._db.execute(
                    f"{select} number IN (SELECT document FROM entries WHERE index_number = ? AND first IN "  # noqa: S608
                    f"({_marks(keys)})) ORDER BY number",
                    (index.number, *keys),
                )
        return self._db.execute(f"{select} collection = ? ORDER BY number", (self.number,))

    # --- indexes ------------------------------------------------------------------------------------------------------

    def add_index(self, specification: Mapping[str, Any]) -> None:
        """Make one over all documents there are."""
        row = self._db.execute(
            "INSERT INTO indexes (collection, name, specification) VALUES (?, ?, ?) RETURNING number",
            (self.number, specification["name"], bson.encode(specification)),
        ).fetchone()
        index = Index(number=int(row[0]), name=specification["name"], specification=specification)
        for number, document in self.found({}):
            self._enter(index, number, document)
        self.indexes.append(index)

    def drop_index(self, index: Index) -> None:
        self._db.execute("DELETE FROM entries WHERE index_number = ?", (index.number,))
        self._db.execute("DELETE FROM indexes WHERE number = ?", (index.number,))
        self.indexes.remove(index)

    def _enter(self, index: Index, number: int, document: Document) -> None:
        if index.is_sparse and all(
            each is values.MISSING for path in index.paths for each in values.at(document, path)
        ):
            return
        whole = values.whole_key(document, index.paths)
        if (
            index.is_unique
            and self._db.execute(
                "SELECT 1 FROM entries WHERE index_number = ? AND whole = ? AND document <> ? LIMIT 1",
                (index.number, whole, number),
            ).fetchone()
        ):
            raise self._doubled(index.name, index.specification["key"], document)
        self._db.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?)",
            [(index.number, first, whole, number) for first in values.found_by(document, index.paths[0])],
        )

    def _doubled(self, name: str, key: Mapping[str, Any], document: Document) -> CommandError:
        held = {path: next((v for v in values.at(document, path) if v is not values.MISSING), None) for path in key}
        shown = ", ".join(f"{path}: {_shown(value)}" for path, value in held.items())
        return CommandError(
            11000,
            f"E11000 duplicate key error collection: {self.namespace} index: {name} dup key: {{ {shown} }}",
            keyPattern=dict(key),
            keyValue=held,
        )


def _body(document: Mapping[str, Any]) -> bytes:
    body: bytes = bson.encode(document)
    if len(body) > MOST_BYTES:
        raise CommandError(10334, f"BSONObj size: {len(body)} is invalid. Size must be between 0 and {MOST_BYTES}")
    return body


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _keys(query: Mapping[str, Any], path: str) -> list[bytes] | None:
    """The keys that a document which fits has one of at `path`; None when the query does not say."""
    condition = query.get(path, values.MISSING)
    if condition is values.MISSING or isinstance(condition, bson.regex.Regex):
        return None
    if has_operators(condition):
        if "$eq" in condition:
            return [values.key_of(condition["$eq"])]
        wanted = condition.get("$in")
        if not isinstance(wanted, list) or any(isinstance(each, bson.regex.Regex) for each in wanted):
            return None
        return [values.key_of(each) for each in wanted][:_MOST_KEYS] if len(wanted) <= _MOST_KEYS else None
    return [values.key_of(condition)]


_MOST_KEYS = 500
"""More in one statement, and all documents are looked at instead."""


def _marks(keys: Sequence[bytes]) -> str:
    return ",".join("?" * len(keys))

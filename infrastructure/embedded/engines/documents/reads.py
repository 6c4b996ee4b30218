"""Commands that read: find, count, distinct, aggregate, and the cursors they leave."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.int64 import Int64
from mongomock.aggregate import process_pipeline

from infrastructure.embedded.engines.documents.collection import MOST_BYTES
from infrastructure.embedded.engines.documents.errors import CommandError, bad_value, not_provided
from infrastructure.embedded.engines.documents.language import values
from infrastructure.embedded.engines.documents.language.matching import matcher
from infrastructure.embedded.engines.documents.language.projection import projected
from infrastructure.embedded.engines.documents.language.queries import checked_query
from infrastructure.embedded.engines.documents.volume import Volume

Document = dict[str, Any]
Answer = dict[str, Any]

_FIRST_BATCH = 101
_MOST_CURSORS = 450
"""Of an instance of a small class. Source: DocumentDB Developer Guide, "Quotas and limits"."""
STAGES = frozenset(
    [
        "$addFields",
        "$bucket",
        "$count",
        "$group",
        "$limit",
        "$lookup",
        "$match",
        "$out",
        "$project",
        "$replaceRoot",
        "$replaceWith",
        "$sample",
        "$set",
        "$skip",
        "$sort",
        "$unset",
        "$unwind",
    ]
)
"""The stages of a pipeline that are done here, all of them DocumentDB's."""
_DOCUMENTDB = frozenset(
    ["$changeStream", "$collStats", "$currentOp", "$geoNear", "$indexStats", "$merge", "$redact", "$vectorSearch"]
)
"""DocumentDB has these too."""
_ALIASES = {"$set": "$addFields", "$replaceWith": "$replaceRoot"}


@dataclass(slots=True)
class _Cursor:
    namespace: str
    rest: list[bytes]


@dataclass(slots=True)
class Cursors:
    """What is still to be fetched, by number; the oldest is given up when there are too many."""

    open: dict[int, _Cursor] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1_000_003))

    def first(self, namespace: str, documents: Iterable[Document], size: int | None, *, only: bool = False) -> Answer:
        """The answer with the first batch."""
        encoded = [bson.encode(each) for each in documents]
        batch, rest = _cut(encoded, _FIRST_BATCH if size is None else size)
        number = 0
        if rest and not only:
            number = next(self._numbers)
            self.open[number] = _Cursor(namespace, rest)
            if len(self.open) > _MOST_CURSORS:
                del self.open[next(iter(self.open))]
        return {"cursor": {"firstBatch": batch, "id": Int64(number), "ns": namespace}, "ok": 1.0}

    def more(self, body: Mapping[str, Any]) -> Answer:
        """The next batch of a getMore."""
        number, found = int(body["getMore"]), self.open.pop(int(body["getMore"]), None)
        if found is None or not found.namespace.endswith(f".{body.get('collection')}"):
            raise CommandError(43, f"cursor id {number} not found")
        batch, found.rest = _cut(found.rest, body.get("batchSize") or len(found.rest))
        if found.rest:
            self.open[number] = found
        return {
            "cursor": {"nextBatch": batch, "id": Int64(number if found.rest else 0), "ns": found.namespace},
            "ok": 1.0,
        }

    def kill(self, body: Mapping[str, Any]) -> Answer:
        killed = [each for each in body.get("cursors", ()) if self.open.pop(int(each), None) is not None]
        missing = [each for each in body.get("cursors", ()) if each not in killed]
        return {
            "cursorsKilled": killed,
            "cursorsNotFound": missing,
            "cursorsAlive": [],
            "cursorsUnknown": [],
            "ok": 1.0,
        }


def _cut(encoded: list[bytes], size: int) -> tuple[list[Any], list[bytes]]:
    """A batch of at most `size` documents, and no more than an answer may hold; and the rest."""
    count, held = 0, 0
    for each in encoded[: max(size, 0)]:
        if count and held + len(each) > MOST_BYTES:
            break
        count, held = count + 1, held + len(each)
    return [bson.raw_bson.RawBSONDocument(each) for each in encoded[:count]], encoded[count:]


class Reads:
    """Answers from the volume; whoever calls has begun a transaction."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self.cursors = Cursors()

    def find(self, body: Mapping[str, Any]) -> Answer:
        _refuse(body, "collation", "min", "max", "let", "tailable", "returnKey", "showRecordId")
        query, order = checked_query(body.get("filter")), body.get("sort") or {}
        skip, limit = _whole(body, "skip"), _whole(body, "limit")
        documents = self._found(body["$db"], body["find"], query)
        if order:
            documents = iter(values.in_order(list(documents), order))
        shown = projected(body.get("projection"))
        chosen = map(shown, itertools.islice(itertools.islice(documents, skip, None), limit or None))
        namespace = f"{body['$db']}.{body['find']}"
        return self.cursors.first(namespace, chosen, body.get("batchSize"), only=bool(body.get("singleBatch")))

    def count(self, body: Mapping[str, Any]) -> Answer:
        query, skip, limit = checked_query(body.get("query")), _whole(body, "skip"), _whole(body, "limit")
        collection = self._volume.collection(body["$db"], body["count"])
        found = 0 if collection is None else sum(1 for _ in collection.found(query)) if query else len(collection)
        found = max(found - skip, 0)
        return {"n": min(found, limit) if limit else found, "ok": 1.0}

    def distinct(self, body: Mapping[str, Any]) -> Answer:
        found: dict[bytes, Any] = {}
        for document in self._found(body["$db"], body["distinct"], checked_query(body.get("query"))):
            for value in values.at(document, str(body["key"])):
                for each in value if isinstance(value, list) else (value,):
                    if each is not values.MISSING:
                        found.setdefault(values.key_of(each), each)
        return {"values": list(found.values()), "ok": 1.0}

    def aggregate(self, body: Mapping[str, Any]) -> Answer:
        _refuse(body, "collation", "let", "explain")
        documents = self.piped(body)
        size = (body.get("cursor") or {}).get("batchSize")
        return self.cursors.first(f"{body['$db']}.{body['aggregate']}", documents, size)

    def piped(self, body: Mapping[str, Any]) -> list[Document]:
        """What a pipeline without $out makes."""
        pipeline = [_stage(each) for each in body["pipeline"]]
        query: Mapping[str, Any] = {}
        if pipeline and "$match" in pipeline[0]:
            query = checked_query(pipeline.pop(0)["$match"])
        documents = list(self._found(body["$db"], body["aggregate"], query))
        for stage in pipeline:
            documents = self._staged(documents, stage, body["$db"])
        return documents

    def _staged(self, documents: list[Document], stage: Mapping[str, Any], base: str) -> list[Document]:
        """What one stage makes of them: ours where queries and order are ours too."""
        ((name, value),) = stage.items()
        if name == "$match":
            return list(filter(matcher(checked_query(value)), documents))
        if name == "$sort":
            return values.in_order(documents, value)
        return list(process_pipeline(documents, _Others(self, base), [stage], None))

    def _found(self, base: str, name: Any, query: Mapping[str, Any]) -> Iterator[Document]:
        """One after the other, as they are asked for: nobody decodes what nobody wants."""
        collection = self._volume.collection(base, name)
        return (document for _, document in collection.found(query)) if collection is not None else iter(())

    def of(self, base: str, name: str, query: Mapping[str, Any]) -> list[Document]:
        return list(self._found(base, name, checked_query(query)))


class _Others:
    """The other collections of a database, as a pipeline asks for them."""

    def __init__(self, reads: Reads, base: str) -> None:
        self._reads = reads
        self._base = base

    def get_collection(self, name: str) -> "_Other":
        return _Other(self._reads, self._base, name)


class _Other:
    def __init__(self, reads: Reads, base: str, name: str) -> None:
        self._reads = reads
        self._base = base
        self._name = name

    def find(self, query: Mapping[str, Any]) -> list[Document]:
        return self._reads.of(self._base, self._name, query)


def _stage(stage: Any) -> dict[str, Any]:
    if not isinstance(stage, Mapping) or len(stage) != 1:
        raise CommandError(40323, "A pipeline stage specification object must contain exactly one field.")
    ((name, value),) = stage.items()
    if name in _DOCUMENTDB:
        raise not_provided(f"the aggregation stage {name}")
    if name not in STAGES:
        raise CommandError(304, f"Aggregation stage not supported: '{name}'")
    if name == "$match":
        return {name: checked_query(value)}
    if name == "$unset":
        return {"$project": dict.fromkeys([value] if isinstance(value, str) else value, 0)}
    return {_ALIASES.get(str(name), str(name)): {"newRoot": value} if name == "$replaceWith" else value}


def _refuse(body: Mapping[str, Any], *options: str) -> None:
    given = [each for each in options if body.get(each)]
    if given:
        raise not_provided(f"the option {given[0]} of {next(iter(body))}")


def _whole(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name) or 0
    if not isinstance(value, int | float) or value != int(value) or value < 0:
        raise bad_value(f"{name} must be a whole number that is not negative, but is {value!r}")
    return int(value)


def is_out(body: Mapping[str, Any]) -> bool:
    """Whether a pipeline writes."""
    pipeline: Sequence[Any] = body.get("pipeline") or ()
    return any(isinstance(each, Mapping) and ("$out" in each or "$merge" in each) for each in pipeline)

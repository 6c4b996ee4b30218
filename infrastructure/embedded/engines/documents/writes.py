"""Commands that write documents: insert, update, delete, findAndModify, and a pipeline with $out."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bson
from bson.objectid import ObjectId

from infrastructure.embedded.engines.documents.collection import Collection, Document
from infrastructure.embedded.engines.documents.errors import CommandError, bad_value, not_provided, refusal_of
from infrastructure.embedded.engines.documents.language import values
from infrastructure.embedded.engines.documents.language.projection import projected
from infrastructure.embedded.engines.documents.language.queries import checked_query, has_operators
from infrastructure.embedded.engines.documents.language.updating import updated
from infrastructure.embedded.engines.documents.reads import Reads
from infrastructure.embedded.engines.documents.volume import Volume

Answer = dict[str, Any]
_MOST_STATEMENTS = 100_000


class Writes:
    """Answers from the volume; whoever calls has begun a write."""

    def __init__(self, volume: Volume, reads: Reads) -> None:
        self._volume = volume
        self._reads = reads

    def insert(self, body: Mapping[str, Any]) -> Answer:
        collection = self._volume.made(body["$db"], body["insert"])

        def one(_number: int, document: Document) -> None:
            collection.insert(_storable(document))

        done, errors = self._each(body, "documents", one)
        return {"n": done, **errors, "ok": 1.0}

    def update(self, body: Mapping[str, Any]) -> Answer:
        matched = modified = 0
        upserted: list[Document] = []

        def one(number: int, statement: Document) -> None:
            nonlocal matched, modified
            found, changed, new = self._update(body, statement)
            matched, modified = matched + found, modified + changed
            if new is not None:
                upserted.append({"index": number, "_id": new["_id"]})

        _, errors = self._each(body, "updates", one)
        more = {"upserted": upserted} if upserted else {}
        return {"n": matched + len(upserted), "nModified": modified, **more, **errors, "ok": 1.0}

    def _update(self, body: Mapping[str, Any], statement: Document) -> tuple[int, int, Document | None]:
        """How many one statement matched and changed, and the document that it inserted."""
        _refuse(statement, "collation", "c")
        query, change, is_multi = checked_query(statement["q"]), _change(statement["u"]), bool(statement.get("multi"))
        if is_multi and not has_operators(change):
            raise CommandError(9, "multi update is not supported for replacement-style update")
        collection = self._collection(body, "update", makes=bool(statement.get("upsert")))
        if collection is None:
            return 0, 0, None
        matched = modified = 0
        for number, document in collection.found(query):
            matched += 1
            after = _changed(collection, number, document, change, query, statement.get("arrayFilters") or ())
            modified += after is not document
            if not is_multi:
                break
        if matched or not statement.get("upsert"):
            return matched, modified, None
        return 0, 0, _upserted(collection, query, change)

    def delete(self, body: Mapping[str, Any]) -> Answer:
        deleted = 0

        def one(_number: int, statement: Document) -> None:
            nonlocal deleted
            _refuse(statement, "collation")
            query, collection = checked_query(statement["q"]), self._collection(body, "delete")
            if collection is None:
                return
            for number, _ in collection.found(query):
                collection.delete(number)
                deleted += 1
                if statement.get("limit"):
                    break

        _, errors = self._each(body, "deletes", one)
        return {"n": deleted, **errors, "ok": 1.0}

    def find_and_modify(self, body: Mapping[str, Any]) -> Answer:
        _refuse(body, "collation", "let")
        if bool(body.get("remove")) == (body.get("update") is not None):
            raise CommandError(9, "Either an update or remove=true must be specified, and not both")
        query, shown = checked_query(body.get("query")), projected(body.get("fields"))
        collection = self._collection(body, next(iter(body)), makes=bool(body.get("upsert")))
        found = _first(collection, query, body.get("sort")) if collection is not None else None
        if body.get("remove"):
            if found is None or collection is None:
                return _modified(None, {"n": 0})
            collection.delete(found[0])
            return _modified(shown(found[1]), {"n": 1})
        change = _change(body["update"])
        if found is None or collection is None:
            return self._inserted(collection, body, query, change)
        number, before = found
        after = _changed(collection, number, before, change, query, body.get("arrayFilters") or ())
        return _modified(shown(after if body.get("new") else before), {"n": 1, "updatedExisting": True})

    def _inserted(
        self,
        collection: Collection | None,
        body: Mapping[str, Any],
        query: Mapping[str, Any],
        change: Mapping[str, Any],
    ) -> Answer:
        if collection is None or not body.get("upsert"):
            return _modified(None, {"n": 0, "updatedExisting": False})
        new = _upserted(collection, query, change)
        value = projected(body.get("fields"))(new) if body.get("new") else None
        return _modified(value, {"n": 1, "updatedExisting": False, "upserted": new["_id"]})

    def out(self, body: Mapping[str, Any]) -> Answer:
        """A pipeline that ends in $out: what it makes replaces the named collection."""
        *stages, last = body["pipeline"]
        name = last.get("$out") if isinstance(last, Mapping) else None
        if not isinstance(name, str):
            raise not_provided("$merge, $out into another database, and either of them before a pipeline's end")
        documents = self._reads.piped({**body, "pipeline": stages})
        target = self._volume.made(body["$db"], name)
        target.clear()
        for each in documents:
            target.insert(_storable(each))
        return self._reads.cursors.first(f"{body['$db']}.{body['aggregate']}", (), None)

    def _each(
        self, body: Mapping[str, Any], member: str, one: Callable[[int, Document], None]
    ) -> tuple[int, dict[str, Any]]:
        """How many of the statements are done; what fails is told by its number, and ends the rest when ordered."""
        statements = body.get(member)
        if not isinstance(statements, list) or not 0 < len(statements) <= _MOST_STATEMENTS:
            raise CommandError(72, f"Write batch sizes must be between 1 and {_MOST_STATEMENTS}")
        done = 0
        errors: list[Document] = []
        for number, statement in enumerate(statements):
            try:
                with self._volume.statement():
                    one(number, statement)
                done += 1
            except (CommandError, NotImplementedError) as problem:
                refused = refusal_of(problem, next(iter(body)))
                errors.append({"index": number, "code": refused.code, "errmsg": refused.message, **refused.more})
                if body.get("ordered", True):
                    break
        return done, {"writeErrors": errors} if errors else {}

    def _collection(self, body: Mapping[str, Any], verb: str, *, makes: bool = False) -> Collection | None:
        get = self._volume.made if makes else self._volume.collection
        return get(body["$db"], body[verb])


def _modified(value: Document | None, last: Document) -> Answer:
    return {"value": value, "lastErrorObject": last, "ok": 1.0}


def _upserted(collection: Collection, query: Mapping[str, Any], change: Mapping[str, Any]) -> Document:
    """Insert what the query's equalities and the update make."""
    seed: Document = {}
    if has_operators(change):
        seed = updated({}, {"$set": _equalities(query)}, {}, new=True)
        document = updated(seed, change, query, new=True)
    else:
        document = {**({"_id": query["_id"]} if "_id" in query else {}), **copy.deepcopy(dict(change))}
    collection.insert(found := _storable(document))
    return found


def _first(
    collection: Collection, query: Mapping[str, Any], order: Mapping[str, Any] | None
) -> tuple[int, Document] | None:
    """The first document that fits, by the order if there is one, with its number."""
    if not order:
        return next(collection.found(query), None)
    found = list(collection.found(query))
    ordered = values.in_order([document for _, document in found], order)
    return next(((number, each) for number, each in found if each is ordered[0]), None)


def _changed(
    collection: Collection,
    number: int,
    document: Document,
    change: Mapping[str, Any],
    query: Mapping[str, Any],
    filters: Sequence[Document],
) -> Document:
    """The document after the change, which is stored; the same one when nothing changes."""
    after = updated(document, change, query, filters, new=False)
    if bson.encode(after) == bson.encode(document):
        return document
    after = _storable(after)
    collection.replace(number, after)
    return after


def _equalities(query: Mapping[str, Any]) -> Document:
    found: Document = {}
    for path, value in query.items():
        if path == "$and":
            for each in value:
                found.update(_equalities(each))
        elif not path.startswith("$"):
            if not has_operators(value):
                found[path] = value
            elif "$eq" in value:
                found[path] = value["$eq"]
    return found


def _change(update: Any) -> Mapping[str, Any]:
    if isinstance(update, list):
        raise not_provided("an update by a pipeline")
    if not isinstance(update, Mapping):
        raise bad_value("an update must be a document")
    operators = [name.startswith("$") for name in update]
    if any(operators) and not all(operators):
        raise CommandError(9, "an update has either operators alone, or none")
    return update


def _storable(document: Document) -> Document:
    """The document with its `_id` first; `CommandError` for fields that no document may have."""
    for name in document:
        if name.startswith("$"):
            raise CommandError(52, f"The dollar ($) prefixed field '{name}' in '{name}' is not valid for storage.")
    identity = document.get("_id", values.MISSING)
    if identity is values.MISSING:
        identity = ObjectId()
    if isinstance(identity, list | bson.regex.Regex):
        raise CommandError(53, f"The '_id' value cannot be of type {type(identity).__name__}")
    return {"_id": identity, **document}


def _refuse(given: Mapping[str, Any], *options: str) -> None:
    for each in options:
        if given.get(each):
            raise not_provided(f"the option {each}")

"""Commands about collections, indexes and databases."""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.engines.documents.collection import Collection, Index
from infrastructure.embedded.engines.documents.errors import CommandError, bad_value, not_provided
from infrastructure.embedded.engines.documents.reads import Reads
from infrastructure.embedded.engines.documents.volume import Volume

Answer = dict[str, Any]
_ID = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
_INDEX_OPTIONS = frozenset({"v", "key", "name", "unique", "sparse", "background", "ns"})


class Administration:
    """Answers from the volume; whoever calls has begun a transaction that fits."""

    def __init__(self, volume: Volume, reads: Reads) -> None:
        self._volume = volume
        self._reads = reads

    # --- collections --------------------------------------------------------------------------------------------------

    def create(self, body: Mapping[str, Any]) -> Answer:
        options = [name for name in body if name in ("capped", "viewOn", "timeseries", "validator", "collation")]
        if any(body[name] for name in options):
            raise not_provided(f"collections with the option {options[0]}")
        if self._volume.collection(body["$db"], body["create"]) is not None:
            raise CommandError(48, f"Collection already exists. NS: {body['$db']}.{body['create']}")
        self._volume.made(body["$db"], body["create"])
        return {"ok": 1.0}

    def drop(self, body: Mapping[str, Any]) -> Answer:
        collection = self._volume.collection(body["$db"], body["drop"])
        if collection is None:
            return {"ok": 1.0}
        count = 1 + len(collection.indexes)
        self._volume.drop(collection)
        return {"ns": collection.namespace, "nIndexesWas": count, "ok": 1.0}

    def drop_database(self, body: Mapping[str, Any]) -> Answer:
        for name in self._volume.collections(body["$db"]):
            self._volume.drop(self._there(body["$db"], name))
        return {"dropped": body["$db"], "ok": 1.0}

    def rename(self, body: Mapping[str, Any]) -> Answer:
        source, target = (str(body.get(name)).partition(".") for name in ("renameCollection", "to"))
        collection = self._there(source[0], source[2])
        there = self._volume.collection(target[0], target[2])
        if there is not None:
            if not body.get("dropTarget"):
                raise CommandError(48, "target namespace exists")
            self._volume.drop(there)
        self._volume.rename(collection, target[0], target[2])
        return {"ok": 1.0}

    def list_collections(self, body: Mapping[str, Any]) -> Answer:
        names = self._volume.collections(body["$db"])
        wanted = dict(body.get("filter") or {})
        name = wanted.pop("name", None)
        if wanted.pop("type", "collection") != "collection" or wanted or not isinstance(name, str | None):
            raise not_provided("listing collections by another filter than a name")
        shown = [each for each in names if name in (None, each)]
        documents = [{"name": each, "type": "collection", "options": {}, "idIndex": _ID} for each in shown]
        return self._reads.cursors.first(f"{body['$db']}.$cmd.listCollections", documents, len(documents) or 1)

    # --- indexes ------------------------------------------------------------------------------------------------------

    def create_indexes(self, body: Mapping[str, Any]) -> Answer:
        is_new = self._volume.collection(body["$db"], body["createIndexes"]) is None
        collection = self._volume.made(body["$db"], body["createIndexes"])
        before = 1 + len(collection.indexes)
        for given in body["indexes"]:
            self._add(collection, given)
        return {
            "numIndexesBefore": before,
            "numIndexesAfter": 1 + len(collection.indexes),
            "createdCollectionAutomatically": is_new,
            "ok": 1.0,
        }

    def _add(self, collection: Collection, given: Mapping[str, Any]) -> None:
        unknown = sorted(name for name in given.keys() - _INDEX_OPTIONS if given[name])
        if unknown:
            raise not_provided(f"an index with the option {unknown[0]}")
        if not given.get("key") or not all(value in (1, -1) for value in given["key"].values()):
            raise not_provided(f"an index of another kind than 1 and -1: {given.get('key')!r}")
        if tuple(given["key"]) == ("_id",):
            return
        same = [each for each in collection.indexes if each.name == given["name"] or each.paths == tuple(given["key"])]
        options = {
            name: value for name, value in given.items() if name in ("key", "name", "unique", "sparse") and value
        }
        for each in same:
            if each.specification["key"] == given["key"] and each.is_unique == bool(given.get("unique")):
                return
            if each.name == given["name"]:
                raise CommandError(85, f"An index named {given['name']} exists with other keys or options")
        collection.add_index({"v": 2, **options})

    def drop_indexes(self, body: Mapping[str, Any]) -> Answer:
        collection, wanted = self._there(body["$db"], body["dropIndexes"]), body.get("index")
        before = 1 + len(collection.indexes)
        for index in self._chosen(collection, wanted):
            collection.drop_index(index)
        return {"nIndexesWas": before, "ok": 1.0}

    def _chosen(self, collection: Collection, wanted: Any) -> list[Index]:
        if wanted == "*":
            return list(collection.indexes)
        if wanted in ("_id_", {"_id": 1}):
            raise CommandError(72, "cannot drop _id index")
        found = [each for each in collection.indexes if wanted in (each.name, each.specification["key"])]
        if not found:
            raise CommandError(27, f"index not found with name [{wanted}]")
        return found

    def list_indexes(self, body: Mapping[str, Any]) -> Answer:
        collection = self._there(body["$db"], body["listIndexes"])
        documents = [_ID, *(dict(each.specification) for each in collection.indexes)]
        return self._reads.cursors.first(collection.namespace, documents, len(documents))

    # --- figures ------------------------------------------------------------------------------------------------------

    def list_databases(self, body: Mapping[str, Any]) -> Answer:
        if body["$db"] != "admin":
            raise CommandError(13, "listDatabases may only be run against the admin database.")
        if body.get("filter"):
            raise not_provided("listing databases by a filter")
        sizes = {name: self._size(name) for name in self._volume.databases()}
        listed = [{"name": name, "sizeOnDisk": size, "empty": False} for name, size in sizes.items()]
        return {"databases": listed, "totalSize": sum(sizes.values()), "ok": 1.0}

    def coll_stats(self, body: Mapping[str, Any]) -> Answer:
        collection = self._there(body["$db"], body["collStats"])
        count, size = len(collection), collection.size()
        average = {"avgObjSize": size // count} if count else {}
        more = {"nindexes": 1 + len(collection.indexes), "storageSize": size}
        return {"ns": collection.namespace, "count": count, "size": size, **average, **more, "ok": 1.0}

    def db_stats(self, body: Mapping[str, Any]) -> Answer:
        found = [self._there(body["$db"], name) for name in self._volume.collections(body["$db"])]
        size = sum(each.size() for each in found)
        return {
            "db": body["$db"],
            "collections": len(found),
            "objects": sum(map(len, found)),
            "dataSize": float(size),
            "storageSize": float(size),
            "indexes": sum(1 + len(each.indexes) for each in found),
            "ok": 1.0,
        }

    def _size(self, base: str) -> int:
        return sum(self._there(base, name).size() for name in self._volume.collections(base))

    def _there(self, base: str, name: Any) -> Collection:
        if not isinstance(name, str):
            raise bad_value(f"collection name has invalid type {type(name).__name__}")
        found = self._volume.collection(base, name)
        if found is None:
            raise CommandError(26, f"ns not found: {base}.{name}")
        return found

"""Commands on a volume, without a process in between: what they do, that a retry counts once, and who may write."""

import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import bson
import pytest
from bson.binary import Binary, UuidRepresentation
from bson.decimal128 import Decimal128

from infrastructure.embedded.engines.documents.executor import Executor
from infrastructure.embedded.engines.documents.volume import Volume

TERM = 1


class Database:
    """One server's part of the volume; a command's answer as a document."""

    def __init__(self, folder: Path, term: int = TERM) -> None:
        self.path = folder / "volume.sqlite"
        self.executor = Executor(self.path)
        self.term = term
        Volume(self.path).begin_term(term)

    def ask(self, command: str, value: Any, **members: Any) -> dict[str, Any]:
        return bson.decode(self.executor.run({command: value, **members, "$db": "cafe"}, self.term))

    def did(self, command: str, value: Any, **members: Any) -> dict[str, Any]:
        answer = self.ask(command, value, **members)
        assert answer["ok"] == 1, answer
        assert "writeErrors" not in answer, answer
        return answer

    def find(self, query: dict[str, Any] | None = None, **members: Any) -> list[Any]:
        batch: list[Any] = self.did("find", "items", filter=query or {}, **members)["cursor"]["firstBatch"]
        return batch

    def ids(self, query: dict[str, Any], **members: Any) -> list[Any]:
        return [each["_id"] for each in self.find(query, **members)]

    def insert(self, *documents: dict[str, Any], **members: Any) -> dict[str, Any]:
        return self.did("insert", "items", documents=list(documents), **members)

    def update(self, query: dict[str, Any], update: Any, **members: Any) -> dict[str, Any]:
        statement = {"q": query, "u": update, **members}
        return self.ask("update", "items", updates=[statement])


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def session() -> dict[str, Any]:
    return {"id": Binary.from_uuid(uuid4(), UuidRepresentation.STANDARD)}


def test_twenty_steps_as_a_service_takes_them(database: Database) -> None:
    database.insert({"_id": 1, "n": 1, "tags": ["a"]}, {"_id": 2, "n": 2, "tags": ["a", "b"]}, {"_id": 3, "n": 3})
    assert database.ids({"n": {"$gte": 2}}) == [2, 3]
    assert database.ids({"tags": "a"}) == [1, 2]
    assert database.find({"_id": 2}, projection={"n": 1, "_id": 0}) == [{"n": 2}]
    assert database.ids({}, sort={"n": -1}, skip=1, limit=1) == [2]
    assert database.update({"_id": 1}, {"$inc": {"n": 10}})["nModified"] == 1
    assert database.update({"n": {"$lt": 5}}, {"$set": {"low": True}}, multi=True)["n"] == 2
    upserted = database.update({"_id": 4, "kind": "new"}, {"$set": {"n": 4}}, upsert=True)
    assert upserted["upserted"] == [{"index": 0, "_id": 4}]
    assert database.find({"_id": 4}) == [{"_id": 4, "kind": "new", "n": 4}]
    assert database.update({"_id": 4}, {"n": 5})["nModified"] == 1
    assert database.find({"_id": 4}) == [{"_id": 4, "n": 5}]
    assert database.did("delete", "items", deletes=[{"q": {"_id": 4}, "limit": 1}])["n"] == 1
    index = {"key": {"n": 1}, "name": "n_1", "unique": True}
    assert database.did("createIndexes", "items", indexes=[index])["numIndexesAfter"] == 2
    doubled = database.ask("insert", "items", documents=[{"_id": 5, "n": 2}])["writeErrors"][0]
    assert (doubled["code"], doubled["keyValue"]) == (11000, {"n": 2})
    assert [each["name"] for each in database.did("listIndexes", "items")["cursor"]["firstBatch"]] == ["_id_", "n_1"]
    assert database.ids({"n": 2}) == [2]
    changed = database.did(
        "findAndModify", "items", query={"_id": 2}, update={"$push": {"tags": "c"}}, new=True, fields={"tags": 1}
    )
    assert changed["value"] == {"_id": 2, "tags": ["a", "b", "c"]}
    grouped = database.did(
        "aggregate", "items", pipeline=[{"$unwind": "$tags"}, {"$group": {"_id": "$tags", "n": {"$sum": 1}}}], cursor={}
    )
    assert sorted((each["_id"], each["n"]) for each in grouped["cursor"]["firstBatch"]) == [
        ("a", 2),
        ("b", 1),
        ("c", 1),
    ]
    assert database.did("distinct", "items", key="tags")["values"] == ["a", "b", "c"]
    assert database.did("count", "items", query={"tags": {"$size": 1}})["n"] == 1
    assert database.did("dropIndexes", "items", index="n_1")["nIndexesWas"] == 2
    assert database.did("drop", "items")["ns"] == "cafe.items"
    assert database.find() == []


def test_values_come_back_as_they_went_in(database: Database) -> None:
    document = {
        "_id": bson.ObjectId(),
        "price": Decimal128("3.50"),
        "blob": b"\0\1",
        "id": Binary.from_uuid(uuid4()),
        "when": bson.Timestamp(1, 2),
        "long": bson.Int64(5),
        "pattern": bson.Regex("^a", "i"),
        "nothing": None,
        "far": float("inf"),
    }
    database.insert(document)
    (found,) = database.find({"_id": document["_id"]})
    assert bson.encode(found) == bson.encode(document)


def test_an_index_finds_what_a_look_at_everything_finds(database: Database) -> None:
    values: list[Any] = [1, 1.0, "1", None, [1, 2], [], {"x": 1}, True, [[1]], [None]]
    database.insert(*({"_id": n, "v": value} for n, value in enumerate(values)), {"_id": 99})
    queries = [{"v": each} for each in values] + [{"v": {"$in": [1, None]}}, {"v": {"$eq": [1, 2]}}]
    before = [database.ids(query) for query in queries]
    database.did("createIndexes", "items", indexes=[{"key": {"v": 1}, "name": "v_1"}])
    assert [database.ids(query) for query in queries] == before


def test_an_index_follows_every_change(database: Database) -> None:
    database.did("createIndexes", "items", indexes=[{"key": {"a.b": 1}, "name": "ab"}])
    database.insert({"_id": 1, "a": {"b": 1}})
    database.update({"_id": 1}, {"$set": {"a.b": 2}})
    assert (database.ids({"a.b": 1}), database.ids({"a.b": 2})) == ([], [1])
    database.did("delete", "items", deletes=[{"q": {}, "limit": 0}])
    assert database.ids({"a.b": 2}) == []


def test_databases_and_collections_are_apart(database: Database) -> None:
    database.insert({"_id": 1})
    other = {"insert": "items", "documents": [{"_id": 1}, {"_id": 2}], "$db": "other"}
    assert bson.decode(database.executor.run(other, TERM))["n"] == 2
    assert database.did("count", "items")["n"] == 1
    listed = {"listDatabases": 1, "$db": "admin"}
    assert [e["name"] for e in bson.decode(database.executor.run(listed, TERM))["databases"]] == ["cafe", "other"]
    bson.decode(database.executor.run({"dropDatabase": 1, "$db": "other"}, TERM))
    assert [e["name"] for e in bson.decode(database.executor.run(listed, TERM))["databases"]] == ["cafe"]
    assert database.did("count", "items")["n"] == 1


def test_a_long_answer_comes_in_batches(database: Database) -> None:
    database.insert(*({"_id": n} for n in range(250)))
    first = database.did("find", "items", filter={}, batchSize=100)["cursor"]
    second = database.did("getMore", first["id"], collection="items", batchSize=100)["cursor"]
    third = database.did("getMore", first["id"], collection="items")["cursor"]
    found = [*first["firstBatch"], *second["nextBatch"], *third["nextBatch"]]
    assert ([each["_id"] for each in found], third["id"]) == (list(range(250)), 0)
    assert database.ask("getMore", first["id"], collection="items")["code"] == 43


def test_what_fails_in_an_ordered_command_ends_it_and_in_an_unordered_one_does_not(database: Database) -> None:
    documents = [{"_id": 1}, {"_id": 1}, {"_id": 2}]
    assert database.ask("insert", "items", documents=documents)["n"] == 1
    answer = database.ask("insert", "others", documents=documents, ordered=False)
    assert (answer["n"], [each["index"] for each in answer["writeErrors"]]) == (2, [1])


def test_a_statement_that_fails_half_way_has_not_happened(database: Database) -> None:
    database.did("createIndexes", "items", indexes=[{"key": {"n": 1}, "name": "n_1", "unique": True}])
    database.insert({"_id": 1, "n": 1}, {"_id": 2, "n": 2})
    assert database.update({}, {"$set": {"n": 7}}, multi=True)["writeErrors"][0]["code"] == 11000
    assert [each["n"] for each in database.find()] == [1, 2]


def test_out_replaces_a_collection(database: Database) -> None:
    database.insert({"_id": 1, "n": 1}, {"_id": 2, "n": 2})
    database.did("aggregate", "items", pipeline=[{"$match": {"n": 2}}, {"$out": "chosen"}], cursor={})
    assert database.did("find", "chosen", filter={})["cursor"]["firstBatch"] == [{"_id": 2, "n": 2}]


def test_a_lookup_reads_another_collection(database: Database) -> None:
    database.insert({"_id": 1, "store": "a"})
    database.did("insert", "stores", documents=[{"_id": "a", "city": "Rome"}])
    stage = {"$lookup": {"from": "stores", "localField": "store", "foreignField": "_id", "as": "at"}}
    found = database.did("aggregate", "items", pipeline=[stage], cursor={})["cursor"]["firstBatch"]
    assert found == [{"_id": 1, "store": "a", "at": [{"_id": "a", "city": "Rome"}]}]


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "stage that DocumentDB has not": ({"aggregate": "items", "pipeline": [{"$facet": {}}], "cursor": {}}, 304),
    "stage that is not done here": ({"aggregate": "items", "pipeline": [{"$changeStream": {}}], "cursor": {}}, 304),
    "expression that is not done here": (
        {"aggregate": "items", "pipeline": [{"$project": {"x": {"$meta": "textScore"}}}], "cursor": {}},
        304,
    ),
    "operator": ({"find": "items", "filter": {"a": {"$foo": 1}}}, 2),
    "collation": ({"find": "items", "filter": {}, "collation": {"locale": "de"}}, 304),
    "time to live": (
        {"createIndexes": "items", "indexes": [{"key": {"a": 1}, "name": "a", "expireAfterSeconds": 1}]},
        304,
    ),
    "text index": ({"createIndexes": "items", "indexes": [{"key": {"a": "text"}, "name": "a"}]}, 304),
    "database": ({"find": "items", "filter": {}, "$db": "a/b"}, 73),
    "collection": ({"insert": "system.users", "documents": [{}]}, 73),
    "no documents": ({"insert": "items", "documents": []}, 72),
    "no filter at all": ({"delete": "items", "deletes": "all"}, 72),
    "unheard of index": ({"dropIndexes": "items", "index": "x"}, 27),
    "unheard of collection": ({"collStats": "absent"}, 26),
    "existing collection": ({"create": "items"}, 48),
    "negative skip": ({"find": "items", "filter": {}, "skip": -1}, 2),
    "stage of two": ({"aggregate": "items", "pipeline": [{"$match": {}, "$limit": 1}], "cursor": {}}, 40323),
    "remove and update": ({"findAndModify": "items", "remove": True, "update": {}}, 9),
    "no number": ({"getMore": "x", "collection": "items"}, 2),
}


WRONG: dict[str, dict[str, Any]] = {
    "a division by zero": {"x": {"$divide": ["$a", 0]}},
    "an addition of no list": {"x": {"$add": "$a"}},
    "a sum beyond 64 bits": {"x": {"$add": ["$big", "$big"]}},
}


@pytest.mark.parametrize("name", WRONG)
def test_an_expression_that_cannot_be_calculated_is_answered_as_an_error(database: Database, name: str) -> None:
    database.insert({"_id": 1, "a": 1, "big": bson.Int64((1 << 63) - 1)})
    answer = database.ask("aggregate", "items", pipeline=[{"$project": WRONG[name]}], cursor={})
    assert (answer["ok"], answer["code"]) == (0, 2), answer
    assert database.ids({}) == [1]


def test_a_value_that_is_too_deep_is_answered_as_an_error(database: Database) -> None:
    database.insert({"_id": 1, "a": 1})
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"a": deep}
    answer = database.ask("find", "items", filter={"a": deep})
    assert (answer["ok"], answer["code"]) == (0, 2), answer


ONE: dict[str, tuple[str, dict[str, Any]]] = {
    "find": ("find", {"filter": {"n": {"$gte": 1}}, "skip": 1, "limit": 1}),
    "find and modify": ("findAndModify", {"query": {"n": {"$gte": 2}}, "update": {"$set": {"x": 1}}}),
    "find and remove": ("findAndModify", {"query": {"n": {"$gte": 2}}, "remove": True}),
}


@pytest.mark.parametrize("name", ONE)
def test_nothing_is_decoded_behind_the_last_document_that_is_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    database.insert(*({"_id": n, "n": n} for n in range(50)))
    decoded: list[bytes] = []
    decode = bson.decode

    def counted(data: bytes) -> Any:
        decoded.append(data)
        return decode(data)

    command, members = ONE[name]
    with monkeypatch.context() as counting:
        counting.setattr(bson, "decode", counted)
        answer = database.executor.run({command: "items", **members, "$db": "cafe"}, TERM)
    found = decode(answer)
    one = found["value"] if "value" in found else found["cursor"]["firstBatch"][0]
    assert (one["n"], len(decoded)) == (2, 3)


def test_a_find_and_modify_takes_the_first_of_its_order(database: Database) -> None:
    database.insert(*({"_id": n, "n": -n} for n in range(5)))
    named = {"query": {"_id": {"$lt": 4}}, "sort": {"n": 1}}
    assert database.did("findAndModify", "items", **named, update={"$set": {"n": 0}})["value"] == {"_id": 3, "n": -3}
    assert database.did("findAndModify", "items", **named, remove=True)["value"] == {"_id": 2, "n": -2}
    assert database.ids({}) == [0, 1, 3, 4]
    gone = database.did("findAndModify", "items", query={"_id": 9}, sort={"n": 1}, remove=True)
    assert (gone["value"], gone["lastErrorObject"]) == (None, {"n": 0})


def test_a_find_and_modify_answers_with_what_it_has_stored(database: Database) -> None:
    database.insert({"_id": 1})
    for _ in range(20):
        change = {"$currentDate": {"at": True}, "$push": {"tags": {"$each": ["x"]}}}
        found = database.did("findAndModify", "items", query={"_id": 1}, update=change, new=True)["value"]
        assert [found] == database.find()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_by_its_number(database: Database, name: str) -> None:
    database.insert({"_id": 1, "a": 1})
    command, code = REFUSED[name]
    answer = bson.decode(database.executor.run({**command, "$db": command.get("$db", "cafe")}, TERM))
    assert (answer["ok"], answer["code"]) == (0, code), answer


# --- retries ----------------------------------------------------------------------------------------------------------


def test_a_write_that_is_sent_again_counts_once(database: Database) -> None:
    database.insert({"_id": 1, "n": 0})
    once = {"lsid": session(), "txnNumber": bson.Int64(1)}
    statement = {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}
    answers = [database.ask("update", "items", updates=[statement], **once) for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert database.find() == [{"_id": 1, "n": 1}]


def test_it_counts_once_at_another_server_too(tmp_path: Path) -> None:
    first = Database(tmp_path)
    once = {"lsid": session(), "txnNumber": bson.Int64(7)}
    answer = first.did(
        "findAndModify", "items", query={"_id": 1}, update={"$inc": {"n": 1}}, upsert=True, new=True, **once
    )
    second = Database(tmp_path, term=2)
    again = second.did(
        "findAndModify", "items", query={"_id": 1}, update={"$inc": {"n": 1}}, upsert=True, new=True, **once
    )
    assert (again, second.find()) == (answer, [{"_id": 1, "n": 1}])


def test_an_older_write_of_a_session_is_refused(database: Database) -> None:
    of = session()
    database.insert({"_id": 1}, lsid=of, txnNumber=bson.Int64(5))
    assert database.ask("insert", "items", documents=[{"_id": 2}], lsid=of, txnNumber=bson.Int64(4))["code"] == 225
    assert database.insert({"_id": 2}, lsid=of, txnNumber=bson.Int64(6))["n"] == 1


def test_a_refused_write_is_not_remembered(database: Database) -> None:
    once = {"lsid": session(), "txnNumber": bson.Int64(1)}
    assert database.ask("findAndModify", "items", query={}, update={"$foo": {"a": 1}}, upsert=True, **once)["code"] == 9
    assert database.ask("findAndModify", "items", query={"_id": 1}, update={"a": 1}, upsert=True, **once)["ok"] == 1


def test_a_write_to_many_cannot_be_sent_again(database: Database) -> None:
    once = {"lsid": session(), "txnNumber": bson.Int64(1)}
    many = {"q": {}, "u": {"$set": {"a": 1}}, "multi": True}
    assert database.ask("update", "items", updates=[many], **once)["code"] == 72


# --- who writes -------------------------------------------------------------------------------------------------------


def test_a_primary_whose_term_is_over_writes_no_more(tmp_path: Path) -> None:
    old, new = Database(tmp_path, term=1), Database(tmp_path, term=2)
    refused = old.ask("insert", "items", documents=[{"_id": 1}])
    assert (refused["code"], refused["errorLabels"]) == (10107, ["RetryableWriteError"])
    new.insert({"_id": 2})
    assert old.ids({}) == [2]


def test_a_term_never_goes_back(tmp_path: Path) -> None:
    volume = Volume(tmp_path / "volume.sqlite")
    assert (volume.begin_term(3), volume.begin_term(2), volume.term) == (True, False, 3)


def test_increments_of_many_at_once_are_exact(tmp_path: Path) -> None:
    servers = [Database(tmp_path), Database(tmp_path)]
    servers[0].insert({"_id": 1, "n": 0})

    def work(server: Database) -> None:
        for _ in range(100):
            assert server.update({"_id": 1}, {"$inc": {"n": 1}})["nModified"] == 1

    workers = [threading.Thread(target=work, args=(each,)) for each in servers]
    for each in workers:
        each.start()
    for each in workers:
        each.join(30)
    assert servers[1].find() == [{"_id": 1, "n": 200}]

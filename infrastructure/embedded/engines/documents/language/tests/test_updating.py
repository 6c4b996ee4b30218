"""What update operators make of a document; the expectations are MongoDB's documentation's."""

import datetime as dt
from typing import Any

import pytest
from bson.int64 import Int64

from infrastructure.embedded.engines.documents.errors import CommandError
from infrastructure.embedded.engines.documents.language.updating import updated

BEFORE: dict[str, Any] = {
    "_id": 1,
    "n": 3,
    "name": "latte",
    "tags": ["a", "b"],
    "sizes": [{"size": "s", "price": 300}, {"size": "m", "price": 350}],
    "nested": {"x": 1},
}

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "set": ({"$set": {"n": 4, "nested.y": 2}}, {"n": 4, "nested": {"x": 1, "y": 2}}),
    "set makes what is below": ({"$set": {"a.b.c": 1}}, {"a": {"b": {"c": 1}}}),
    "set an element": ({"$set": {"tags.1": "z"}}, {"tags": ["a", "z"]}),
    "set beyond an array's end": ({"$set": {"tags.3": "z"}}, {"tags": ["a", "b", None, "z"]}),
    "set a field of an element": (
        {"$set": {"sizes.0.price": 1}},
        {"sizes": [{"size": "s", "price": 1}, {"size": "m", "price": 350}]},
    ),
    "unset": ({"$unset": {"nested.x": ""}}, {"nested": {}}),
    "unset what is not there": ({"$unset": {"absent.x": ""}}, {}),
    "unset an element": ({"$unset": {"tags.0": ""}}, {"tags": [None, "b"]}),
    "inc": ({"$inc": {"n": -2, "new": 5}}, {"n": 1, "new": 5}),
    "mul": ({"$mul": {"n": 2.5, "new": 5}}, {"n": 7.5, "new": 0}),
    "min": ({"$min": {"n": 2}}, {"n": 2}),
    "min that is not less": ({"$min": {"n": 9}}, {}),
    "max": ({"$max": {"n": 9, "new": 1}}, {"n": 9, "new": 1}),
    "max of another type": ({"$max": {"n": "text"}}, {"n": "text"}),
    "push": ({"$push": {"tags": "c"}}, {"tags": ["a", "b", "c"]}),
    "push into nothing": ({"$push": {"new": 1}}, {"new": [1]}),
    "push several, cut": (
        {"$push": {"tags": {"$each": ["d", "c"], "$sort": 1, "$slice": -3}}},
        {"tags": ["b", "c", "d"]},
    ),
    "push at a place": ({"$push": {"tags": {"$each": ["x"], "$position": 0}}}, {"tags": ["x", "a", "b"]}),
    "push sorted by a field": (
        {"$push": {"sizes": {"$each": [{"size": "l", "price": 1}], "$sort": {"price": 1}, "$slice": 1}}},
        {"sizes": [{"size": "l", "price": 1}]},
    ),
    "add to set": ({"$addToSet": {"tags": {"$each": ["b", "c"]}}}, {"tags": ["a", "b", "c"]}),
    "add a number that is there as another type": ({"$addToSet": {"tags": "a"}}, {}),
    "pull": ({"$pull": {"tags": "a"}}, {"tags": ["b"]}),
    "pull by operators": ({"$pull": {"tags": {"$in": ["a", "b"]}}}, {"tags": []}),
    "pull documents": ({"$pull": {"sizes": {"price": {"$gt": 320}}}}, {"sizes": [{"size": "s", "price": 300}]}),
    "pull all": ({"$pullAll": {"tags": ["a", "c"]}}, {"tags": ["b"]}),
    "pop": ({"$pop": {"tags": 1}}, {"tags": ["a"]}),
    "pop the first": ({"$pop": {"tags": -1}}, {"tags": ["b"]}),
    "on insert alone": ({"$setOnInsert": {"n": 9}}, {}),
    "every element": (
        {"$inc": {"sizes.$[].price": 1}},
        {"sizes": [{"size": "s", "price": 301}, {"size": "m", "price": 351}]},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_operator_does_what_it_does_in_mongodb(name: str) -> None:
    update, changed = CHANGES[name]
    assert updated(BEFORE, update, {}, new=False) == {**BEFORE, **changed}


def test_a_field_is_renamed() -> None:
    after = updated(BEFORE, {"$rename": {"name": "nested.name"}}, {}, new=False)
    assert (after["nested"], "name" in after) == ({"x": 1, "name": "latte"}, False)


def test_the_position_is_the_element_that_the_query_found() -> None:
    queries: list[dict[str, Any]] = [{"sizes.size": "m"}, {"sizes": {"$elemMatch": {"size": "m", "price": {"$gt": 1}}}}]
    for query in queries:
        after = updated(BEFORE, {"$set": {"sizes.$.price": 1}}, query, new=False)
        assert after["sizes"] == [{"size": "s", "price": 300}, {"size": "m", "price": 1}]


def test_a_filter_chooses_elements() -> None:
    after = updated(BEFORE, {"$set": {"sizes.$[e].price": 1}}, {}, [{"e.price": {"$lt": 320}}], new=False)
    assert after["sizes"] == [{"size": "s", "price": 1}, {"size": "m", "price": 350}]


UNKNOWN: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "pull by a function": ({"$pull": {"sizes": {"$where": "true"}}}, []),
    "pull documents by a function": ({"$pull": {"sizes": {"size": "s", "$where": "true"}}}, []),
    "pull by what is no list": ({"$pull": {"tags": {"$in": "ab"}}}, []),
    "filter by a function": ({"$set": {"sizes.$[e].price": 1}}, [{"e": {"$where": "true"}}]),
    "filter by what is no list": ({"$set": {"tags.$[e]": "x"}}, [{"e": {"$in": "ab"}}]),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_condition_on_elements_is_refused_as_one_on_documents_is(name: str) -> None:
    update, filters = UNKNOWN[name]
    with pytest.raises((CommandError, NotImplementedError)):
        updated(BEFORE, update, {}, filters, new=False)


def test_what_is_inserted_takes_what_is_set_on_insert() -> None:
    assert updated({}, {"$setOnInsert": {"n": 1}, "$inc": {"m": 2}}, {}, new=True) == {"n": 1, "m": 2}


def test_a_replacement_keeps_the_id() -> None:
    assert updated(BEFORE, {"a": 1}, {}, new=False) == {"_id": 1, "a": 1}


def test_the_date_is_of_now_and_in_whole_milliseconds() -> None:
    found = updated(BEFORE, {"$currentDate": {"at": True}}, {}, new=False)["at"]
    assert abs(dt.datetime.now(dt.UTC).replace(tzinfo=None) - found) < dt.timedelta(minutes=1)
    assert found.microsecond % 1000 == 0


def test_a_long_stays_one() -> None:
    assert isinstance(updated({"n": Int64(1)}, {"$inc": {"n": 1}}, {}, new=False)["n"], Int64)


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "unknown": ({"$foo": {"n": 1}}, 9),
    "no fields": ({"$set": 1}, 9),
    "inc of text": ({"$inc": {"name": 1}}, 14),
    "inc by text": ({"$inc": {"n": "1"}}, 14),
    "overflow": ({"$inc": {"n": 2**63 - 1}}, 2),
    "below a number": ({"$set": {"n.x": 1}}, 28),
    "push into text": ({"$push": {"name": 1}}, 2),
    "another id": ({"$set": {"_id": 2}}, 66),
    "another id by replacement": ({"_id": 2}, 66),
    "no such filter": ({"$set": {"sizes.$[z].price": 1}}, 2),
    "no position": ({"$set": {"sizes.$.price": 1}}, 2),
    "an endless array": ({"$set": {"tags.9999999": 1}}, 2),
    "pop by two": ({"$pop": {"tags": 2}}, 9),
    "push modifier": ({"$push": {"tags": {"$each": [], "$foo": 1}}}, 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_mongodb_refuses_is_refused_and_changes_nothing(name: str) -> None:
    update, code = REFUSED[name]
    before = {**BEFORE}
    with pytest.raises(CommandError) as refused:
        updated(before, update, {}, new=False)
    assert (refused.value.code, before) == (code, BEFORE)

"""Which documents a query finds; the expectations are MongoDB's documentation's."""

import datetime as dt
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.regex import Regex

from infrastructure.embedded.engines.documents.errors import CommandError
from infrastructure.embedded.engines.documents.language.matching import matcher

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC).replace(tzinfo=None)  # as BSON is read
DOCUMENTS: list[dict[str, Any]] = [
    {"_id": 0, "v": 1, "s": "Latte", "t": ["x", "y"], "at": NOON},
    {"_id": 1, "v": 2.5, "s": "mocha", "t": ["y"], "n": {"z": 5}},
    {"_id": 2, "v": None, "t": [], "d": Decimal128("2.50")},
    {"_id": 3, "v": True, "a": [{"q": 1, "w": 2}, {"q": 2, "w": 3}]},
    {"_id": 4, "v": [1, 7], "a": [{"q": 1, "w": 3}], "m": [[1, 2], [3]]},
    {"_id": 5, "v": "1", "n": {"z": 5, "y": 1}, "l": Int64(1)},
    {"_id": 6, "n": [{"z": 1}, {"y": 2}]},
]

FOUND: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3, 4, 5, 6]),
    ({"v": 1}, [0, 4]),
    ({"v": True}, [3]),
    ({"v": "1"}, [5]),
    ({"v": None}, [2, 6]),
    ({"v": [1, 7]}, [4]),
    ({"v": {"$ne": 1}}, [1, 2, 3, 5, 6]),
    ({"v": {"$gt": 1}}, [1, 4]),
    ({"v": {"$gte": 1, "$lt": 3}}, [0, 1, 4]),
    ({"v": {"$lte": None}}, [2]),
    ({"v": {"$gt": False}}, [3]),
    ({"v": {"$in": [2.5, None]}}, [1, 2, 6]),
    ({"v": {"$nin": [1, None]}}, [1, 3, 5]),
    ({"v": {"$exists": False}}, [6]),
    ({"v": {"$exists": True, "$ne": None}}, [0, 1, 3, 4, 5]),
    ({"v": {"$type": "number"}}, [0, 1, 4]),
    ({"v": {"$type": ["bool", 2]}}, [3, 5]),
    ({"l": {"$type": "long"}}, [5]),
    ({"v": {"$mod": [2, 1]}}, [0, 4]),
    ({"v": {"$not": {"$gt": 1}}}, [0, 2, 3, 5, 6]),
    ({"d": 2.5}, [2]),
    ({"d": {"$gt": 2}}, [2]),
    ({"s": {"$regex": "^lat", "$options": "i"}}, [0]),
    ({"s": Regex("MOCHA", "i")}, [1]),
    ({"s": {"$in": [Regex("^L"), "mocha"]}}, [0, 1]),
    ({"s": {"$not": Regex("^L")}}, [1, 2, 3, 4, 5, 6]),
    ({"s": {"$gt": 5}}, []),
    ({"at": {"$lt": NOON + dt.timedelta(1)}}, [0]),
    ({"t": "y"}, [0, 1]),
    ({"t": ["x", "y"]}, [0]),
    ({"t": {"$all": ["x", "y"]}}, [0]),
    ({"t": {"$size": 0}}, [2]),
    ({"t.0": "x"}, [0]),
    ({"n": {"z": 5}}, [1]),
    ({"n.z": 5}, [1, 5]),
    ({"n.z": {"$exists": False}}, [0, 2, 3, 4]),
    ({"n.z": None}, [0, 2, 3, 4, 6]),
    ({"a.q": 2}, [3]),
    ({"a.q": 1, "a.w": 3}, [3, 4]),
    ({"a": {"$elemMatch": {"q": 1, "w": 3}}}, [4]),
    ({"a": {"$elemMatch": {"$or": [{"q": 2}, {"w": 9}]}}}, [3]),
    ({"v": {"$elemMatch": {"$gt": 5, "$lt": 8}}}, [4]),
    ({"a": {"$all": [{"$elemMatch": {"q": 1}}, {"$elemMatch": {"q": 2}}]}}, [3]),
    ({"m": [3]}, [4]),
    ({"$or": [{"v": 1}, {"s": "mocha"}]}, [0, 1, 4]),
    ({"$nor": [{"v": 1}, {"t": {"$exists": True}}]}, [3, 5, 6]),
    ({"$and": [{"v": {"$gt": 0}}, {"t": "y"}]}, [0, 1]),
]


@pytest.mark.parametrize(("query", "found"), FOUND, ids=[str(n) for n in range(len(FOUND))])
def test_a_query_finds_what_it_finds_in_mongodb(query: dict[str, Any], found: list[int]) -> None:
    fits = matcher(query)
    assert [each["_id"] for each in DOCUMENTS if fits(each)] == found


@pytest.mark.parametrize(
    "query",
    [{"v": {"$mod": [0, 1]}}, {"v": {"$size": -1}}, {"v": {"$type": "foo"}}, {"v": {"$regex": "("}}, {"v": {"$x": 1}}],
    ids=str,
)
def test_a_condition_that_cannot_be_read_is_refused(query: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        matcher(query)


def test_an_expression_that_never_ends_is_given_up() -> None:
    with pytest.raises(CommandError, match="time limit"):
        matcher({"s": {"$regex": "^(a|a)*$"}})({"s": "a" * 60 + "b"})

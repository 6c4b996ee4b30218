"""Equality, order and paths of values, and what a projection shows."""

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from infrastructure.embedded.engines.documents.errors import CommandError
from infrastructure.embedded.engines.documents.language import values
from infrastructure.embedded.engines.documents.language.projection import projected
from infrastructure.embedded.engines.documents.language.queries import checked_query

DOCUMENT: dict[str, Any] = {"_id": 1, "a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 1, "g": 2}, {"f": 3}, 4]}


def test_numbers_are_equal_whatever_their_type() -> None:
    assert len({values.key_of(each) for each in (1, 1.0, Int64(1), Decimal128("1.0"))}) == 1
    assert values.key_of({"a": [1]}) == values.key_of({"a": [1.0]})


def test_other_values_are_not_equal() -> None:
    different: list[Any] = [1, "1", True, None, [1], {"a": 1}, 1.5, Decimal128("1.1"), b"1", {"#": "1"}, float("inf")]
    assert len({values.key_of(each) for each in different}) == len(different)


def test_numbers_are_told_apart_by_their_last_digit() -> None:
    digits = "1." + "0" * 32
    different = [Decimal128(digits + "1"), Decimal128(digits + "2"), Decimal128("1E+6000"), Decimal128("1E+6001")]
    assert len({values.key_of(each) for each in different}) == len(different)
    assert values.key_of(Decimal128("10E+5999")) == values.key_of(Decimal128("1E+6000"))
    assert values.key_of(0) == values.key_of(-0.0) == values.key_of(Decimal128("-0E+3"))
    assert values.key_of(0.5) == values.key_of(Decimal128("0.50"))
    assert values.key_of(5e-324) != values.key_of(1e-323)


def test_a_path_leads_through_arrays() -> None:
    assert list(values.at(DOCUMENT, "b.c")) == [2]
    assert list(values.at(DOCUMENT, "e.f")) == [1, 3]
    assert list(values.at(DOCUMENT, "e.1.f")) == [3]
    assert list(values.at(DOCUMENT, "x.y")) == [values.MISSING]


def test_documents_are_sorted_by_type_and_value() -> None:
    mixed: list[dict[str, Any]] = [{"x": "b"}, {"x": 2}, {"x": None}, {"x": 1.5}, {}, {"x": "a"}]
    assert [each.get("x") for each in values.in_order(mixed, {"x": 1})] == [None, None, 1.5, 2, "a", "b"]
    assert [each.get("x") for each in values.in_order(mixed, {"x": -1})][:2] == ["b", "a"]


SHOWN: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "all": (None, DOCUMENT),
    "one": ({"a": 1}, {"_id": 1, "a": 1}),
    "without id": ({"a": 1, "_id": 0}, {"a": 1}),
    "the id alone": ({"_id": 1}, {"_id": 1}),
    "below": ({"b.c": 1, "_id": 0}, {"b": {"c": 2}}),
    "in an array": ({"e.f": 1, "_id": 0}, {"e": [{"f": 1}, {"f": 3}]}),
    "all but one": ({"e": 0, "b": 0}, {"_id": 1, "a": 1}),
    "all but one below": ({"e": 0, "b.c": 0}, {"_id": 1, "a": 1, "b": {"d": 3}}),
    "all but one in an array": ({"b": 0, "e.f": 0, "a": 0}, {"_id": 1, "e": [{"g": 2}, {}, 4]}),
    "all but the id": ({"_id": 0, "b": 0, "e": 0}, {"a": 1}),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_projection_shows_its_part(name: str) -> None:
    specification, shown = SHOWN[name]
    assert projected(specification)(DOCUMENT) == shown


def test_a_projection_is_either_or() -> None:
    with pytest.raises(CommandError):
        projected({"a": 1, "b": 0})
    with pytest.raises(CommandError):
        projected({"a": {"$slice": 1}})


@pytest.mark.parametrize(
    "query",
    [
        {"$foo": 1},
        {"a": {"$foo": 1}},
        {"$and": []},
        {"$or": [{"a": {"$near": 1}}]},
        {"a": {"$not": {"$foo": 1}}},
        {"a": {"$elemMatch": {"b": {"$foo": 1}}}},
        {"a": {"$in": 1}},
        {"$where": "true"},
        1,
    ],
    ids=str,
)
def test_a_condition_that_nobody_knows_is_refused(query: Any) -> None:
    with pytest.raises(CommandError):
        checked_query(query)

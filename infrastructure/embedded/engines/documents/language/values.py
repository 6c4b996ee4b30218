"""Values of documents: which ones a path leads to, which are equal, and in which order they stand.

What `mongomock` knows of MongoDB's comparison is taken from it; equality has keys of its own, for indexes.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

import bson
from bson.decimal128 import Decimal128
from mongomock.filtering import BsonComparable, resolve_sort_key

MISSING = object()
_EXACT = Context(prec=800)
"""Digits enough for every double, whose longest has 767 of them; a Decimal128 has 34."""


def key_of(value: Any) -> bytes:
    """The same bytes for values that are equal to MongoDB: 1, 1.0 and NumberDecimal("1") are."""
    return bson.encode({"": _plain(value)})


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, Mapping):
        return {"=": {name: _plain(each) for name, each in value.items()}}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _number(value: int | float | Decimal) -> Any:
    """One type for all numbers, told from a document, which has a name of its own in a key too."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return {"#": struct.pack("<d", value)}
        value = Decimal(value)
    found = Decimal(value)
    if not found.is_finite():
        return {"#": str(found)}
    shortest = found.normalize(_EXACT) or Decimal()  # without the sign of a zero
    return {"#": format(shortest, "f")}


def at(document: Any, path: str) -> Iterator[Any]:
    """All that a dotted path leads to, through arrays as well; `MISSING` where it ends before."""
    yield from _at(document, path.split("."))


def _at(value: Any, parts: Sequence[str]) -> Iterator[Any]:
    if not parts:
        yield value
    elif isinstance(value, Mapping):
        yield from _at(value[parts[0]], parts[1:]) if parts[0] in value else (MISSING,)
    elif isinstance(value, list):
        is_place = parts[0].isdigit() and int(parts[0]) < len(value)
        if is_place:
            yield from _at(value[int(parts[0])], parts[1:])
        for each in value:
            if isinstance(each, Mapping) and (parts[0] in each or not is_place):
                yield from _at(each, parts)
    else:
        yield MISSING


def found_by(document: Mapping[str, Any], path: str) -> set[bytes]:
    """The keys by which an equality on `path` finds the document: the values, an array's elements, null for missing."""
    found: set[bytes] = set()
    for value in at(document, path):
        found.add(key_of(None if value is MISSING else value))
        if isinstance(value, list):
            found.update(key_of(each) for each in value)
    return found or {key_of(None)}


def whole_key(document: Mapping[str, Any], paths: Sequence[str]) -> bytes:
    """What a unique index has once: the values of all its fields."""
    values = [[None if each is MISSING else each for each in at(document, path)] for path in paths]
    return key_of(values)


def in_order(documents: list[dict[str, Any]], order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents as a sort specification has them."""
    for path, direction in reversed(tuple(order.items())):
        documents = sorted(documents, key=lambda each: resolve_sort_key(path, each), reverse=direction < 0)
    return documents


def is_less(first: Any, second: Any) -> bool:
    """By MongoDB's order of types and values."""
    return bool(BsonComparable(first) < BsonComparable(second))

"""Whether a document fits a query: conditions made ready once, then asked of each document. Pure.

Source: https://www.mongodb.com/docs/manual/reference/operator/query/, with its comparison within one type alone.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import regex
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from infrastructure.embedded.engines.documents.errors import CommandError, bad_value
from infrastructure.embedded.engines.documents.language import values
from infrastructure.embedded.engines.documents.language.queries import has_operators
from infrastructure.embedded.engines.documents.language.values import MISSING

Document = Mapping[str, Any]
Fits = Callable[[Document], bool]
Test = Callable[[list[Any]], bool]
"""Asked of all that a path leads to."""

_REGEX_S = 1.0
"""For one text: an expression that takes longer would hold up everybody."""
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "x": regex.VERBOSE, "s": regex.DOTALL}
_BRACKETS: tuple[tuple[str, Any], ...] = (
    ("null", type(None)),
    ("bool", bool),
    ("number", (int, float, Decimal128)),
    ("string", str),
    ("object", Mapping),
    ("array", list),
    ("binData", bytes),
    ("objectId", ObjectId),
    ("date", dt.datetime),
    ("timestamp", Timestamp),
    ("regex", Regex),
)
_TYPES = {1: "double", 2: "string", 3: "object", 4: "array", 5: "binData", 7: "objectId", 8: "bool", 9: "date"}
_TYPES |= {10: "null", 11: "regex", 16: "int", 17: "timestamp", 18: "long", 19: "decimal"}
_INT32 = 1 << 31


def matcher(query: Document) -> Fits:
    """What says of a document whether it fits; `CommandError` for a condition that cannot be read."""
    parts = [_part(name, value) for name, value in query.items()]
    return lambda document: all(fits(document) for fits in parts)


def _part(name: str, value: Any) -> Fits:
    if name in ("$and", "$or", "$nor"):
        parts = [matcher(each) for each in value]
        if name == "$and":
            return lambda document: all(fits(document) for fits in parts)
        return lambda document: any(fits(document) for fits in parts) is (name == "$or")
    test = _condition(value)
    return lambda document: test(list(values.at(document, name)))


def _condition(value: Any) -> Test:
    if isinstance(value, Regex):
        return _matches(value.pattern, _options(value))
    if not has_operators(value):
        return _equal(value)
    tests = [_operator(name, operand, value) for name, operand in value.items() if name != "$options"]
    return lambda found: all(test(found) for test in tests)


def _operator(name: str, operand: Any, among: Document) -> Test:
    if name == "$regex":
        pattern = operand.pattern if isinstance(operand, Regex) else operand
        own = _options(operand) if isinstance(operand, Regex) else ""
        return _matches(pattern, str(among.get("$options", own)))
    if name not in _OPERATORS:
        raise bad_value(f"unknown operator: {name}")
    return _OPERATORS[name](operand)


def _each(found: list[Any]) -> Iterator[Any]:
    """What a condition may be true of: the values themselves, and an array's elements."""
    for value in found:
        yield value
        if isinstance(value, list):
            yield from value


def _equal(wanted: Any) -> Test:
    key = values.key_of(wanted)
    if wanted is None:
        return lambda found: not found or any(each is MISSING or each is None for each in _each(found))
    return lambda found: any(each is not MISSING and values.key_of(each) == key for each in _each(found))


def _in(wanted: list[Any]) -> Test:
    tests = [_condition(each) if isinstance(each, Regex) else _equal(each) for each in wanted]
    return lambda found: any(test(found) for test in tests)


def _not(test: Test) -> Test:
    return lambda found: not test(found)


def _compared(is_right: Callable[[int], bool]) -> Callable[[Any], Test]:
    def of(wanted: Any) -> Test:
        kind = bracket(wanted)

        def fits(found: list[Any]) -> bool:
            return any(bracket(each) == kind and is_right(_order(each, wanted)) for each in _each(found))

        return fits

    return of


def bracket(value: Any) -> str:
    """The kind that a value is compared within; empty for what is not there."""
    return next((name for name, types in _BRACKETS if isinstance(value, types)), "")


def _order(first: Any, second: Any) -> int:
    if bracket(first) in ("object", "array"):
        return int(values.is_less(second, first)) - int(values.is_less(first, second))
    if bracket(first) == "null":
        return 0
    if isinstance(first, Decimal128) or isinstance(second, Decimal128):
        first, second = _exact(first), _exact(second)
    return int(first > second) - int(first < second) if first == first and second == second else 2


def _exact(value: Any) -> Decimal:
    return value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)


def _exists(wanted: Any) -> Test:
    return lambda found: any(each is not MISSING for each in found) is bool(wanted)


def _type(wanted: Any) -> Test:
    asked = wanted if isinstance(wanted, list) else [wanted]
    names = {_TYPES.get(int(each), "") if isinstance(each, int | float) else str(each) for each in asked}
    unknown = names - {*_TYPES.values(), "number"}
    if unknown:
        raise bad_value(f"Unknown type name alias: {min(unknown)}")
    return lambda found: any(names & _types_of(each) for each in _each(found))


def _types_of(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"bool"}
    if isinstance(value, int):
        is_int = type(value) is int and -_INT32 <= value < _INT32
        return {"number", "int" if is_int else "long"}
    if isinstance(value, float):
        return {"number", "double"}
    return {"number", "decimal"} if isinstance(value, Decimal128) else {bracket(value)}


def _modulo(operand: Any) -> Test:
    if not isinstance(operand, list) or len(operand) != 2 or not operand[0]:
        raise bad_value("malformed mod, it needs a divisor that is not 0 and a remainder")
    divisor, remainder = int(operand[0]), int(operand[1])

    def is_it(value: Any) -> bool:
        return bracket(value) == "number" and not isinstance(value, Decimal128) and _rest(value, divisor) == remainder

    return lambda found: any(is_it(each) for each in _each(found))


def _rest(value: float, divisor: int) -> int:
    """Of the truncated value, with its sign, as in C."""
    rest = abs(int(value)) % abs(divisor)
    return -rest if value < 0 else rest


def _size(wanted: Any) -> Test:
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or wanted != int(wanted) or wanted < 0:
        raise bad_value("$size needs a whole number that is not negative")
    return lambda found: any(isinstance(each, list) and len(each) == wanted for each in found)


def _all(wanted: list[Any]) -> Test:
    tests = [_condition(each) for each in wanted]
    return lambda found: bool(tests) and all(test(found) for test in tests)


def _element(condition: Document) -> Test:
    if any(name.startswith("$") and name not in ("$and", "$or", "$nor") for name in condition):
        test = _condition(condition)
        return lambda found: any(test([each]) for array in found if isinstance(array, list) for each in array)
    fits = matcher(condition)
    return lambda found: any(
        fits(each) for array in found if isinstance(array, list) for each in array if isinstance(each, Mapping)
    )


def _matches(pattern: Any, options: str) -> Test:
    try:
        flags = 0
        for each in options:
            flags |= _FLAGS[each]
        compiled = regex.compile(pattern, flags)
    except (regex.error, KeyError, TypeError) as problem:
        raise CommandError(51091, f"Regular expression is invalid: {problem}") from problem

    def fits(found: list[Any]) -> bool:
        try:
            texts = [each for each in _each(found) if isinstance(each, str)]
            return any(compiled.search(each, timeout=_REGEX_S) for each in texts)
        except TimeoutError as slow:
            raise CommandError(50, f"operation exceeded time limit: the regular expression {pattern!r}") from slow

    return fits


def _options(expression: Regex[Any]) -> str:
    pairs = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.VERBOSE, "x"), (re.DOTALL, "s"))
    return "".join(letter for flag, letter in pairs if expression.flags & flag)


_OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "$eq": lambda wanted: _condition(wanted) if isinstance(wanted, Regex) else _equal(wanted),
    "$ne": lambda wanted: _not(_equal(wanted)),
    "$in": _in,
    "$nin": lambda wanted: _not(_in(wanted)),
    "$gt": _compared(lambda order: order == 1),
    "$gte": _compared(lambda order: order in (0, 1)),
    "$lt": _compared(lambda order: order == -1),
    "$lte": _compared(lambda order: order in (-1, 0)),
    "$not": lambda condition: _not(_condition(condition)),
    "$exists": _exists,
    "$type": _type,
    "$mod": _modulo,
    "$size": _size,
    "$all": _all,
    "$elemMatch": _element,
}

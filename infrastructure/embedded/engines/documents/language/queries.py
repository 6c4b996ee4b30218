"""Which conditions of a query are known: one that is not would fit nothing, or everything, in silence."""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.engines.documents.errors import bad_value, not_provided

_OPERATORS = frozenset(
    [
        "$all",
        "$elemMatch",
        "$eq",
        "$exists",
        "$gt",
        "$gte",
        "$in",
        "$lt",
        "$lte",
        "$mod",
        "$ne",
        "$nin",
        "$not",
        "$options",
        "$regex",
        "$size",
        "$type",
    ]
)
_LOGICAL = frozenset({"$and", "$or", "$nor"})
_DOCUMENTDB = frozenset(
    [
        "$bitsAllClear",
        "$bitsAllSet",
        "$bitsAnyClear",
        "$bitsAnySet",
        "$comment",
        "$expr",
        "$geoIntersects",
        "$geoWithin",
        "$jsonSchema",
        "$near",
        "$nearSphere",
        "$text",
        "$where",
    ]
)
_MOST_DEPTH = 100


def has_operators(value: Any) -> bool:
    """Whether a condition, or an update, says what is to be done rather than what is to be there."""
    return isinstance(value, Mapping) and any(name.startswith("$") for name in value)


def checked_query(query: Any, depth: int = 0) -> dict[str, Any]:
    """The query, each operator in it known; `CommandError` else."""
    if query is None:
        return {}
    if not isinstance(query, Mapping):
        raise bad_value(f"a query must be a document, but is of type {type(query).__name__}")
    if depth > _MOST_DEPTH:
        raise bad_value(f"a query may be {_MOST_DEPTH} documents deep")
    for name, value in query.items():
        if name in _LOGICAL:
            if not isinstance(value, list) or not value:
                raise bad_value(f"{name} must be a nonempty array")
            for each in value:
                checked_query(each, depth + 1)
        elif name.startswith("$"):
            raise _unknown(name)
        else:
            _condition(value, depth + 1)
    return dict(query)


def _condition(value: Any, depth: int) -> None:
    if not has_operators(value):
        return
    for name, operand in value.items():
        if name not in _OPERATORS:
            raise _unknown(name)
        if name == "$not":
            _condition(operand, depth + 1)
        elif name == "$elemMatch":
            if isinstance(operand, Mapping) and any(each in _OPERATORS for each in operand):
                _condition(operand, depth + 1)
            else:
                checked_query(operand, depth + 1)
        elif name in ("$in", "$nin", "$all") and not isinstance(operand, list):
            raise bad_value(f"{name} needs an array")


def _unknown(name: str) -> Exception:
    return not_provided(f"the query operator {name}") if name in _DOCUMENTDB else bad_value(f"unknown operator: {name}")

"""What $push and its modifiers make of an array. Pure."""

import copy
from typing import Any

from infrastructure.embedded.engines.documents.errors import CommandError
from infrastructure.embedded.engines.documents.language.values import in_order

_MODIFIERS = frozenset({"$each", "$position", "$sort", "$slice"})


def pushed(array: list[Any], value: Any) -> list[Any]:
    """The array with `value`, or the elements of its `$each`, added."""
    if not isinstance(value, dict) or "$each" not in value:
        return [*array, copy.deepcopy(value)]
    unknown = value.keys() - _MODIFIERS
    if unknown:
        raise CommandError(2, f"Unrecognized clause in $push: {min(unknown)}")
    position = value.get("$position", len(array))
    found = [*array[:position], *copy.deepcopy(value["$each"]), *array[position:]]
    if "$sort" in value:
        found = _sorted(found, value["$sort"])
    limit = value.get("$slice")
    if limit is None:
        return found
    return found[limit:] if limit < 0 else found[:limit]


def _sorted(array: list[Any], order: Any) -> list[Any]:
    if isinstance(order, dict):
        return in_order(array, order)
    return [each["x"] for each in in_order([{"x": each} for each in array], {"x": order})]

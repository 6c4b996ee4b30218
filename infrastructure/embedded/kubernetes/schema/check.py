"""Whether a document is of its type: which fields it has that the type has not, and which are of another type.

The words are those of the API server's decoder, which knows no more of an object than its types.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.embedded.kubernetes.schema import types
from infrastructure.embedded.kubernetes.schema.types import Field
from infrastructure.embedded.kubernetes.store import quantity

_IGNORED = frozenset({"managedFields"})
_GO = {"boolean": "bool", "integer": "int32", "number": "float64", "bytes": "[]uint8"}
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "time": (str,),
    "bytes": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "intorstring": (int, str),
}


class WrongType(ValueError):
    """A value is not of its field's type; the text is the decoder's."""


def unknown(of: Mapping[str, Any], type_name: str) -> list[str]:
    """Where the object has fields that its type has not. `WrongType` for a value that cannot be read at all."""
    return list(_unknown(of, type_name, ""))


def _unknown(of: Mapping[str, Any], type_name: str, at: str) -> Iterator[str]:
    fields = types.fields(type_name)
    if fields is None:
        return
    for name, value in of.items():
        place = f"{at}.{name}" if at else name
        field = fields.get(name)
        if field is None:
            yield place
        elif value is not None and name not in _IGNORED:
            yield from _inside(value, field, place, type_name)


def _inside(value: Any, field: Field, at: str, parent: str) -> Iterator[str]:
    if field.shape == "[":
        if not isinstance(value, list):
            raise _wrong(value, f"[]{field.type}", at, parent)
        for number, each in enumerate(value):
            yield from _one(each, field, f"{at}[{number}]", parent)
    elif field.shape == "{":
        if not isinstance(value, Mapping):
            raise _wrong(value, f"map[string]{field.type}", at, parent)
        for name, each in value.items():
            yield from _one(each, field, f"{at}.{name}", parent)
    else:
        yield from _one(value, field, at, parent)


def _one(value: Any, field: Field, at: str, parent: str) -> Iterator[str]:
    if field.type == "any" or value is None:
        return
    if field.type == "quantity":
        if not quantity.is_quantity(value):
            raise WrongType(
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            )
        return
    allowed = _PYTHON.get(field.type)
    if allowed is None:
        if not isinstance(value, Mapping):
            raise _wrong(value, f"v1.{field.type}", at, parent)
        yield from _unknown(value, field.type, at)
    elif not isinstance(value, allowed) or (isinstance(value, bool) and field.type != "boolean"):
        raise _wrong(value, _GO.get(field.type, field.type), at, parent)


def _wrong(value: Any, wanted: str, at: str, parent: str) -> WrongType:
    given = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}.get(type(value), "object")
    return WrongType(f"json: cannot unmarshal {given} into Go struct field {parent}.{at} of type {wanted}")


def pruned(of: Any, type_name: str) -> Any:
    """The object without what its type has no field for, and without what is null."""
    fields = types.fields(type_name)
    if fields is None or not isinstance(of, Mapping):
        return of
    return {
        name: _pruned_value(value, fields[name]) for name, value in of.items() if name in fields and value is not None
    }


def _pruned_value(value: Any, field: Field) -> Any:
    if field.shape == "[":
        return [pruned(each, field.type) for each in value]
    if field.shape == "{":
        return {name: pruned(each, field.type) for name, each in value.items()}
    return pruned(value, field.type)


def missing(of: Any, type_name: str, at: str = "") -> Iterator[str]:
    """Where a required member is not there, as far as the object goes."""
    fields = types.fields(type_name)
    if fields is None or not isinstance(of, Mapping):
        return
    for name, field in fields.items():
        place = f"{at}.{name}" if at else name
        value = of.get(name)
        if value is None:
            if field.is_required:
                yield place
        elif field.shape == "[":
            for number, each in enumerate(value):
                yield from missing(each, field.type, f"{place}[{number}]")
        elif not field.shape:
            yield from missing(value, field.type, place)

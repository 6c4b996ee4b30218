"""What is wrong with members that do not fit their shape. `fitness` says whether they do; this says why not.

Nothing here is on the way of a call that is as it should be, so it walks the model instead of being compiled.
"""

from collections.abc import Iterator, Mapping, Sized
from datetime import datetime
from typing import Any, NamedTuple

from infrastructure.embedded.gateway.checks.patterns import is_base64, is_moment, pattern


class Problem(NamedTuple):
    """What is wrong with one member. `kind`: missing, type, unknown or constraint."""

    kind: str
    path: str
    value: object
    constraint: str


def problems(shape: Any, value: Any, path: str = "") -> Iterator[Problem]:
    """Everything that is wrong with `value` as one of `shape`, where it stands below the operation's input."""
    match shape.type_name:
        case "structure":
            yield from _of_structure(shape, value, path)
        case "list" if isinstance(value, list):
            yield from _of_length(shape, value, value, path)
            for number, each in enumerate(value, 1):
                if each is not None:
                    yield from problems(shape.member, each, f"{path}.{number}.member")
        case "map" if isinstance(value, Mapping):
            yield from _of_length(shape, value, value, path)
            for key, each in value.items():
                yield from problems(shape.key, key, f"{path}.{key}.key")
                if each is not None:
                    yield from problems(shape.value, each, f"{path}.{key}")
        case _:
            yield from _of_leaf(shape, value, path)


def _of_leaf(shape: Any, value: Any, path: str) -> Iterator[Problem]:
    match shape.type_name:
        case "string" | "character" if isinstance(value, str):
            yield from _of_string(shape, value, path)
        case "integer" | "long" | "float" | "double" if _is_number(shape, value):
            yield from _of_number(shape, float(value), path)
        case "boolean" if isinstance(value, bool):
            return
        case "blob" if isinstance(value, bytes) or (isinstance(value, str) and is_base64(value)):
            raw = value if isinstance(value, bytes) else range(len(value) // 4 * 3 - value[-2:].count("="))
            yield from _of_length(shape, raw, value, path)
        case "timestamp" if isinstance(value, datetime) or is_moment(value) or _is_number(None, value):
            return
        case kind:
            named = type(value).__name__.upper() + " " if kind == "string" else ""
            yield Problem("type", path, value, f"{named}can not be converted to {_KINDS.get(kind, kind)}")


_KINDS = {"string": "a String", "list": "a list", "map": "a map", "boolean": "a Boolean", "blob": "a Blob"}


def _of_structure(shape: Any, value: Any, path: str) -> Iterator[Problem]:
    if shape.is_document_type:
        return
    if not isinstance(value, Mapping):
        yield Problem("type", path, value, "can not be converted to a structure")
        return
    for name, given in value.items():
        if name not in shape.members:
            yield Problem("unknown", f"{path}.{name}" if path else name, given, ", ".join(shape.members))
        elif given is not None:
            yield from problems(shape.members[name], given, _below(path, name))
    for name in shape.required_members:
        if value.get(name) is None:
            yield Problem("missing", _below(path, name), None, "Member must not be null")


def _below(path: str, name: str) -> str:
    """AWS names members with a small first letter."""
    inner = name[:1].lower() + name[1:]
    return f"{path}.{inner}" if path else inner


def _of_string(shape: Any, value: str, path: str) -> Iterator[Problem]:
    yield from _of_length(shape, value, value, path)
    if shape.enum and value not in shape.enum:
        yield _broken(path, value, f"satisfy enum value set: [{', '.join(shape.enum)}]")
    regular = pattern(shape.metadata.get("pattern"))
    if regular is not None and not regular.search(value):
        yield _broken(path, value, f"satisfy regular expression pattern: {shape.metadata['pattern']}")


def _of_length(shape: Any, sized: Sized, value: object, path: str) -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and len(sized) < least:
        yield _broken(path, value, f"have length greater than or equal to {least}")
    if most is not None and len(sized) > most:
        yield _broken(path, value, f"have length less than or equal to {most}")


def _of_number(shape: Any, value: float, path: str) -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _broken(path, value, f"have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _broken(path, value, f"have value less than or equal to {most}")


def _is_number(shape: Any, value: object) -> bool:
    """Whether it is one that the shape can hold; for a floating-point one also what JSON has no literal for."""
    if isinstance(value, bool):
        return False
    if shape is None or shape.type_name in ("float", "double"):
        return isinstance(value, (int, float)) or value in ("NaN", "Infinity", "-Infinity")
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return is_whole and -(2**63) <= value < 2**63  # type: ignore[operator]  # a number, as was just seen


def _broken(path: str, value: object, constraint: str) -> Problem:
    return Problem("constraint", path, value, f"Member must {constraint}")

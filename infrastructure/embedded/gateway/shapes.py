"""A shape of botocore's models as a check that says what is wrong: compiled once per shape into closures.

Most requests are as they should be, which `fitness` says at once. Each check adds what it finds to the list it gets.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from botocore.model import Shape

from infrastructure.embedded.gateway.patterns import is_base64, is_moment
from infrastructure.embedded.gateway.patterns import pattern as pattern_of


class Problem(NamedTuple):
    """What is wrong with one member. `kind`: missing, type, unknown or constraint."""

    kind: str
    path: str
    value: object
    constraint: str


Check = Callable[[Any, str, list[Problem]], None]

_compiled_shapes: dict[int, Check] = {}


def compiled(shape: Shape) -> Check:
    """The check of a shape. Shapes may contain themselves, so what is inside is compiled when it is first met."""
    known = _compiled_shapes.get(id(shape))
    if known is None:
        known = _compiled_shapes[id(shape)] = _COMPILERS.get(shape.type_name, _anything)(shape)
        _kept.append(shape)
    return known


_kept: list[Shape] = []
"""The shapes that were compiled: an `id` may be given again to what comes after them."""


def _anything(_shape: Shape) -> Check:
    return lambda _value, _path, _problems: None


def _structure(shape: Any) -> Check:
    if shape.metadata.get("document") or shape.is_document_type:
        return _anything(shape)
    required = tuple(shape.required_members)
    members = dict(shape.members)
    checks: dict[str, tuple[str, Check]] = {}

    def check_structure(value: Any, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, Mapping):
            problems.append(Problem("type", path, value, "can not be converted to a structure"))
            return
        for name, given in value.items():
            found = checks.get(name)
            if found is None:
                member = members.get(name)
                if member is None:
                    problems.append(Problem("unknown", f"{path}.{name}" if path else name, given, ", ".join(members)))
                    continue
                found = checks[name] = (name[:1].lower() + name[1:], compiled(member))
            if given is not None:
                found[1](given, f"{path}.{found[0]}" if path else found[0], problems)
        for name in required:
            if value.get(name) is None:
                inner = name[:1].lower() + name[1:]
                problems.append(
                    Problem("missing", f"{path}.{inner}" if path else inner, None, "Member must not be null")
                )

    return check_structure


def _list(shape: Any) -> Check:
    length = _length(shape)
    inner: list[Check] = []

    def check_list(value: Any, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, list):
            problems.append(Problem("type", path, value, "can not be converted to a list"))
            return
        length(value, path, problems)
        if not inner:
            inner.append(compiled(shape.member))
        for number, each in enumerate(value, 1):
            if each is not None:
                inner[0](each, f"{path}.{number}.member", problems)

    return check_list


def _map(shape: Any) -> Check:
    length = _length(shape)
    inner: list[Check] = []

    def check_map(value: Any, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, Mapping):
            problems.append(Problem("type", path, value, "can not be converted to a map"))
            return
        length(value, path, problems)
        if not inner:
            inner.extend((compiled(shape.key), compiled(shape.value)))
        key_check, value_check = inner
        for key, each in value.items():
            key_check(key, f"{path}.{key}.key", problems)
            if each is not None:
                value_check(each, f"{path}.{key}", problems)

    return check_map


def _string(shape: Any) -> Check:
    length = _length(shape)
    pattern = pattern_of(shape.metadata.get("pattern"))
    allowed = frozenset(shape.enum)
    said = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    is_free = pattern is None and not allowed

    def check_string(value: Any, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, str):
            kind = type(value).__name__.upper()
            problems.append(Problem("type", path, value, f"{kind} can not be converted to a String"))
            return
        length(value, path, problems)
        if is_free:
            return
        if allowed and value not in allowed:
            problems.append(Problem("constraint", path, value, said))
        if pattern is not None and not pattern.search(value):
            regular = shape.metadata["pattern"]
            said_pattern = f"Member must satisfy regular expression pattern: {regular}"
            problems.append(Problem("constraint", path, value, said_pattern))

    return check_string


def _number(shape: Any) -> Check:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    is_whole = shape.type_name in ("integer", "long")
    kinds = (int,) if is_whole else (int, float)

    def check_number(value: Any, path: str, problems: list[Problem]) -> None:
        if isinstance(value, bool) or not isinstance(value, kinds):
            if not (is_whole and isinstance(value, float) and value.is_integer()) and not _is_special(value, is_whole):
                problems.append(Problem("type", path, value, f"can not be converted to {shape.type_name}"))
            return
        if is_whole and not -(2**63) <= value < 2**63:
            problems.append(Problem("type", path, value, f"can not be converted to {shape.type_name}"))
        if least is not None and value < least:
            said = f"Member must have value greater than or equal to {least}"
            problems.append(Problem("constraint", path, value, said))
        if most is not None and value > most:
            said = f"Member must have value less than or equal to {most}"
            problems.append(Problem("constraint", path, value, said))

    return check_number


def _is_special(value: object, is_whole: bool) -> bool:
    """A floating-point number that JSON has no literal for."""
    return not is_whole and value in ("NaN", "Infinity", "-Infinity")


def _boolean(_shape: Shape) -> Check:
    def check_boolean(value: Any, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, bool):
            problems.append(Problem("type", path, value, "can not be converted to a Boolean"))

    return check_boolean


def _blob(shape: Any) -> Check:
    length = _length(shape)

    def check_blob(value: Any, path: str, problems: list[Problem]) -> None:
        if isinstance(value, str) and is_base64(value):
            raw: Any = range(len(value) // 4 * 3 - value[-2:].count("="))  # as long as what it stands for
            length(raw, path, problems)
        elif isinstance(value, (bytes, bytearray)):
            length(value, path, problems)
        else:
            problems.append(Problem("type", path, value, "can not be converted to a Blob"))

    return check_blob


def _timestamp(_shape: Shape) -> Check:
    def check_timestamp(value: Any, path: str, problems: list[Problem]) -> None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number and not isinstance(value, datetime) and not is_moment(value):
            problems.append(Problem("type", path, value, "can not be converted to a Timestamp"))

    return check_timestamp


def _length(shape: Any) -> Check:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is None and most is None:
        return _anything(shape)

    def check_length(value: Any, path: str, problems: list[Problem]) -> None:
        if least is not None and len(value) < least:
            said = f"Member must have length greater than or equal to {least}"
            problems.append(Problem("constraint", path, value, said))
        if most is not None and len(value) > most:
            said = f"Member must have length less than or equal to {most}"
            problems.append(Problem("constraint", path, value, said))

    return check_length


_COMPILERS: Mapping[str, Callable[[Any], Check]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "blob": _blob,
    "timestamp": _timestamp,
}

"""Every request is held against botocore's service model before anybody acts on it, and refused as AWS refuses it.

Checked: required, type, length, range, pattern, enumeration, unknown members. Most requests are as they should be,
which `fitness` says at once; this says what is wrong with the others. Wording: what AWS's own services answer
("1 validation error detected: Value … at '…' failed to satisfy constraint: …").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from botocore.model import OperationModel, Shape

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.fitness import fits
from infrastructure.embedded.gateway.patterns import is_base64, is_moment
from infrastructure.embedded.gateway.patterns import pattern as pattern_of
from infrastructure.embedded.gateway.refused import Refused

_CODES: Mapping[str, str] = {
    "json": "ValidationException",
    "rest-json": "ValidationException",
    "query": "ValidationError",
    "ec2": "InvalidParameterValue",
    "rest-xml": "InvalidArgument",
}
_SHOWN = 100
"""Characters of a refused value that are repeated."""


class Problem(NamedTuple):
    """What is wrong with one member. `kind`: missing, type, unknown or constraint."""

    kind: str
    path: str
    value: object
    constraint: str


Check = Callable[[Any, str, list[Problem]], None]


def check(api: Api, of: OperationModel, given: Mapping[str, Any]) -> None:
    """Raise `Refused` when `given` is not what the operation takes."""
    shape = of.input_shape
    if shape is None or fits(shape)(given):
        return
    problems: list[Problem] = []
    _compiled(shape)(given, "", problems)
    if problems:
        raise _refusal(api, problems)


def check_form(api: Api, of: OperationModel, names: Iterable[str]) -> None:
    """Raise `Refused` for a flat member of a query protocol that the operation does not have."""
    for name in names:
        if name not in ("Action", "Version") and not _is_member(of.input_shape, name.split("."), api.protocol == "ec2"):
            code = "UnknownParameter" if api.protocol == "ec2" else _code(api)
            raise Refused(code, f"The parameter {name} is not recognized")


def _is_member(shape: Shape | None, segments: list[str], is_ec2: bool) -> bool:
    if not segments:
        return True
    if shape is None:
        return False
    head, *rest = segments
    if shape.type_name == "structure":
        for name, member in shape.members.items():  # type: ignore[attr-defined]
            wire = member.serialization.get("name", name)
            if is_ec2:
                wire = member.serialization.get("queryName") or wire[:1].upper() + wire[1:]
            flat = member.serialization.get("flattened") and member.type_name == "list"
            if head in (wire, member.member.serialization.get("name", wire) if flat else wire):
                return _is_member(member, rest, is_ec2)
        return False
    if shape.type_name == "list":
        if not head.isdigit():  # `member`, or the list's own name for its items
            head, *rest = rest or [""]
        return (head.isdigit() and _is_member(shape.member, rest, is_ec2)) or not head  # type: ignore[attr-defined]
    if shape.type_name == "map":
        return any(segment.isdigit() for segment in segments)
    return False


def check_document(api: Api, of: OperationModel, document: object) -> None:
    """Raise `Refused` for a member of a REST body that the operation does not have."""
    if of.input_shape is None or of.input_shape.serialization.get("payload"):
        return
    unknown = next(_unknown(of.input_shape, document, ""), None)
    if unknown is not None:
        raise Refused(_code(api), f"Unknown parameter in input: {unknown!r}")


def _unknown(shape: Any, value: object, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and shape.type_name == "structure" and not shape.is_document_type:
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, inner in value.items():
            if name in members:
                yield from _unknown(members[name], inner, f"{path}{name}.")
            else:
                yield f"{path}{name}"
    elif isinstance(value, Mapping) and shape.type_name == "map":
        for name, inner in value.items():
            yield from _unknown(shape.value, inner, f"{path}{name}.")
    elif isinstance(value, list) and shape.type_name == "list":
        for inner in value:
            yield from _unknown(shape.member, inner, path)


def _code(api: Api) -> str:
    return api.invalid or _CODES[api.protocol]


def _refusal(api: Api, problems: list[Problem]) -> Refused:
    first = problems[0]
    if first.kind == "type":
        code = "SerializationException" if "json" in api.protocol else _code(api)
        return Refused(code, f"{first.path}: {_shown(first.value)} {first.constraint}")
    if first.kind == "unknown":
        return Refused(_code(api), f"Unknown parameter in input: {first.path!r}, must be one of: {first.constraint}")
    if first.kind == "missing" and api.missing:
        return Refused(api.missing, f"The request must contain the parameter {first.path[:1].upper()}{first.path[1:]}.")
    found = [p for p in problems if p.kind in ("constraint", "missing")]
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
    return Refused(_code(api), count + "; ".join(_said(problem) for problem in found))


def _said(problem: Problem) -> str:
    value = "null" if problem.kind == "missing" else f"'{_shown(problem.value)}'"
    return f"Value {value} at '{problem.path}' failed to satisfy constraint: {problem.constraint}"


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# --- shapes as checks ------------------------------------------------------------------------------------------------

_compiled_shapes: dict[int, Check] = {}


def _compiled(shape: Shape) -> Check:
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
                found = checks[name] = (name[:1].lower() + name[1:], _compiled(member))
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
            inner.append(_compiled(shape.member))
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
            inner.extend((_compiled(shape.key), _compiled(shape.value)))
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

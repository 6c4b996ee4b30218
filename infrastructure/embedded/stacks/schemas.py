"""AWS's own schema of each resource type: what its properties are, and which make another resource when they change.

The schemas are cfn-lint's data, read one type at a time when a template uses it (0.2 ms each, 1 ms for the index);
cfn-lint itself is not imported, which would take a second. What is checked: unknown, read-only and missing properties,
types, enumerations and bounds, all the way down. Not checked: patterns, whose dialect is not Python's, and
combinations (`oneOf` and the like). Values are as lenient as on AWS: "80" is a number, "true" a truth.
Source: AWS CloudFormation CLI User Guide, "Resource type schema".
"""

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from infrastructure.embedded.stacks.errors import Unchangeable
from infrastructure.embedded.stacks.resource_type import Properties

_REGION = "us-east-1"
"""The one that has all types."""
_Schema = Mapping[str, Any]
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeSchema:
    """One type's schema."""

    document: _Schema
    properties: frozenset[str]
    create_only: frozenset[str]
    """Properties of which every change makes another resource."""
    fixed_parts: Mapping[str, tuple[tuple[str, ...], ...]]
    """Of properties that are not such as a whole the parts that are, as the names that lead to them."""
    read_only: frozenset[str]

    def makes_another(self, name: str, before: Any, after: Any) -> bool:
        """Whether a change of the property `name` makes another resource; None stands for one that is not given."""
        parts = self.fixed_parts.get(name, ())
        return name in self.create_only or any(_part(before, each) != _part(after, each) for each in parts)


def check(logical_id: str, kind: str, properties: Properties) -> None:
    """`Unchangeable`, in CloudFormation's words, when `properties` are not what AWS's schema of the type allows."""
    problems = list(_problems(schema_of(kind), properties))
    if problems:
        listed = "\n".join(problems)
        raise Unchangeable(f"Properties validation failed for resource {logical_id} with message: {listed}")


@cache
def schema_of(kind: str) -> TypeSchema:
    """The schema of a type; `KeyError` when AWS has no such type."""
    document = orjson.loads((_folder() / "resources" / f"{_index()[kind]}.json").read_bytes())
    create_only = document.get("createOnlyProperties", ())
    return TypeSchema(
        document=document,
        properties=frozenset(document["properties"]),
        create_only=frozenset(_whole(create_only)),
        fixed_parts=_parts(create_only),
        read_only=frozenset(_whole(document.get("readOnlyProperties", ()))),
    )


@cache
def _folder() -> Path:
    found = importlib.util.find_spec("cfnlint")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("cfn-lint is missing: its data are AWS's schemas of resource types")
    return Path(found.origin).parent / "data" / "schemas"


@cache
def _index() -> Mapping[str, str]:
    index: Mapping[str, str] = orjson.loads((_folder() / "providers" / f"{_REGION}.json").read_bytes())
    return index


def _whole(pointers: list[str]) -> Iterator[str]:
    """Properties that are meant as a whole: of `/properties/Endpoint/Address` only a part is."""
    return (pointer.split("/")[2] for pointer in pointers if pointer.count("/") == 2)


def _parts(pointers: list[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for pointer in pointers:
        _, _, name, *path = pointer.split("/")
        if path:
            found[name] = (*found.get(name, ()), tuple(path))
    return found


def _part(value: Any, path: tuple[str, ...]) -> Any:
    """What the path leads to; what is no object, as a value that only an update can tell, is its own part."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else value
    return value


def _problems(schema: TypeSchema, properties: Properties) -> Iterator[str]:
    for name in sorted(set(properties) & schema.read_only):
        yield f"#: extraneous key [{name}] is not permitted"
    yield from _wrong(schema.document, schema.document, properties, "#")


def _wrong(root: _Schema, schema: _Schema, value: Any, where: str) -> Iterator[str]:
    while "$ref" in schema:
        schema = _referred(root, schema["$ref"])
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if kinds and not any(_is(kind, value) for kind in kinds):
        yield f"{where}: expected type: {kinds[0].capitalize()}, found: {_kind(value).capitalize()}"
    elif isinstance(value, Mapping):
        yield from _wrong_object(root, schema, value, where)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _wrong(root, schema.get("items", {}), each, f"{where}/{number}")
    else:
        yield from _wrong_scalar(schema, value, where)


def _wrong_object(root: _Schema, schema: _Schema, value: Properties, where: str) -> Iterator[str]:
    known = schema.get("properties", {})
    is_open = schema.get("additionalProperties", True) is not False or "patternProperties" in schema
    for name, each in value.items():
        if name in known:
            yield from _wrong(root, known[name], each, f"{where}/{name}")
        elif not is_open:
            yield f"{where}: extraneous key [{name}] is not permitted"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}: required key [{name}] not found"


def _wrong_scalar(schema: _Schema, value: Any, where: str) -> Iterator[str]:
    text = _text(value)
    if "enum" in schema and text not in map(_text, schema["enum"]):
        yield f"{where}: #: {text} is not a valid enum value"
    if "minimum" in schema and float(value) < schema["minimum"]:
        yield f"{where}: {text} is not greater or equal to {schema['minimum']}"
    if "maximum" in schema and float(value) > schema["maximum"]:
        yield f"{where}: {text} is not less or equal to {schema['maximum']}"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _referred(root: _Schema, pointer: str) -> _Schema:
    found: Any = root
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    schema: _Schema = found
    return schema


def _is(kind: str, value: Any) -> bool:
    match kind:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return not isinstance(value, Mapping | list)
        case "boolean":
            return isinstance(value, bool) or str(value).lower() in ("true", "false")
        case "integer" | "number":
            return not isinstance(value, Mapping | list | bool) and _is_number(str(value), is_whole=kind == "integer")
    return True


def _is_number(text: str, *, is_whole: bool) -> bool:
    try:
        return float(text).is_integer() if is_whole else bool(float(text) is not None)
    except (ValueError, OverflowError):
        return False


def _kind(value: Any) -> str:
    match value:
        case Mapping():
            return "object"
        case list():
            return "array"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
    return "string"

"""Server-side apply: what a manager applies is its own; what it applied before and does not any more is taken away.

What each manager applied is in `metadata.managedFields`, in Kubernetes' own form (`f:name`, `k:{"name":"a"}`). Only
applies are remembered there, not updates; so an apply that would change what another manager *applied* is a conflict,
and one over an update is not.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.embedded.kubernetes.schema import types
from infrastructure.embedded.kubernetes.schema.types import Field

_UNTYPED = Field(shape="", type="any")
_IDENTITY = frozenset({"apiVersion", "kind", "metadata.name", "metadata.namespace"})
Path = tuple[str, ...]
"""`f:` for a member, `k:` for an item of a list by its keys, `v:` for a value of a set."""


class Conflicts(Exception):
    """Other managers applied something else: each manager with the field."""

    def __init__(self, found: list[tuple[str, str]]) -> None:
        super().__init__(found)
        self.found = found


def merged(document: Any, given: Any, field: Field) -> Any:
    """The document with what is applied in it. Nothing given is changed."""
    if isinstance(given, Mapping):
        former = document if isinstance(document, Mapping) else {}
        fields = types.fields(field.type) if not field.shape else None
        inner = {name: (fields or {}).get(name, _UNTYPED) for name in given}
        return {**former, **{name: merged(former.get(name), value, inner[name]) for name, value in given.items()}}
    if isinstance(given, list) and field.map_keys is not None:
        made = list(document or ())
        for each in given:
            place = next((at for at, one in enumerate(made) if _item(one, field) == _item(each, field)), None)
            if place is None:
                made.append(each)
            elif field.map_keys:
                made[place] = merged(made[place], each, Field(shape="", type=field.type))
        return made
    return given


def owned(given: Any, field: Field, at: Path = ()) -> Iterator[Path]:
    """The fields that somebody who applies this owns: its leaves, and the items of its lists."""
    if isinstance(given, Mapping) and given:
        fields = (types.fields(field.type) if not field.shape else None) or {}
        for name, value in given.items():
            yield from owned(value, fields.get(name, _UNTYPED), (*at, f"f:{name}"))
    elif isinstance(given, list) and field.map_keys is not None:
        for each in given:
            here = (*at, _item(each, field))
            yield here
            if field.map_keys:
                yield from owned(each, Field(shape="", type=field.type), here)
    else:
        yield at


def own_fields(given: Mapping[str, Any], type_name: str) -> set[Path]:
    """`owned`, without what only says which object it is."""
    paths = owned(given, Field(shape="", type=type_name))
    return {path for path in paths if ".".join(part[2:] for part in path) not in _IDENTITY}


def value_at(document: Any, path: Path) -> Any:
    """The value of a field; None where there is none."""
    for part in path:
        if part.startswith("f:"):
            document = document.get(part[2:]) if isinstance(document, Mapping) else None
        else:
            document = next((each for each in document or () if _is_item(each, part)), None)
    return document


def without(document: Any, path: Path) -> Any:
    """The document without a field; nothing given is changed."""
    if not path or document is None:
        return document
    first, rest = path[0], path[1:]
    if first.startswith("f:") and isinstance(document, Mapping):
        name = first[2:]
        if name not in document:
            return document
        inner = without(document[name], rest) if rest else None
        kept = {each: value for each, value in document.items() if each != name}
        return {**document, name: inner} if rest and inner not in ({}, []) else kept
    if isinstance(document, list):
        return [
            each if not _is_item(each, first) else without(each, rest)
            for each in document
            if rest or not _is_item(each, first)
        ]
    return document


def tree(paths: set[Path]) -> dict[str, Any]:
    """Fields as `fieldsV1` has them."""
    made: dict[str, Any] = {}
    for path in sorted(paths):
        node = made
        for part in path:
            node = node.setdefault(part, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return made


def paths_of(fields_v1: Mapping[str, Any], at: Path = ()) -> Iterator[Path]:
    """The other way round."""
    for part, inner in fields_v1.items():
        if part == ".":
            yield at
        elif inner:
            yield from paths_of(inner, (*at, part))
        else:
            yield (*at, part)


def _item(of: Any, field: Field) -> str:
    """How an item of a list is named; the protocol of a port that says none is TCP."""
    if not field.map_keys:
        return "v:" + json.dumps(of)
    keys = {key: of.get(key, "TCP" if key == "protocol" else None) for key in field.map_keys if isinstance(of, Mapping)}
    return "k:" + json.dumps({key: value for key, value in keys.items() if value is not None}, sort_keys=True)


def _is_item(of: Any, part: str) -> bool:
    wanted = json.loads(part[2:])
    if part.startswith("v:"):
        return bool(of == wanted)
    return isinstance(of, Mapping) and all(
        of.get(key, "TCP" if key == "protocol" else None) == value for key, value in wanted.items()
    )

"""OpenAPI v3 of the kinds, made from the tables: what kubectl reads to know fields and what can be tried out.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
"""

import functools
from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds, types
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.schema.types import Field

Document = dict[str, Any]
_SCALARS: dict[str, Document] = {
    "string": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "integer": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "bytes": {"type": "string", "format": "byte"},
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "intorstring": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
    "any": {"type": "object"},
}


def index() -> Document:
    """`/openapi/v3`: where the document of each group is."""
    places = ["api/v1", *(f"apis/{group}/{each}" for group, versions in kinds.groups().items() for each in versions)]
    return {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}?hash=1"} for place in places}}


@functools.cache
def document(group: str, version: str) -> Document | None:
    """The document of one group; None for an unknown one."""
    found = kinds.of_group(group, version)
    if not found:
        return None
    reached: dict[str, Document] = {}
    for kind in found:
        _reach(kind.name, reached)
        if kind.name in reached:
            named = {"group": kind.group, "version": kind.version, "kind": kind.name}
            reached[kind.name]["x-kubernetes-group-version-kind"] = [named]
    paths = {path: item for kind in found for path, item in _paths(kind).items()}
    info = {"title": "Kubernetes", "version": "v1.37.1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": reached}}


def _reach(name: str, reached: dict[str, Document]) -> None:
    """Add the schema of a type, and of each that it is made of."""
    fields = types.fields(name)
    if fields is None or name in reached:
        return
    made = reached[name] = {"type": "object"}
    made["properties"] = {each: _schema(field) for each, field in fields.items()}
    needed = [each for each, field in fields.items() if field.is_required]
    if needed:
        made["required"] = needed
    for field in fields.values():
        _reach(field.type, reached)


def _schema(field: Field) -> Document:
    inner = _SCALARS.get(field.type) or {"allOf": [{"$ref": f"#/components/schemas/{field.type}"}]}
    if field.shape == "{":
        return {"type": "object", "additionalProperties": inner}
    if field.shape != "[":
        return {**inner, **({"x-kubernetes-patch-strategy": "retainKeys"} if field.retains_keys else {})}
    made: Document = {"type": "array", "items": inner}
    if field.merge_key is not None:
        strategy = "merge,retainKeys" if field.retains_keys else "merge"
        made["x-kubernetes-patch-strategy"] = strategy
        made |= {"x-kubernetes-patch-merge-key": field.merge_key} if field.merge_key else {}
    if field.map_keys is not None:
        made["x-kubernetes-list-type"] = "map" if field.map_keys else "set"
        made |= {"x-kubernetes-list-map-keys": list(field.map_keys)} if field.map_keys else {}
    return made


def _paths(kind: Kind) -> Document:
    """The operations by which a client finds out whether a kind can be validated and tried out."""
    if not kind.is_stored:
        return {}
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else "/api/v1"
    place = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.is_namespaced else f"{root}/{kind.plural}"
    named = {"group": kind.group, "version": kind.version, "kind": kind.name}
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string"}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    answer = {
        "200": {
            "description": "OK",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.name}"}}},
        }
    }

    def does(action: str) -> Document:
        return {
            "parameters": parameters,
            "responses": answer,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": named,
        }

    return {
        place: {"post": does("post")},
        f"{place}/{{name}}": {"get": does("get"), "put": does("put"), "patch": does("patch")},
    }

"""OpenAPI v2 of the kinds in protobuf: kubectl checks `kind: List` by it, and knows how lists of an object merge.

Source: https://github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto; https://protobuf.dev/programming-guides/encoding/
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from infrastructure.embedded.kubernetes.schema import kinds, types
from infrastructure.embedded.kubernetes.schema.types import Field

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_SWAGGER, _INFO, _PATHS, _DEFINITIONS = 1, 2, 8, 9
_REF, _FORMAT, _REQUIRED, _ADDITIONAL, _TYPE, _ITEMS, _PROPERTIES, _EXTENSION = 1, 2, 19, 21, 22, 23, 25, 31
_NAME, _VALUE, _YAML = 1, 2, 2
_SCALARS: Mapping[str, tuple[str, str]] = {
    "string": ("string", ""),
    "time": ("string", "date-time"),
    "integer": ("integer", "int64"),
    "number": ("number", "double"),
    "boolean": ("boolean", ""),
    "bytes": ("string", "byte"),
    "quantity": ("string", ""),
    "intorstring": ("string", "int-or-string"),
}


@functools.cache
def document() -> bytes:
    """The whole document; the types that are kinds say so."""
    named = {
        kind.name: {"group": kind.group, "version": kind.version, "kind": kind.name}
        for kind in kinds.KINDS
        if kind.is_stored
    }
    definitions = b"".join(_named(name, _definition(name, named.get(name))) for name in types.names())
    info = _part(1, b"Kubernetes") + _part(2, b"v1.37.1")
    return _part(_SWAGGER, b"2.0") + _part(_INFO, info) + _part(_PATHS, b"") + _part(_DEFINITIONS, definitions)


def _definition(name: str, kind: Mapping[str, str] | None) -> bytes:
    fields = types.fields(name) or {}
    needed = b"".join(_part(_REQUIRED, each.encode()) for each, field in fields.items() if field.is_required)
    properties = b"".join(_named(each, _schema(field)) for each, field in fields.items())
    marks = _extension("x-kubernetes-group-version-kind", [kind]) if kind else b""
    return needed + _typed("object") + _part(_PROPERTIES, properties) + marks


def _schema(field: Field) -> bytes:
    if field.shape == "[":
        return _typed("array") + _part(_ITEMS, _part(1, _inner(field))) + b"".join(_merging(field))
    if field.shape == "{":
        return _typed("object") + _part(_ADDITIONAL, _part(1, _inner(field)))
    retained = _extension("x-kubernetes-patch-strategy", "retainKeys") if field.retains_keys else b""
    return _inner(field) + retained


def _inner(field: Field) -> bytes:
    """The schema of one value; nothing for one of any type."""
    if field.type in _SCALARS:
        kind, form = _SCALARS[field.type]
        return (_part(_FORMAT, form.encode()) if form else b"") + _typed(kind)
    return _part(_REF, f"#/definitions/{field.type}".encode()) if field.type != "any" else b""


def _merging(field: Field) -> Iterable[bytes]:
    if field.merge_key is not None:
        yield _extension("x-kubernetes-patch-strategy", "merge,retainKeys" if field.retains_keys else "merge")
    if field.merge_key:
        yield _extension("x-kubernetes-patch-merge-key", field.merge_key)


def _typed(kind: str) -> bytes:
    return _part(_TYPE, _part(1, kind.encode()))


def _extension(name: str, value: Any) -> bytes:
    """Its value is YAML, which JSON is."""
    return _part(_EXTENSION, _part(_NAME, name.encode()) + _part(_VALUE, _part(_YAML, orjson.dumps(value))))


def _named(name: str, schema: bytes) -> bytes:
    return _part(1, _part(_NAME, name.encode()) + _part(_VALUE, schema))


def _part(number: int, content: bytes) -> bytes:
    """A member that has a length: text or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))

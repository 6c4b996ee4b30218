"""Reads the protobuf that kubectl writes of some objects (`create deployment`, `autoscale`, `auth can-i`) as JSON.

An envelope names the kind; field numbers and types are in `types.json`. Nothing is written in protobuf: every client
that sends it reads JSON.
Source: k8s.io/apimachinery, pkg/runtime/serializer/protobuf, pkg/runtime/generated.proto;
https://protobuf.dev/programming-guides/encoding/
"""

import base64
import struct
from collections.abc import Iterator
from typing import Any

from infrastructure.embedded.gateway.api import names
from infrastructure.embedded.kubernetes.schema import types
from infrastructure.embedded.kubernetes.schema.types import Field
from infrastructure.embedded.kubernetes.store.objects import stamp

_MAGIC = b"k8s\x00"
_TYPE_META, _RAW = 1, 2
_API_VERSION, _KIND = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 40
_ZEROS = names(
    "replicas completions parallelism backoffLimit terminationGracePeriodSeconds minReplicas emptyDir exitCode "
    "revisionHistoryLimit maxSurge maxUnavailable minAvailable stabilizationWindowSeconds automountServiceAccountToken "
    "runAsUser runAsGroup runAsNonRoot allowPrivilegeEscalation readOnlyRootFilesystem enableServiceLinks"
)
"""Members that are written only when they were set, for which zero says something."""
Message = bytes | int


class Unreadable(ValueError):
    """The bytes are no object that Kubernetes would write."""


def decoded(body: bytes) -> dict[str, Any]:
    """The object in an envelope, as JSON would have it. `Unreadable`."""
    if not body.startswith(_MAGIC):
        raise Unreadable("the body does not begin as protobuf of Kubernetes does")
    envelope = dict(_members(body[len(_MAGIC) :]))
    named = dict(_members(_bytes(envelope.get(_TYPE_META, b""))))
    api_version, kind = _text(named.get(_API_VERSION, b"")), _text(named.get(_KIND, b""))
    try:
        return {"apiVersion": api_version, "kind": kind, **_object(_bytes(envelope.get(_RAW, b"")), kind, 0)}
    except Unreadable:
        raise
    except (ValueError, OverflowError, OSError) as problem:  # of a number, or a time, that is none
        raise Unreadable(str(problem)) from problem


def _object(data: bytes, type_name: str, depth: int) -> dict[str, Any]:
    fields = types.fields(type_name)
    if fields is None or depth > _DEEPEST:
        raise Unreadable(f"{type_name or 'an object without a kind'} cannot be read here")
    members = list(_members(data))
    made: dict[str, Any] = {}
    for name, field in fields.items():
        found = _at(members, field.number) if field.number else []
        if found:
            made[name] = _value(found, field, depth)
    return _without_zeros(made, fields)


def _without_zeros(made: dict[str, Any], fields: types.Fields) -> dict[str, Any]:
    """Go writes zeros and empty messages of what was never set; in JSON they are left out, as Go does there."""
    return {
        name: value
        for name, value in made.items()
        if value not in ("", {}, 0, None) or name in _ZEROS or fields[name].type == "any" or fields[name].shape
    }


def _at(members: list[tuple[int, Message]], path: tuple[int, ...]) -> list[Message]:
    found = [value for number, value in members if number == path[0]]
    if len(path) == 1 or not found:
        return found
    return _at(list(_members(_bytes(found[-1]))), path[1:])


def _value(found: list[Message], field: Field, depth: int) -> Any:
    if field.shape == "[":
        return [_one(each, field.type, depth) for each in found]
    if field.shape == "{":
        pairs = [dict(_members(_bytes(each))) for each in found]
        return {_text(each.get(1, b"")): _one(each.get(2, b""), field.type, depth) for each in pairs}
    return _one(found[-1], field.type, depth)


def _one(value: Message, type_name: str, depth: int) -> Any:
    match type_name:
        case "string":
            return _text(value)
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "integer":
            return _signed(value)
        case "boolean":
            return bool(value)
        case "number":
            return struct.unpack("<d", int(value).to_bytes(8, "little"))[0] if isinstance(value, int) else None
        case "quantity":
            return _text(dict(_members(_bytes(value))).get(1, b""))
        case "intorstring":
            members = dict(_members(_bytes(value)))
            return _text(members.get(3, b"")) if members.get(1) else _signed(members.get(2, 0))
        case "time":
            members = dict(_members(_bytes(value)))
            return stamp(_signed(members.get(1, 0))) if members.get(1) else None
        case "any":
            return {}
    return _object(_bytes(value), type_name, depth + 1)


def _members(data: bytes) -> Iterator[tuple[int, Message]]:
    """The members of a message by number, in order; text, bytes and messages as bytes, all else as whole numbers."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if wire == _BYTES:
            length, at = _varint(data, at)
        if length is None or at + length > len(data):
            raise Unreadable("a message ends before its last member does")
        part = data[at : at + length]
        at += length
        yield number, part if wire == _BYTES else int.from_bytes(part, "little")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Unreadable("a message ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise Unreadable("a number has more than ten bytes")


def _signed(value: Message) -> int:
    if isinstance(value, bytes):
        raise Unreadable("a number is written as text")
    return value - (1 << 64) if value >> 63 else value


def _bytes(value: Message) -> bytes:
    if isinstance(value, int):
        raise Unreadable("a message is written as a number")
    return value


def _text(value: Message) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError as problem:
        raise Unreadable("text is not UTF-8") from problem

"""The policy of a form with a file: what its signer lets others upload, until when.

Source: Amazon S3 API Reference, "POST Policy"; the words of the refusals are those that users of S3 report.
"""

import base64
import json
import re
from binascii import Error as NoBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from infrastructure.embedded.gateway.refused import Refused

_EXPIRATION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_IGNORED = "x-ignore-"
_FREE = frozenset({"x-amz-signature", "awsaccesskeyid", "signature", "file", "policy"})
"""Fields that no condition needs to cover."""
_RANGE = "content-length-range"
_MATCHES = ("eq", "starts-with")
_EXACT = ("bucket", "success_action_status", "x-amz-")
_ANY = ("x-amz-meta-",)
"""Fields whose names begin like `_EXACT` match exactly or not at all, but for those that begin like `_ANY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Condition:
    """`name` as it stands in the policy, where it begins with a dollar sign."""

    kind: str
    name: str
    value: str

    @property
    def field(self) -> str:
        return self.name[1:].lower() if self.name.startswith("$") else ""

    def holds(self, fields: Mapping[str, str]) -> bool:
        found = fields.get(self.field)
        if found is None:
            return False
        if self.kind == "eq":
            return found == self.value
        if self.field.startswith(_EXACT) and not self.field.startswith(_ANY):
            return False
        values = found.split(",") if self.field == "content-type" else [found]
        return all(each.strip().startswith(self.value) for each in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Bytes that the file may have; None for what is no number."""

    least: int | None
    most: int | None
    said: list[Any]


def check(policy: str, fields: Mapping[str, str], size: int, at: float) -> None:
    """`Refused` unless the policy (in base64) allows a file of `size` bytes with these fields, among them `bucket`.

    `at` in Unix seconds.
    """
    document = _document(policy)
    expires_at = _expiration(document)
    listed = document.get("conditions")
    if listed is None:
        raise _invalid("Policy missing conditions.")
    if not isinstance(listed, list):
        raise _invalid("Invalid 'conditions' value: must be a List.")
    conditions = [_condition(each) for each in listed]
    if at >= expires_at:
        raise _denied("Policy expired.")
    for each in conditions:
        if isinstance(each, _Range):
            _check_size(each, size)
        elif not each.holds(fields):
            raise _failed([each.kind, each.name, each.value])
    covered = _FREE.union(each.field for each in conditions if isinstance(each, _Condition))
    for name in fields:
        if name not in covered and not name.startswith(_IGNORED):
            raise _denied(f"Extra input fields: {name}")


def _document(policy: str) -> dict[str, Any]:
    try:
        found = orjson.loads(base64.b64decode(policy, validate=True))
    except NoBase64:
        raise _invalid("invalid Base64 encoding.") from None
    except orjson.JSONDecodeError:
        raise _invalid("Invalid JSON.") from None
    if not isinstance(found, dict):
        raise _invalid("Invalid JSON.")
    unknown = next((name for name in found if name not in ("expiration", "conditions")), None)
    if unknown is not None:
        raise _invalid(f"Unexpected: '{unknown.lower()}'")
    return found


def _expiration(document: Mapping[str, Any]) -> float:
    if "expiration" not in document:
        raise _invalid("Policy missing expiration.")
    said = document["expiration"]
    try:
        if isinstance(said, str) and _EXPIRATION.fullmatch(said):
            return datetime.fromisoformat(f"{said[:-1]}+00:00").timestamp()
    except ValueError:
        pass  # the thirtieth of February
    raise _invalid(f"Invalid 'expiration' value: '{said}'")


def _condition(given: object) -> _Condition | _Range:
    if isinstance(given, dict):
        return _simple(given)
    if not isinstance(given, list):
        raise _invalid("Invalid condition test: must be a List or Object.")
    if not given:
        raise _invalid("Invalid Condition: missing operation identifier.")
    kind = str(given[0]).lower()
    if kind not in (*_MATCHES, _RANGE):
        raise _invalid(f"Invalid Condition: unknown operation '{given[0]}'.")
    if len(given) != 3:
        raise _invalid(f"Invalid {kind}: wrong number of arguments.")
    if kind == _RANGE:
        return _Range(least=_bound(given[1]), most=_bound(given[2]), said=given)
    if not all(isinstance(each, str) for each in given):
        raise _invalid("Invalid JSON.")
    return _Condition(kind=kind, name=given[1], value=given[2])


def _simple(given: Mapping[str, object]) -> _Condition:
    if len(given) != 1:
        text = "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
        raise _invalid(text)
    name, value = next(iter(given.items()))
    if value is None:
        raise _invalid("Invalid JSON.")
    if not isinstance(value, str):
        raise _invalid("Invalid Simple-Condition: value must be a string.")
    return _Condition(kind="eq", name=f"${name}", value=value)


def _bound(said: object) -> int | None:
    """A number may be said in a string; one below zero, or between two, is none."""
    if isinstance(said, str):
        return int(said) if _NUMBER.fullmatch(said) else None
    if not isinstance(said, int) or isinstance(said, bool) or said < 0:
        raise _invalid("Invalid JSON.")
    return said


def _check_size(allowed: _Range, size: int) -> None:
    if allowed.least is None or allowed.most is None:
        raise _failed(allowed.said)
    if size > allowed.most:
        text = "Your proposed upload exceeds the maximum allowed size"
        raise Refused("EntityTooLarge", text, ProposedSize=size, MaxSizeAllowed=allowed.most)
    if size < allowed.least:
        text = "Your proposed upload is smaller than the minimum allowed size"
        raise Refused("EntityTooSmall", text, ProposedSize=size, MinSizeAllowed=allowed.least)


def _failed(condition: list[Any]) -> Refused:
    return _denied(f"Policy Condition failed: {json.dumps(condition, ensure_ascii=False)}")


def _denied(what: str) -> Refused:
    return Refused("AccessDenied", f"Invalid according to Policy: {what}", status=403)


def _invalid(what: str) -> Refused:
    return Refused("InvalidPolicyDocument", f"Invalid Policy: {what}")

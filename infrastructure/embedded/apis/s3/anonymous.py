"""Requests that nobody signed: S3 takes them where a bucket's policy opens it to everybody.

A new bucket blocks public access; until that is lifted, a policy that opens it is refused, and one that stands opens
nothing. A statement with conditions opens nothing here, and closes what it denies whether they hold or not.
Sources: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of 'public'"; Amazon S3
API Reference, GetObject: without the permission to list, a key that is not there is denied.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from infrastructure.embedded.gateway.call import ANONYMOUS, Answer, Call, Handler
from infrastructure.embedded.gateway.errors import error

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends

Record = Any  # moto's buckets, which publish no types
Statement = Mapping[str, Any]
_LIST = "s3:ListBucket"
_ACTIONS: Mapping[str, str] = {
    "DeleteObject": "s3:DeleteObject",
    "GetObject": "s3:GetObject",
    "HeadBucket": _LIST,
    "HeadObject": "s3:GetObject",
    "ListObjects": _LIST,
    "ListObjectsV2": _LIST,
    "PutObject": "s3:PutObject",
}
"""The operations that nobody may need to sign, and what a policy calls them."""


class Anonymous:
    """Says which unsigned requests are let in, and refuses policies that would let some in and may not."""

    service: ClassVar[str] = "s3"

    def __init__(self, backends: "Backends") -> None:
        self._backends = backends

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        if call.action == "PutBucketPolicy":
            bucket = self._backends.s3.buckets.get(call.parameters["Bucket"])
            statements = _statements(call.parameters["Policy"].encode())
            if bucket is not None and _blocks(bucket).block_public_policy and any(map(_is_public, statements)):
                text = (
                    f"User: {call.caller} is not authorized to perform: s3:PutBucketPolicy on resource: "
                    f'"arn:aws:s3:::{bucket.name}" because public policies are prevented by the BlockPublicPolicy '
                    "setting in S3 Block Public Access."
                )
                return error(call, "AccessDenied", text, status=403)
        return await handle(_let_in(call) if call.caller == ANONYMOUS else call)

    def permits(self, call: Call) -> bool:
        """Whether the request is let in unsigned; one for a bucket that is not there is, to be told so."""
        action, name = _ACTIONS.get(call.action), call.parameters.get("Bucket")
        if action is None or name is None:
            return False
        bucket = self._backends.s3.buckets.get(name)
        if bucket is None:
            return True
        key = call.parameters.get("Key")
        if action == "s3:GetObject" and key not in bucket.keys and not _opens(bucket, _LIST, None):
            return False
        if action == "s3:GetObject" and "versionId=" in call.request.query:
            action = "s3:GetObjectVersion"
        return _opens(bucket, action, None if action == _LIST else key)


def _let_in(call: Call) -> Call:
    """With a header that keeps moto from judging it once more, by the object's access control list."""
    signed = (
        f"AWS4-HMAC-SHA256 Credential={ANONYMOUS}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    )
    headers = {**call.request.headers, "authorization": signed}
    return replace(call, request=replace(call.request, headers=headers))


def _opens(bucket: Record, action: str, key: str | None) -> bool:
    """Whether everybody may do this with the bucket, or with an object in it."""
    if _blocks(bucket).restrict_public_buckets:
        return False
    resource = f"arn:aws:s3:::{bucket.name}" + (f"/{key}" if key is not None else "")
    about = [each for each in _statements(bucket.policy or b"") if _is_about(each, action, resource)]
    is_denied = any(each.get("Effect") == "Deny" for each in about)
    return not is_denied and any(map(_is_public, about))


def _blocks(bucket: Record) -> Any:
    """What of public access is blocked: nothing, once the configuration is deleted."""
    return bucket.public_access_block or _NOTHING


class _Open:
    block_public_policy = restrict_public_buckets = False


_NOTHING = _Open()


def _statements(policy: bytes) -> list[Statement]:
    """Of what is no policy none: S3 refuses it itself."""
    try:
        found = json.loads(policy or b"{}").get("Statement", [])
    except (ValueError, AttributeError):
        return []
    listed = found if isinstance(found, list) else [found]
    return [each for each in listed if isinstance(each, Mapping)]


def _is_public(statement: Statement) -> bool:
    """Whether it allows something to everybody, come what may."""
    principal = statement.get("Principal")
    who = principal.get("AWS") if isinstance(principal, Mapping) else principal
    is_everybody = who == "*" or (isinstance(who, list) and "*" in who)
    return statement.get("Effect") == "Allow" and is_everybody and not statement.get("Condition")


def _is_about(statement: Statement, action: str, resource: str) -> bool:
    """A statement by exceptions (`NotAction` …) may be about anything: that counts for one that denies."""
    if any(name in statement for name in ("NotAction", "NotResource", "NotPrincipal")):
        return statement.get("Effect") == "Deny"
    return _fits(statement.get("Action"), action, re.IGNORECASE) and _fits(statement.get("Resource"), resource)


def _fits(patterns: object, text: str, flags: int = 0) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns]
    return any(isinstance(each, str) and re.fullmatch(_expression(each), text, flags) for each in listed)


def _expression(pattern: str) -> str:
    """`*` is any run of characters, `?` one of them."""
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")

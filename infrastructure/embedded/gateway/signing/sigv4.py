"""AWS Signature Version 4, for whoever signs and for whoever verifies: one canonical form of a request. Pure.

botocore's signer costs several times as much and can only sign; it is what the tests compare with.
Sources: IAM User Guide, "Create a signed AWS API request"; Amazon S3 API Reference, "Authenticating Requests".
"""

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from infrastructure.embedded.gateway.signing import sigv2

if TYPE_CHECKING:
    from infrastructure.embedded.gateway.signing.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
PAYLOAD_HEADER = "x-amz-content-sha256"
S3 = "s3"
_END = "aws4_request"
LONGEST = 256
"""Characters of a credential that are looked at: what strangers send is not kept in caches at any length."""
_STAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_DOTS = frozenset({"", ".", ".."})


class Scope(NamedTuple):
    """What a signing key is good for. `day` is YYYYMMDD in UTC; `service` the signing name."""

    day: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/{_END}"


class Claim(NamedTuple):
    """What a request says of its signature; nothing of it is proven. `expires_s` is None but in a presigned URL.

    One of version 2 has no scope, and its `expires_s` are Unix seconds; it is good for S3 alone.
    """

    access_key: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    stamp: str
    token: str | None = None
    is_query: bool = False
    expires_s: str | None = None
    version: int = 4


class Malformed(Exception):
    """The request says that it is signed, in a way that cannot be read. The text is for its sender."""


class OtherVersion(Exception):
    """The request is signed, but by another version of AWS's signatures that nobody takes here."""


def claim(headers: Mapping[str, str], query: str) -> Claim | None:
    """The signature that a request (lower-case header names, raw query) carries; None when it is not signed.

    `Malformed`; `OtherVersion` for the versions 4a, and 2 in a header.
    """
    header = headers.get("authorization")
    if header is not None:
        if "X-Amz-Signature=" in query:
            raise Malformed("only one way to sign a request is allowed: the Authorization header or the query")
        return _of_header(header, headers)
    if "X-Amz-" in query or "Signature=" in query:
        return _of_query(dict(parse_qsl(query, keep_blank_values=True)))
    return None


def _of_header(header: str, headers: Mapping[str, str]) -> Claim:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise OtherVersion(algorithm)
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    wanting = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    if wanting:
        raise Malformed(" ".join(f"Authorization header requires '{name}' parameter." for name in wanting))
    access_key, scope = credential(fields["Credential"][:LONGEST])
    return Claim(
        access_key=access_key,
        scope=scope,
        signed_headers=tuple(fields["SignedHeaders"].split(";")),
        signature=fields["Signature"],
        stamp=headers.get("x-amz-date") or _stamp_of_date(headers.get("date", "")),
        token=headers.get("x-amz-security-token"),
    )


def _of_query(fields: Mapping[str, str]) -> Claim | None:
    algorithm = fields.get("X-Amz-Algorithm", "")
    if algorithm not in ("", ALGORITHM):
        raise OtherVersion(algorithm)
    if fields.keys() >= sigv2.FIELDS:
        return _of_version_2(fields)
    names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders")
    given = [name for name in names if fields.get(name)]
    if not given:
        return None
    if len(given) < len(names):
        raise Malformed(" ".join(f"AWS query-string parameters must include '{n}'." for n in names if n not in given))
    access_key, scope = credential(fields["X-Amz-Credential"][:LONGEST])
    return Claim(
        access_key=access_key,
        scope=scope,
        signed_headers=tuple(fields["X-Amz-SignedHeaders"].split(";")),
        signature=fields["X-Amz-Signature"],
        stamp=fields["X-Amz-Date"],
        token=fields.get("X-Amz-Security-Token"),
        is_query=True,
        expires_s=fields.get("X-Amz-Expires"),
    )


def _of_version_2(fields: Mapping[str, str]) -> Claim:
    return Claim(
        access_key=fields["AWSAccessKeyId"],
        scope=Scope(day="", region=sigv2.REGION, service=S3),
        signed_headers=(),
        signature=fields["Signature"],
        stamp="",
        token=fields.get("x-amz-security-token"),
        is_query=True,
        expires_s=fields["Expires"],
        version=2,
    )


@lru_cache(maxsize=1024)  # callers sign for a day
def credential(text: str) -> tuple[str, Scope]:
    """The access key and the scope that a credential names; `Malformed`."""
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != _END or not all(parts):
        raise Malformed(f"Credential must have exactly 5 slash-delimited elements, the last of them '{_END}'.")
    access_key, day, region, service, _ = parts
    return access_key, Scope(day=day, region=region, service=service.lower())


def _stamp_of_date(date: str) -> str:
    """The time stamp of a `Date` header, which stands in where there is no X-Amz-Date; empty when it is unreadable."""
    parsed = parsedate_tz(date)
    return stamp(mktime_tz(parsed)) if parsed is not None else ""


def stamp(at: float) -> str:
    """The time stamp YYYYMMDDThhmmssZ of a Unix time."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))


def unix_time(text: str) -> float | None:
    """The Unix time that YYYYMMDDThhmmssZ names; None where that is no time."""
    return _unix_time(text) if _STAMP.fullmatch(text) else None


@lru_cache(maxsize=256)  # all requests of one second share a stamp
def _unix_time(text: str) -> float | None:
    try:
        return float(calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        return None


@lru_cache(maxsize=512)
def signing_key(secret_key: str, scope: Scope) -> bytes:
    """The key derived for a day, a region and a service."""
    key = f"AWS4{secret_key}".encode()
    for part in (scope.day, scope.region, scope.service, _END):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], signed: Iterable[str], payload: str, *, is_s3: bool
) -> bytes:
    """What is signed of a request. `path`, `query` and `headers` are as on the wire (Latin-1); `payload` is the hash
    of the body, or the word that stands for it. A signed header that is not there is a `KeyError`.
    """
    names = sorted(signed)
    lines = "".join([f"{name}:{_trimmed(headers[name])}\n" for name in names])
    canonical_path = "/" if path in ("", "/") else _path(path, is_s3=is_s3)
    return (
        f"{method}\n{canonical_path}\n{_query(query) if query else ''}\n{lines}\n{';'.join(names)}\n{payload}"
    ).encode("latin-1")


def signature(key: bytes, at: str, scope: Scope, canonical: bytes) -> str:
    """The signature in hex; `at` is YYYYMMDDThhmmssZ."""
    return signature_of(key, f"{ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}")


def signature_of(key: bytes, text: str) -> str:
    """The signature of a string to sign."""
    return hmac.digest(key, text.encode(), "sha256").hex()


class Signer:
    """Signs requests to `service` in `region`."""

    def __init__(self, credentials: "Credentials", service: str, region: str) -> None:
        self._credentials = credentials
        self._service = service
        self._region = region

    def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes, at: float) -> dict[str, str]:
        """`headers` (lower-case names, `host` among them) with all that makes them a signed request; `url` is a path
        and its query, `at` in Unix seconds.
        """
        now = stamp(at)
        path, _, query = url.partition("?")
        payload = hashlib.sha256(body).hexdigest()
        signed = {**headers, "x-amz-date": now}
        if self._credentials.token is not None:
            signed["x-amz-security-token"] = self._credentials.token
        if self._service == S3:
            signed[PAYLOAD_HEADER] = payload
        scope = Scope(day=now[:8], region=self._region, service=self._service)
        canonical = canonical_request(method, path, query, signed, signed, payload, is_s3=self._service == S3)
        found = signature(signing_key(self._credentials.secret_key, scope), now, scope, canonical)
        who = f"Credential={self._credentials.access_key}/{scope}, SignedHeaders={';'.join(sorted(signed))}"
        return {**signed, "authorization": f"{ALGORITHM} {who}, Signature={found}"}


def _trimmed(value: str) -> str:
    return " ".join(value.split()) if "  " in value or "\t" in value else value.strip()


def _path(path: str, *, is_s3: bool) -> str:
    """S3 takes a path as it is, encoded once; all other APIs resolve its dots and encode it a second time."""
    if is_s3:
        parts = path.encode("latin-1").split(b"/")
        return "/".join([quote(unquote_to_bytes(part), safe="-_.~") for part in parts])  # an encoded slash stays one
    return quote(_resolved(path).encode("latin-1"), safe="/-_.~")


def _resolved(path: str) -> str:
    """Without empty, `.` and `..` segments. Source: RFC 3986, 5.2.4."""
    if _DOTS.isdisjoint(path[1:].split("/")):
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept[-1:] = []
        elif segment not in _DOTS:
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _query(query: str) -> str:
    """The pairs in the order of their encoded names and values, but for the signature itself."""
    pairs = [tuple(_encoded(part) for part in pair.partition("=")[::2]) for pair in query.split("&") if pair]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


def _encoded(part: str) -> str:
    return quote(unquote_to_bytes(part.replace("+", " ").encode("latin-1")), safe="-_.~")

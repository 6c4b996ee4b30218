"""Bodies that an SDK sends to S3 in chunks, each signed on the signature before it; checksums may trail.

    <size in hex>[;chunk-signature=<signature>]CRLF <data> CRLF   …   0[;chunk-signature=<signature>]CRLF
    [<header>:<value>CRLF … [x-amz-trailer-signature:<signature>CRLF]] CRLF

Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
Chunks", "… Including Trailing Headers".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from infrastructure.embedded.gateway.signing import sigv4
from infrastructure.embedded.gateway.signing.sigv4 import Claim

_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_TRAILER = f"{_SIGNED}-TRAILER"
KINDS = frozenset({_SIGNED, _SIGNED_TRAILER, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
"""The words that stand for such a body where its hash would be."""
_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?")
_EMPTY = hashlib.sha256(b"").hexdigest()
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class Broken(Exception):
    """`kind` is `incomplete` where the body is no sequence of chunks, `mismatch` where one is not as it was signed."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Chain:
    """The signatures of one body, each of which covers the one before."""

    def __init__(self, claim: Claim, key: bytes) -> None:
        self._claim = claim
        self._key = key
        self._latest = claim.signature

    def check(self, kind: str, signed: str, given: str) -> None:
        """`kind` is PAYLOAD or TRAILER; `signed` what the next signature covers. `Broken` if it is not `given`."""
        text = f"{sigv4.ALGORITHM}-{kind}\n{self._claim.stamp}\n{self._claim.scope}\n{self._latest}\n{signed}"
        self._latest = sigv4.signature_of(self._key, text)
        if not hmac.compare_digest(self._latest.encode(), given.encode()):
            raise Broken("mismatch")


def decoded(body: bytes, kind: str, claim: Claim, key: bytes) -> tuple[bytes, Mapping[str, str]]:
    """The body, and the headers that trail it; `Broken`."""
    chain = _Chain(claim, key) if kind in (_SIGNED, _SIGNED_TRAILER) else None
    data: list[bytes] = []
    at = 0
    while not data or data[-1]:
        at, chunk = _chunk(body, at, chain)
        data.append(chunk)
    return b"".join(data), _trailers(body[at:], chain if kind == _SIGNED_TRAILER else None)


def _chunk(body: bytes, start: int, chain: _Chain | None) -> tuple[int, bytes]:
    """Where the next chunk begins, and the data of this one; empty for the last, which no line's end follows."""
    end = body.find(b"\r\n", start)
    head = _HEAD.fullmatch(body, start, end) if end >= 0 else None
    if head is None:
        raise Broken("incomplete")
    size, begin = int(head[1], 16), end + len(b"\r\n")
    data = body[begin : begin + size]
    if len(data) < size or (size and body[begin + size : begin + size + 2] != b"\r\n"):
        raise Broken("incomplete")
    if chain is not None:
        chain.check("PAYLOAD", f"{_EMPTY}\n{hashlib.sha256(data).hexdigest()}", (head[2] or b"").decode())
    return begin + (size + 2 if size else 0), data


def _trailers(text: bytes, chain: _Chain | None) -> Mapping[str, str]:
    lines = [line.strip() for line in text.decode("latin-1").replace("\r\n", "\n").split("\n") if line.strip()]
    found = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    given = found.pop(_TRAILER_SIGNATURE, "")
    if chain is not None:
        canonical = "".join(f"{name}:{found[name]}\n" for name in sorted(found))
        chain.check("TRAILER", hashlib.sha256(canonical.encode("latin-1")).hexdigest(), given)
    return found

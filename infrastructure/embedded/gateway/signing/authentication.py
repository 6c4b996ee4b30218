"""Who made a request: its signature is computed again, and what does not match is nobody's.

The order is AWS's: is it signed, are the keys known, is the token theirs, is the time right, does the signature match,
is the body the one that was signed. Only then does anybody look at what is asked.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing import chunked, forms, sigv2, sigv4
from infrastructure.embedded.gateway.signing.credentials import Issued, Keyring
from infrastructure.embedded.gateway.signing.sigv4 import PAYLOAD_HEADER, S3, UNSIGNED_PAYLOAD, Claim

SKEW_S = 300.0
"""IAM User Guide, "Elements of an AWS API request signature": five minutes from the time stamp."""
S3_SKEW_S = 900.0
"""Amazon S3 API Reference, "Error responses", RequestTimeTooSkewed: fifteen minutes either way."""
QUERY_S = 900.0
"""How long a presigned call of another API than S3 is good for, whatever it says itself."""
LONGEST_EXPIRES_S = 604_800
"""Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters": seven days."""
_HASH = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile("[0-9]{1,12}")


class Unproven(Exception):
    """Nobody is shown to have made this request. `kind` is one of `denials.KINDS`; `detail` is for its sender."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class Authentication:
    """Verifies requests to a cloud in `region` by the keys of `keyring`."""

    def __init__(self, keyring: Keyring, region: str) -> None:
        self._keyring = keyring
        self._region = region
        self._is_version_2_taken = region in sigv2.REGIONS

    def check(self, request: HttpRequest, at: float) -> tuple[Issued, HttpRequest]:
        """By whose keys `request` is signed, and the request with its body in one piece, if it came in signed chunks.

        `Unproven`, unless its signature was made with good keys, now (`at`, in Unix seconds), over what has come.
        """
        claim = _claim(request)
        if claim.version == 2 and not self._is_version_2_taken:
            raise Unproven("version")
        issued = self._issued(claim, at)
        if claim.version == 2:
            _check_version_2(claim, issued, request, at)
            return issued, request
        _check_time(claim, at)
        payload = _payload(claim, request)
        _check_signature(claim, issued, request, payload)
        return issued, _unwrapped(claim, issued, request, payload)

    def check_form(self, fields: Mapping[str, str], at: float) -> Issued | None:
        """By whose keys the policy of a form is signed; None when nobody signed it. `Unproven`; `Refused`, if its
        fields (by lower-case names) are no signature.
        """
        claim = forms.claim(fields, self._region)
        if claim is None:
            return None
        if claim.version == 2 and not self._is_version_2_taken:
            raise Unproven("version")
        issued = self._issued(claim, at)
        if not _is_same(forms.signature(issued.credentials.secret_key, claim, fields[forms.POLICY]), claim.signature):
            raise Unproven("mismatch")
        if claim.version == 4:
            _check_lasting(claim, LONGEST_EXPIRES_S, at)
        return issued

    def _issued(self, claim: Claim, at: float) -> Issued:
        issued = self._keyring.find(claim.access_key)
        expected = issued.credentials.token if issued is not None else None
        if issued is None or (expected is not None and claim.token is None):
            raise Unproven("unknown")
        if not hmac.compare_digest((expected or "").encode(), (claim.token or "").encode()):
            raise Unproven("token")
        if issued.expires_at is not None and issued.expires_at <= at:
            raise Unproven("expired-token")
        return issued


def _check_signature(claim: Claim, issued: Issued, request: HttpRequest, payload: str) -> None:
    for name in request.headers:
        if name.startswith("x-amz-") and name not in claim.signed_headers:
            raise Unproven("header", name)
    if "host" not in claim.signed_headers:
        raise Unproven("malformed", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    try:
        canonical = sigv4.canonical_request(
            request.method,
            request.path,
            request.query,
            request.headers,
            claim.signed_headers,
            payload,
            is_s3=claim.scope.service == S3,
        )
    except KeyError as absent:
        raise Unproven("mismatch", f"the signed header {absent} is not there") from None
    key = sigv4.signing_key(issued.credentials.secret_key, claim.scope)
    if not _is_same(sigv4.signature(key, claim.stamp, claim.scope, canonical), claim.signature):
        raise Unproven("mismatch")


def _check_version_2(claim: Claim, issued: Issued, request: HttpRequest, at: float) -> None:
    made = sigv2.signature(issued.credentials.secret_key, request.method, request.path, request.query, request.headers)
    if not _is_same(made, claim.signature):
        raise Unproven("mismatch")
    if not _NUMBER.fullmatch(claim.expires_s or ""):
        raise Unproven("malformed-query", "Expires should be a number of seconds since 1970")
    if at >= int(claim.expires_s or ""):
        raise Unproven("expired")


def _claim(request: HttpRequest) -> Claim:
    try:
        claim = request.claim
    except sigv4.Malformed as malformed:
        raise Unproven("malformed", str(malformed)) from None
    except sigv4.OtherVersion:
        raise Unproven("version", f"not signed by {sigv4.ALGORITHM}, which alone is taken") from None
    if claim is None:
        raise Unproven("unsigned")
    return claim


def _check_time(claim: Claim, at: float) -> None:
    made = sigv4.unix_time(claim.stamp)
    if made is None or claim.stamp[:8] != claim.scope.day:
        raise Unproven("malformed", f"the date {claim.stamp!r} is not the one of the credential's scope")
    is_s3 = claim.scope.service == S3
    if claim.is_query and is_s3:
        _check_expiry(claim, at)
        return
    late, early = (QUERY_S, SKEW_S) if claim.is_query else (S3_SKEW_S, S3_SKEW_S) if is_s3 else (SKEW_S, SKEW_S)
    if at > made + late:
        limit = f"{sigv4.stamp(at - late)} ({sigv4.stamp(at)} - {late / 60:g} min.)"
        raise Unproven("late", f"Signature expired: {claim.stamp} is now earlier than {limit}")
    if at < made - early:
        limit = f"{sigv4.stamp(at + early)} ({sigv4.stamp(at)} + {early / 60:g} min.)"
        raise Unproven("early", f"Signature not yet current: {claim.stamp} is still later than {limit}")


def _check_expiry(claim: Claim, at: float) -> None:
    expires = claim.expires_s or ""
    if not _NUMBER.fullmatch(expires):
        raise Unproven("malformed-query", "X-Amz-Expires should be a number")
    if not 1 <= int(expires) <= LONGEST_EXPIRES_S:
        raise Unproven("malformed-query", f"X-Amz-Expires must be from 1 to {LONGEST_EXPIRES_S} seconds")
    _check_lasting(claim, int(expires), at)


def _check_lasting(claim: Claim, lasts_s: float, at: float) -> None:
    """What S3 is given to keep is good from its time stamp for so long."""
    made = sigv4.unix_time(claim.stamp) or 0.0
    if at >= made + lasts_s:
        raise Unproven("expired")
    if at < made - S3_SKEW_S:
        raise Unproven("not-yet")


def _payload(claim: Claim, request: HttpRequest) -> str:
    """What stands for the body in the signature: S3 takes the sender's word and compares afterwards, no other does."""
    if claim.scope.service != S3:
        return hashlib.sha256(request.body).hexdigest()
    said = request.headers.get(PAYLOAD_HEADER)
    if said is not None:
        return said
    if not claim.is_query:
        raise Unproven("no-hash", PAYLOAD_HEADER)
    return UNSIGNED_PAYLOAD


def _unwrapped(claim: Claim, issued: Issued, request: HttpRequest, payload: str) -> HttpRequest:
    """The request with the body that is meant; for S3 it is compared with what was signed."""
    if claim.scope.service != S3 or payload == UNSIGNED_PAYLOAD:
        return request
    if payload in chunked.KINDS:
        key = sigv4.signing_key(issued.credentials.secret_key, claim.scope)
        try:
            return _whole(request, *chunked.decoded(request.body, payload, claim, key))
        except chunked.Broken as broken:
            raise Unproven(broken.kind) from None
    if not _HASH.fullmatch(payload):
        raise Unproven("bad-hash", f"{PAYLOAD_HEADER} must be {UNSIGNED_PAYLOAD}, STREAMING-… or a valid sha256 value.")
    if payload != hashlib.sha256(request.body).hexdigest():
        raise Unproven("body")
    return request


def _whole(request: HttpRequest, body: bytes, trailers: Mapping[str, str]) -> HttpRequest:
    """The request as it would have come in one piece."""
    said = request.headers.get("x-amz-decoded-content-length", "")
    if said != str(len(body)):
        raise Unproven("incomplete")
    announced = {name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(",")}
    if not trailers.keys() <= announced:
        raise Unproven("trailer")
    dropped = (PAYLOAD_HEADER, "x-amz-decoded-content-length", "x-amz-trailer", "transfer-encoding")
    headers = {name: value for name, value in request.headers.items() if name not in dropped} | dict(trailers)
    encodings = [each.strip() for each in headers.pop("content-encoding", "").split(",")]
    kept = ",".join(each for each in encodings if each not in ("", "aws-chunked"))
    headers |= {"content-length": str(len(body)), **({"content-encoding": kept} if kept else {})}
    return replace(request, headers=headers, body=body)


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())

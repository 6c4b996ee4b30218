"""AWS Signature Version 4 for requests without a query: those of the JSON APIs, and S3's of whole objects.

botocore's signer handles every kind of request and costs five times as much; its result is what the tests compare with.
Source: IAM user guide, "Create a signed AWS API request".
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Keys(NamedTuple):
    """Credentials as they are now; `token` with temporary ones."""

    access: str
    secret: str
    token: str | None


class Signer:
    """Signs for one service in one region. The derived key is kept for as long as day and secret stay the same."""

    def __init__(self, service: str, region: str) -> None:
        self._service = service
        self._region = region
        self._derived: tuple[str, str, bytes] = ("", "", b"")

    def sign(
        self, headers: Mapping[str, str], body: bytes, keys: Keys, at: datetime, asked: str = "POST\n/"
    ) -> dict[str, str]:
        """`headers` (lower-case names, `host` among them) with date, token and authorization; `at` in UTC.

        `asked`: the method and, on a line of its own, the path as it is sent. `x-amz-content-sha256`, where it is
        among the headers, is the body's hash.
        """
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        signed = {**headers, "x-amz-date": stamp}
        if keys.token:
            signed["x-amz-security-token"] = keys.token
        names = sorted(signed)
        listed = ";".join(names)
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        digest = headers.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()
        canonical = f"{asked}\n\n{lines}\n{listed}\n{digest}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(stamp[:8], keys.secret), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}, SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def _key(self, day: str, secret: str) -> bytes:
        if self._derived[:2] != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (day, secret, key)
        return self._derived[2]

"""Requests as botocore signs them, and a gateway that knows one key."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Botocores

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing.authentication import Authentication, Unproven
from infrastructure.embedded.gateway.signing.credentials import Credentials, Issued, Keyring, Principal

ACCOUNT = "123456789012"
REGION = "us-east-1"
HOST = "127.0.0.1:4566"
auth: Any = botocore.auth  # its stubs know no query signers


def gateway(keys: Credentials, expires_at: float | None = None, region: str = REGION) -> Authentication:
    """One that takes `keys`, as somebody's."""
    keyring = Keyring(ACCOUNT)
    principal = Principal(name="somebody", arn=f"arn:aws:iam::{ACCOUNT}:user/somebody", id="AIDA")
    keyring.add(Issued(credentials=keys, principal=principal, expires_at=expires_at))
    return Authentication(keyring, region)


def signed(
    keys: Credentials,
    service: str,
    method: str = "GET",
    target: str = "/",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    is_query: bool = False,
    expires_s: int = 60,
    is_trailed: bool = False,
    version: int = 4,
) -> HttpRequest:
    """A request for `target` (a path and its query), signed now by botocore: by a header, or in the query."""
    request = AWSRequest(method=method, url=f"http://{HOST}{target}", headers=dict(headers or {}), data=body)
    if is_trailed:  # botocore then signs that the body's checksum comes behind it
        request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    known = Botocores(keys.access_key, keys.secret_key, keys.token)
    names = {(True, True): "S3SigV4QueryAuth", (True, False): "S3SigV4Auth", (False, True): "SigV4QueryAuth"}
    signer = getattr(auth, names.get((service == "s3", is_query), "SigV4Auth"))
    more = {"expires": expires_s} if is_query else {}
    if version == 2:
        auth.HmacV1QueryAuth(known, **more).add_auth(request)
        request.headers = type(request.headers)()  # they are in the query now
    else:
        signer(known, service, REGION, **more).add_auth(request)
    sent = request.prepare()
    parts = urlsplit(sent.url)
    given = {name.lower(): value for name, value in sent.headers.items()}
    given = {name: value.decode() if isinstance(value, bytes) else value for name, value in given.items()}
    content = sent.body if isinstance(sent.body, bytes) else b""
    return HttpRequest(method=method, path=parts.path, query=parts.query, headers={"host": HOST, **given}, body=content)


def refusal(authentication: Authentication, request: HttpRequest, at: float) -> str | None:
    """Why `request` is refused; None when it is taken."""
    try:
        authentication.check(request, at)
    except Unproven as unproven:
        return unproven.kind
    return None

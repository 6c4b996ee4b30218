import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.aws.sigv4 import Keys, Signer

AT = datetime(2026, 11, 22, 7, 45, 1, tzinfo=UTC)


@given(
    body=st.binary(max_size=300),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
    token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,80}", fullmatch=True),
    service=st.sampled_from(["dynamodb", "sqs", "kinesis", "monitoring", "secretsmanager"]),
)
def test_the_signature_is_botocores(body: bytes, secret: str, token: str | None, service: str) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "host": "127.0.0.1:4566", "x-amz-target": "T.Op"}
    request = AWSRequest(method="POST", url="http://127.0.0.1:4566/", headers=headers, data=body)
    SigV4Auth(Credentials("order", secret, token), service, "us-east-1").add_auth(request)

    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signed = Signer(service, "us-east-1").sign(headers, body, Keys(access="order", secret=secret, token=token), at)
    assert request.headers["Authorization"] == signed["authorization"]
    assert request.headers["X-Amz-Security-Token"] == signed.get("x-amz-security-token")


@pytest.mark.parametrize(
    ("secret", "days"),
    [pytest.param("other-secret", 0, id="a rotated secret"), pytest.param("secret", 1, id="the next day")],
)
def test_a_kept_key_is_not_used_for_anything_else(secret: str, days: int) -> None:
    headers = {"host": "h"}
    later = AT + timedelta(days=days)
    used = Signer("sqs", "us-east-1")
    used.sign(headers, b"", Keys(access="a", secret="secret", token=None), AT)
    keys = Keys(access="a", secret=secret, token=None)
    assert Signer("sqs", "us-east-1").sign(headers, b"", keys, later) == used.sign(headers, b"", keys, later)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_the_signature_of_an_object_is_botocores(method: str) -> None:
    body = b"1,2\n" if method == "PUT" else b""
    headers = {"host": "127.0.0.1:4566", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    path = "/bucket/revenue/shardId-0/17-4711.csv"
    request = AWSRequest(method=method, url=f"http://127.0.0.1:4566{path}", headers=headers, data=body)
    S3SigV4Auth(Credentials("me", "secret", None), "s3", "us-east-1").add_auth(request)

    at = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    keys = Keys(access="me", secret="secret", token=None)
    signed = Signer("s3", "us-east-1").sign(headers, body, keys, at, f"{method}\n{path}")
    assert request.headers["Authorization"] == signed["authorization"]

"""S3's presigned URLs of version 2, as boto3 makes them in us-east-1 unless told otherwise."""

import time
from dataclasses import replace

import pytest

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.gateway.signing.tests.signing import gateway, refusal, signed

KEYS = Credentials(access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION = replace(KEYS, token="a/token+of=theirs")


def _signed(target: str = "/bucket/key", keys: Credentials = KEYS, method: str = "GET", **headers: str) -> HttpRequest:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return signed(keys, "s3", method, target, given, is_query=True, version=2)


@pytest.mark.parametrize(
    "target",
    [
        "/bucket/key",
        "/bucket/a%20b/%C3%BC%2Bc",
        "/bucket?acl",
        "/bucket/key?versionId=a%2Fb&response-content-type=text%2Fplain",
        "/bucket?list-type=2&prefix=a%2F",
        "/bucket/key?partNumber=2&uploadId=x%3D%3D",
    ],
)
@pytest.mark.parametrize("keys", [KEYS, SESSION], ids=["user", "session"])
def test_what_botocore_signs_is_taken(target: str, keys: Credentials) -> None:
    for request in (
        _signed(target, keys),
        _signed(target, keys, "PUT", content_type="text/plain", x_amz_acl="private", x_amz_meta_one="a b"),
    ):
        assert refusal(gateway(keys), request, time.time()) is None


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("method", "PUT", "GET"),
        ("path", "key", "kez"),
        ("query", "versionId=1", "versionId=2"),
        ("query", "private", "public-read"),
        ("query", "text%2Fplain", "text%2Fhtml"),
        ("query", "Expires=", "Expires=1"),
        ("query", "versionId=1&", ""),
        ("query", "&Signature=", "&Signature=0"),
        ("query", "AWSAccessKeyId=AKIA", "AWSAccessKeyId=AKIB"),
    ],
    ids=["method", "key", "version", "header", "type", "end", "one less", "signature", "access key"],
)
def test_what_it_covers_cannot_be_changed(part: str, old: str, new: str) -> None:
    request = _signed("/bucket/key?versionId=1", method="PUT", content_type="text/plain", x_amz_acl="private")
    changed = replace(request, **{part: getattr(request, part).replace(old, new)})
    assert changed != request
    assert refusal(gateway(KEYS), changed, time.time()) in ("mismatch", "unknown")


def test_headers_beside_the_url_count_as_well() -> None:
    request = _signed(method="PUT")
    for more in ({"x-amz-acl": "public-read"}, {"content-type": "text/html"}):
        assert refusal(gateway(KEYS), replace(request, headers={**request.headers, **more}), time.time()) == "mismatch"


def test_it_ends() -> None:
    request, now = _signed(), time.time()
    assert [refusal(gateway(KEYS), request, at) for at in (now + 58, now + 62)] == [None, "expired"]


def test_a_session_signs_with_its_token() -> None:
    assert refusal(gateway(SESSION), _signed(keys=KEYS), time.time()) == "unknown"
    assert refusal(gateway(KEYS), _signed(keys=SESSION), time.time()) == "token"


def test_regions_that_came_later_ask_for_version_4() -> None:
    """Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)"."""
    assert refusal(gateway(KEYS, region="eu-central-1"), _signed(), time.time()) == "version"
    assert refusal(gateway(KEYS, region="eu-west-1"), _signed(), time.time()) is None

"""What S3 cannot read it refuses in its own words, and what is refused leaves nothing behind."""

import gzip
from dataclasses import replace
from typing import Any

import pytest

from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.request import call_of
from infrastructure.embedded.tests.conformance import wire
from infrastructure.embedded.tests.control import ROUTER, Control, run

BUCKET = {"Bucket": "menu"}
OBJECT = {"Bucket": "menu", "Key": "beans"}


async def _asked(control: Control, operation: str, body: bytes | None = None, /, **members: Any) -> Answer:
    api, of = ROUTER.named("s3"), codec.operation("s3", operation)
    assert api is not None
    assert of is not None
    request = wire.request(api, of, members)
    request = request if body is None else replace(request, body=body)
    return await control.plane.handle(call_of(request, ROUTER, at=0.0))


async def _bucket() -> Control:
    control = Control()
    assert (await _asked(control, "CreateBucket", **BUCKET)).is_success
    assert (await _asked(control, "PutObject", **OBJECT, Body=b"0123456789")).is_success
    return control


@pytest.mark.parametrize(
    ("operation", "members", "body", "code"),
    [
        ("PutBucketPolicy", {"Policy": "nope"}, None, "MalformedPolicy"),
        ("PutBucketPolicy", {"Policy": "[]"}, None, "MalformedPolicy"),
        ("PutBucketAcl", {"GrantRead": "nope"}, None, "InvalidArgument"),
        ("PutBucketAcl", {}, None, "MissingSecurityHeader"),
        ("PutBucketVersioning", {"VersioningConfiguration": {}}, None, "IllegalVersioningConfigurationException"),
        ("PutBucketTagging", {"Tagging": {"TagSet": []}}, b"<Tagging><Nope/></Tagging>", "MalformedXML"),
        ("PutBucketTagging", {"Tagging": {"TagSet": []}}, b"<Tagging>", "MalformedXML"),
        ("CompleteMultipartUpload", {"Key": "beans", "UploadId": "nope"}, None, "MalformedXML"),
        ("ListObjectsV2", {"ContinuationToken": "nope"}, None, "InvalidArgument"),
    ],
)
def test_what_cannot_be_read_is_refused(operation: str, members: dict[str, Any], body: bytes | None, code: str) -> None:
    async def refusal() -> tuple[Answer, Answer]:
        control = await _bucket()
        refused = await _asked(control, operation, body, **BUCKET, **members)
        return refused, await _asked(control, "GetObject", **OBJECT)

    refused, after = run(refusal())
    assert refused.status == 400
    assert f"<Code>{code}</Code>".encode() in refused.body
    assert after.body == b"0123456789"


def test_a_grant_is_taken() -> None:
    async def granted() -> Answer:
        return await _asked(await _bucket(), "PutBucketAcl", **BUCKET, GrantRead='id="abc", uri="http://acs/group"')

    assert run(granted()).is_success


@pytest.mark.parametrize(("asked", "status", "body"), [("bytes=2-4", 206, b"234"), ("nope", 200, b"0123456789")])
def test_a_range_that_is_none_is_passed_over(asked: str, status: int, body: bytes) -> None:
    async def part() -> Answer:
        return await _asked(await _bucket(), "GetObject", **OBJECT, Range=asked)

    answer = run(part())
    assert (answer.status, answer.body) == (status, body)


def test_an_object_that_is_compressed_is_kept_so() -> None:
    body = gzip.compress(b"a long menu")

    async def kept() -> Answer:
        control = await _bucket()
        assert (await _asked(control, "PutObject", **OBJECT, Body=body, ContentEncoding="gzip")).is_success
        return await _asked(control, "GetObject", **OBJECT)

    answer = run(kept())
    assert answer.body == body
    assert answer.headers["content-encoding"] == "gzip"


NAMES = ["Bad_Bucket", "ab", "a" * 64, "192.168.1.1", "a..b", "-ab", "ab-", ".ab", "a_b", "BAD", "xn--ab"]
NAMES += ["sthree-a", "amzn-s3-demo-a", "a-s3alias", "a--ol-s3", "a.mrap", "a--x-s3", "a--table-s3"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_bucket_has_is_refused(name: str) -> None:
    async def refusal() -> Answer:
        return await _asked(Control(), "CreateBucket", Bucket=name)

    refused = run(refusal())
    assert (refused.status, b"<Code>InvalidBucketName</Code>" in refused.body) == (400, True)


@pytest.mark.parametrize("name", ["abc", "a" * 63, "my.bucket-1", "1.2.3", "123"])
def test_any_other_name_is_taken(name: str) -> None:
    async def made() -> Answer:
        return await _asked(Control(), "CreateBucket", Bucket=name)

    assert run(made()).is_success


def test_a_policy_that_is_taken_is_answered_with_no_content() -> None:
    async def taken() -> Answer:
        return await _asked(
            await _bucket(), "PutBucketPolicy", **BUCKET, Policy='{"Version":"2012-10-17","Statement":[]}'
        )

    answer = run(taken())
    assert (answer.status, answer.body) == (204, b"")

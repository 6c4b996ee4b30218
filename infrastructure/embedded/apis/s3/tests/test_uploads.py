"""Forms that boto3 signs and a browser posts: what is taken becomes the object that PutObject would make."""

import hashlib
import time
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from infrastructure.embedded.apis.s3.anonymous import Anonymous
from infrastructure.embedded.apis.s3.tests.posting import (
    BUCKET,
    bucket,
    form,
    kept,
    post,
    presigned,
    said,
    signed,
    signer,
)
from infrastructure.embedded.gateway.audit import Audit
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.tests.control import OPERATOR, fresh_backends, run

ETAG = f'"{hashlib.md5(b"arabica", usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_form_puts_an_object_with_all_that_its_fields_say(version: str) -> None:
    fields = {
        "acl": "private",
        "Cache-Control": "max-age=60",
        "Content-Type": "text/plain",
        "tagging": "<Tagging><TagSet><Tag><Key>roast</Key><Value>a=b/c+d</Value></Tag></TagSet></Tagging>",
        "x-amz-meta-Farm": "Yirgacheffe",
        "x-amz-server-side-encryption": "AES256",
    }

    async def scenario() -> None:
        async with bucket() as client:
            answer = await post(client, form(presigned(fields=fields, version=version)))
            assert (answer.status, answer.body, answer.headers["etag"]) == (204, b"", ETAG)
            assert answer.headers["location"] == f"http://127.0.0.1/{BUCKET}/beans"
            found = await kept(client)
            assert (found.status, found.body, found.headers["content-type"]) == (200, b"arabica", "text/plain")
            assert found.headers["cache-control"] == "max-age=60"
            assert found.headers["x-amz-meta-farm"] == "Yirgacheffe"
            assert found.headers["x-amz-server-side-encryption"] == "AES256"
            tags = await client.signed("s3", "GET", f"/{BUCKET}/beans?tagging")
            assert b"<Key>roast</Key><Value>a=b/c+d</Value>" in tags.body

    run(scenario())


def test_a_form_is_put_object_to_everybody_who_follows_calls() -> None:
    async def scenario() -> None:
        changes: list[str] = []
        audit = Audit()
        async with bucket(changes=changes, interceptors=(audit,)) as client:
            versioned = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            await client.signed("s3", "PUT", f"/{BUCKET}?versioning", body=versioned)
            answer = await post(client, form(presigned()))
            version = (await client.signed("s3", "HEAD", f"/{BUCKET}/beans")).headers["x-amz-version-id"]
        assert answer.headers["x-amz-version-id"] == version != "null"
        assert changes == ["CreateBucket", "PutBucketVersioning", "PutObject"]
        assert (audit.records[-1].caller, audit.records[-1].parameters["Key"]) == ("operator", "beans")

    run(scenario())


@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("beans.txt", "shops/7/beans.txt"),
        ("C:\\Program Files\\directory1\\file.txt", "shops/7/file.txt"),
        ("a/b/c", "shops/7/c"),
        ("", "shops/7/"),
        (None, "shops/7/${filename}"),
    ],
)
def test_a_key_takes_the_name_of_the_file(filename: str | None, key: str) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            fields = presigned("shops/7/${filename}", fields={"success_action_status": "201"})
            answer = await post(client, form(fields, filename=filename))
            assert answer.status == 201
            assert ET.fromstring(answer.body).findtext("Key") == key  # noqa: S314 - our own

    run(scenario())


@pytest.mark.parametrize("key", ["../../x", "/a", "a b/ü%41?&=+", "${filename", "x/"])
def test_a_key_is_kept_as_it_is(key: str) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            answer = await post(client, form(presigned(key, fields={"success_action_status": "201"})))
            assert ET.fromstring(answer.body).findtext("Key") == key  # noqa: S314 - our own
            listed = ET.fromstring((await client.signed("s3", "GET", f"/{BUCKET}")).body)  # noqa: S314 - our own
            assert [each.text for each in listed.iter("{http://s3.amazonaws.com/doc/2006-03-01/}Key")] == [key]

    run(scenario())


@pytest.mark.parametrize(("wanted", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)])
def test_the_status_is_the_one_that_the_form_wants(wanted: str, status: int) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            answer = await post(client, form(presigned("shops/7", fields={"success_action_status": wanted})))
            assert answer.status == status
            if status != 201:
                assert answer.body == b""
                return
            found = ET.fromstring(answer.body)  # noqa: S314 - our own
            location = f"http://127.0.0.1/{BUCKET}/shops%2F7"
            told = {"Location": location, "Bucket": BUCKET, "Key": "shops/7", "ETag": ETAG}
            assert (found.tag, {each.tag: each.text for each in found}) == ("PostResponse", told)

    run(scenario())


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("http://shop.test/done", "http://shop.test/done?bucket=menu&key=shops%2F7&etag=%22ETAG%22"),
        ("https://shop.test/?a=1", "https://shop.test/?a=1&bucket=menu&key=shops%2F7&etag=%22ETAG%22"),
        ("/relative", None),
        ("javascript:alert(1)", None),
        ("http://[", None),
        ("http://shop.test/\r\nset-cookie: a=b", None),
    ],
)
def test_the_browser_is_sent_where_the_form_wants_it(wanted: str, location: str | None) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            answer = await post(client, form(presigned("shops/7", fields={"success_action_redirect": wanted})))
            if location is None:
                assert (answer.status, "set-cookie" in answer.headers) == (204, False)
            else:
                etag = ETAG.strip('"')
                assert (answer.status, answer.headers["location"]) == (303, location.replace("ETAG", etag))

    run(scenario())


def test_fields_behind_the_file_are_not_there() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            late = [*form(presigned()), ("x-amz-meta-late", None, b"a"), ("file", "b", b"robusta")]
            assert (await post(client, late)).status == 204
            found = await kept(client)
            assert (found.body, "x-amz-meta-late" in found.headers) == (b"arabica", False)
            first = await post(client, [*form({}), *form(presigned())])
            told = said(first)
            assert (told.status, told.code) == (400, "InvalidArgument")
            assert told.message.startswith("Bucket POST must contain a field named 'key'.  If it is specified")

    run(scenario())


def test_metadata_that_no_header_can_hold_is_encoded() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            fields = {"x-amz-meta-a": "Äthiopien", "x-amz-meta-b": "a\r\nx-amz-meta-c: d"}
            assert (await post(client, form(presigned(fields=fields)))).status == 204
            found = (await kept(client)).headers
            assert found["x-amz-meta-a"] == "=?UTF-8?B?w4R0aGlvcGllbg==?="
            assert found["x-amz-meta-b"] == "=?UTF-8?B?YQ0KeC1hbXotbWV0YS1jOiBk?="
            assert "x-amz-meta-c" not in found

    run(scenario())


def test_a_large_file_is_taken() -> None:
    file = b"\r\n--beans" * 200_000

    async def scenario() -> None:
        async with bucket() as client:
            assert (await post(client, form(presigned(), file))).status == 204
            assert (await kept(client)).body == file

    run(scenario())


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_takes_a_large_file_too(version: str) -> None:
    file = b"arabica" * 300_000
    url = signer(version).generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "beans"})

    async def scenario() -> None:
        async with bucket() as client:
            path = url.removeprefix("http://127.0.0.1")
            assert (await client.ask("PUT", path, body=file)).status == 200
            assert (await kept(client)).body == file

    run(scenario())


def test_a_file_is_a_field_named_so_whether_it_has_a_name_or_not() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            named = [(name, name, data) for name, _, data in form(presigned())]
            assert (await post(client, named)).status == 204
            assert (await post(client, form(presigned("empty"), b"", filename=None))).status == 204
            assert (await kept(client, "empty")).body == b""

    run(scenario())


def test_a_field_that_says_what_put_object_does_not_take_says_nothing() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            await client.signed("s3", "PUT", f"/{BUCKET}/secret", body=b"secret")
            fields = {"x-amz-copy-source": f"{BUCKET}/secret", "bucket": "another", "x-ignore-b": "b"}
            made = presigned(fields={"x-amz-copy-source": f"{BUCKET}/secret"})
            assert (await post(client, form({**fields, **made}))).status == 204
            assert (await kept(client)).body == b"arabica"

    run(scenario())


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_a_signature_that_is_wrong_is_refused_before_the_policy_is_read() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            good = presigned()
            for wrong in ({"policy": good["policy"][:-4]}, {"x-amz-signature": "0" * 64}, {"x-amz-signature": "é"}):
                told = said(await post(client, form({**good, **wrong})))
                assert (told.status, told.code) == (403, "SignatureDoesNotMatch")
            assert (await kept(client)).status == 404

    run(scenario())


def test_keys_that_are_nobodys_and_tokens_that_are_not_theirs_are_refused() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            stranger = said(await post(client, form(presigned(keys=Credentials.long_term()))))
            assert (stranger.status, stranger.code) == (403, "InvalidAccessKeyId")
            wrong = said(await post(client, form(presigned(keys=replace(OPERATOR, secret_key="wrong")))))
            assert (wrong.status, wrong.code) == (403, "SignatureDoesNotMatch")
            stray = said(await post(client, form(presigned(keys=replace(OPERATOR, token="stray")))))
            assert (stray.status, stray.code) == (400, "InvalidToken")

    run(scenario())


def test_a_region_of_another_cloud_is_named() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form(presigned(region="eu-central-1"))))
            assert (told.status, told.code) == (400, "InvalidArgument")
            assert told.message == "the region 'eu-central-1' is wrong; expecting 'us-east-1'"
            assert "<ArgumentName>X-Amz-Credential</ArgumentName>" in told.text
            assert "<Region>us-east-1</Region>" in told.text

    run(scenario())


def test_a_signature_lasts_seven_days_whatever_the_policy_says() -> None:
    conditions = [{"bucket": BUCKET}, *(["starts-with", f"${name}", ""] for name in ("key",))]
    document = {"expiration": "2099-01-01T00:00:00Z", "conditions": conditions}

    async def scenario() -> None:
        async with bucket() as client:
            for after_s, message in (
                (-604_790, "Invalid according"),
                (-604_801, "Request has"),
                (1000, "Request is not"),
            ):
                told = said(await post(client, form(signed(document, at=time.time() + after_s))))
                assert (told.status, told.code, told.message.startswith(message)) == (403, "AccessDenied", True)

    run(scenario())


OPEN = b'{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", %s}]}'
OPEN %= b'"Resource": "arn:aws:s3:::menu/public/*"'


def test_a_form_that_nobody_signed_is_let_in_where_an_unsigned_put_is() -> None:
    async def scenario() -> None:
        backends = fresh_backends()
        async with bucket(interceptors=(Anonymous(backends),), backends=backends) as client:
            await client.signed("s3", "DELETE", f"/{BUCKET}?publicAccessBlock")
            assert (await client.signed("s3", "PUT", f"/{BUCKET}?policy", body=OPEN)).status == 204
            assert (await post(client, form({"key": "public/${filename}"}))).status == 204
            assert (await kept(client, "public/beans.txt")).body == b"arabica"
            denied = said(await post(client, form({"key": "beans"})))
            assert (denied.status, denied.code, denied.message) == (403, "AccessDenied", "Access Denied")
            missing = said(await post(client, form({"key": "beans"}), "/nobodys-bucket"))
            assert (missing.status, missing.code) == (404, "NoSuchBucket")

    run(scenario())


def test_a_form_without_a_signature_is_denied() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            for fields in ({"key": "beans"}, {"key": "beans", "policy": presigned()["policy"]}):
                denied = said(await post(client, form(fields)))
                assert (denied.status, denied.code) == (403, "AccessDenied")

    run(scenario())


def test_a_bucket_may_have_the_name_of_another_apis_path() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form({"key": "beans"}), "/clusters"))
            assert (told.status, told.code) == (403, "AccessDenied")

    run(scenario())

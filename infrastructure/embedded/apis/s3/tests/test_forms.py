"""What is no form with one file is refused in S3's words, and quickly."""

import pytest

from infrastructure.embedded.apis.s3.tests.posting import BOUNDARY, BUCKET, bucket, form, post, presigned, said
from infrastructure.embedded.tests.control import run

HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="key"\r\n\r\nbeans\r\n'.encode()
BAD = {
    "nothing": b"",
    "no boundary": b"key=beans",
    "no end": HEAD,
    "no end of a part": HEAD + f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nara'.encode(),
    "no name": f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\na\r\n--{BOUNDARY}--\r\n".encode(),
    "no disposition": f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\na\r\n--{BOUNDARY}--\r\n".encode(),
    "another disposition": HEAD.replace(b"form-data", b"attachment") + f"--{BOUNDARY}--\r\n".encode(),
    "no text": HEAD.replace(b"beans", b"\xff\xfe") + f"--{BOUNDARY}--\r\n".encode(),
    "a thousand empty fields": HEAD.replace(b"key", b"") * 1_000 + f"--{BOUNDARY}--\r\n".encode(),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            head = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
            told = said(await client.ask("POST", f"/{BUCKET}", head, body))
            assert (told.status, told.code) == (400, "MalformedPOSTRequest")
            assert told.message == "The body of your POST request is not well-formed multipart/form-data."

    run(scenario())


@pytest.mark.parametrize("said_of", ["multipart/form-data", f"multipart/form-data; boundary={'a' * 71}"])
def test_a_boundary_must_be_given(said_of: str) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await client.ask("POST", f"/{BUCKET}", {"content-type": said_of}, HEAD))
            assert (told.status, told.code) == (400, "MalformedPOSTRequest")

    run(scenario())


def test_a_form_without_a_file_is_refused() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form(presigned())[:-1]))
            assert (told.status, told.code) == (400, "InvalidArgument")
            assert told.message == "POST requires exactly one file upload per request."
            assert "<ArgumentName>file</ArgumentName><ArgumentValue>0</ArgumentValue>" in told.text

    run(scenario())


def test_a_field_that_comes_twice_is_refused() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, [("KEY", None, b"other"), *form(presigned())]))
            assert (told.status, told.code) == (400, "InvalidArgument")

    run(scenario())


@pytest.mark.parametrize(("size", "status"), [(18_000, 403), (20_480, 400), (2_000_000, 400)])
def test_what_comes_before_the_file_may_be_20_kb(size: int, status: int) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, [("x-amz-meta-a", None, b"a" * size), *form(presigned())]))
            assert told.status == status
            if status == 400:
                assert told.code == "MaxPostPreDataLengthExceeded"
                assert "<MaxPostPreDataLengthBytes>20480</MaxPostPreDataLengthBytes>" in told.text

    run(scenario())


def test_a_form_without_a_key_and_one_with_an_empty_one_are_refused() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            fields = presigned()
            missing = said(await post(client, form({n: v for n, v in fields.items() if n != "key"})))
            assert "<ArgumentName>key</ArgumentName><ArgumentValue></ArgumentValue>" in missing.text
            empty = said(await post(client, form(presigned("${filename}"), filename="")))
            assert (empty.status, empty.message) == (400, "User key must have a length greater than 0.")

    run(scenario())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tagging": "not-xml"}, "MalformedXML"),
        ({"Content-Type": "text/html\r\nset-cookie: a=b"}, "InvalidArgument"),
        ({"x-amz-meta-ä": "b"}, "InvalidArgument"),
    ],
)
def test_a_field_that_no_header_can_say_is_refused(fields: dict[str, str], code: str) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form(presigned(fields=fields))))
            assert (told.status, told.code) == (400, code)

    run(scenario())


@pytest.mark.parametrize("path", ["/", f"/{BUCKET}/key", f"/{BUCKET}?delete"])
def test_a_form_goes_to_a_bucket_and_nowhere_else(path: str) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form(presigned()), path))
            assert (told.status, told.code) == (501, "UnsupportedOperation")

    run(scenario())

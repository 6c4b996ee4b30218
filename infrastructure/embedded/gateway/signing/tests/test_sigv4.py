"""Whatever botocore signs is taken, what AWS's documents sign too; with one byte changed, nothing is."""

import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.gateway.signing.sigv4 import Signer
from infrastructure.embedded.gateway.signing.tests.signing import HOST, REGION, gateway, refusal, signed

KEYS = Credentials(access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION = replace(KEYS, token="a/token+of=theirs")
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine all is slow
MAY_2013 = 1369353600.0
"""20130524T000000Z."""

names = st.text(st.characters(codec="utf-8", exclude_characters="\0."), max_size=8)
dotted = names | st.sampled_from(["..", ".", ""])
queries = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), st.text(max_size=6), max_size=4
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12).map(str.strip)
headers = st.dictionaries(
    st.sampled_from(["content-type", "x-amz-target", "x-amz-meta-one", "x-amz-meta-two", "if-match"]), values
)


@st.composite
def requests(draw: st.DrawFn, segments: st.SearchStrategy[str] = dotted) -> tuple[Credentials, str, HttpRequest]:
    """Who signs, for which API, and the request."""
    path = "/" + "/".join(quote(part, safe="~") for part in draw(st.lists(segments, max_size=4)))
    keys, service = draw(st.sampled_from([KEYS, SESSION])), draw(st.sampled_from(["s3", "dynamodb", "lambda"]))
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in draw(queries).items())
    is_query = draw(st.booleans())
    request = signed(
        keys,
        service,
        "GET" if is_query else draw(st.sampled_from(["GET", "PUT", "POST", "DELETE"])),
        path + (f"?{query}" if query else ""),
        draw(headers),
        b"" if is_query else draw(st.binary(max_size=64)),
        is_query=is_query,
    )
    return keys, service, request


@given(requests())
@settings(UNHURRIED, max_examples=100)
def test_what_botocore_signs_is_taken(made: tuple[Credentials, str, HttpRequest]) -> None:
    keys, _, request = made
    assert refusal(gateway(keys), request, time.time()) is None


@given(requests(names), st.data())
@settings(UNHURRIED, max_examples=200)
def test_with_one_byte_changed_it_is_not(made: tuple[Credentials, str, HttpRequest], data: st.DataObject) -> None:
    keys, _, request = made
    unsigned = {"user-agent", "content-length", "expect"}
    parts = {"method": request.method, "path": request.path, "query": request.query}
    parts |= {"body": request.body.decode("latin-1")}
    parts |= {f"header {name}": text for name, text in request.headers.items() if name not in unsigned}
    name = data.draw(st.sampled_from(sorted(part for part, text in parts.items() if text)))
    text = parts[name]
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]
    assert refusal(gateway(keys), _with(request, name, changed), time.time()) is not None


def _with(request: HttpRequest, part: str, text: str) -> HttpRequest:
    if part.startswith("header "):
        return replace(request, headers={**request.headers, part.removeprefix("header "): text})
    if part == "body":
        return replace(request, body=text.encode("latin-1"))
    changed: dict[str, Any] = {part: text}
    return replace(request, **changed)


@given(requests())
@settings(UNHURRIED, max_examples=50)
def test_our_own_signature_is_botocores(made: tuple[Credentials, str, HttpRequest]) -> None:
    keys, service, request = made
    known = {name: value for name, value in request.headers.items() if not name.startswith(("authorization", "user-"))}
    url = f"{request.path}?{request.query}" if request.query else request.path
    ours = Signer(keys, service, REGION).sign(request.method, url, known, request.body, time.time())
    again = replace(request, headers=ours)
    expected = "malformed" if "X-Amz-Signature" in request.query else None  # signed twice
    assert refusal(gateway(keys), again, time.time()) == expected


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "names", "signature"),
    [
        pytest.param(
            "GET",
            "/test.txt",
            "",
            {"range": "bytes=0-9"},
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            id="get-object",
        ),
        pytest.param(
            "GET",
            "/",
            "lifecycle",
            {},
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            id="get-bucket-lifecycle",
        ),
        pytest.param(
            "GET",
            "/",
            "max-keys=2&prefix=J",
            {},
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            id="list-objects",
        ),
    ],
)
def test_the_examples_of_s3s_api_reference_are_taken(
    method: str, path: str, query: str, headers: dict[str, str], names: str, signature: str
) -> None:
    """Source: Amazon S3 API Reference, "Authorization Header: Transferring Payload in a Single Chunk"."""
    scope = f"{KEYS.access_key}/20130524/us-east-1/s3/aws4_request"
    given = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={signature}",
        **headers,
    }
    request = HttpRequest(method=method, path=path, query=query, headers=given, body=b"")
    assert refusal(gateway(KEYS), request, MAY_2013) is None
    assert refusal(gateway(KEYS), replace(request, method="PUT"), MAY_2013) == "mismatch"


@pytest.mark.parametrize(("after_s", "kind"), [(0, None), (86399, None), (86400, "expired")])
def test_the_presigned_example_of_s3s_api_reference_lasts_a_day(after_s: int, kind: str | None) -> None:
    """Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters"."""
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3"
        "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    host = {"host": "examplebucket.s3.amazonaws.com"}
    request = HttpRequest(method="GET", path="/test.txt", query=query, headers=host, body=b"")
    assert refusal(gateway(KEYS), request, MAY_2013 + after_s) == kind


def test_the_example_of_iams_user_guide_is_taken() -> None:
    """Source: AWS Signature Version 4 test data in the IAM User Guide, ListUsers of 2015-08-30."""
    keys = Credentials(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    given = {
        "host": "iam.amazonaws.com",
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "x-amz-date": "20150830T123600Z",
        "authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        ),
    }
    query = "Action=ListUsers&Version=2010-05-08"
    request = HttpRequest(method="GET", path="/", query=query, headers=given, body=b"")
    assert refusal(gateway(keys), request, 1440938160.0) is None


@pytest.mark.parametrize("target", ["/bucket/a%2Fb//c/../d", "/bucket/%7E~!*'()", "/bucket/%e2%82%ac"])
def test_s3_takes_a_path_as_it_is(target: str) -> None:
    """Slashes that are part of a name, dots and empty segments stay; so does a way to encode that is not the usual."""
    usual = "/".join(quote(unquote(part), safe="~") for part in target.split("/"))
    request = signed(KEYS, "s3", target=usual)
    for path in (usual, target):
        assert refusal(gateway(KEYS), replace(request, path=path), time.time()) is None
    assert (
        refusal(gateway(KEYS), replace(request, path=usual.replace("/bucket", "/bucket/..")), time.time()) is not None
    )


def test_values_are_signed_without_the_spaces_that_say_nothing() -> None:
    request = signed(KEYS, "s3", headers={"x-amz-meta-one": "a   b"})
    spaced = {**request.headers, "x-amz-meta-one": " a b "}
    assert refusal(gateway(KEYS), replace(request, headers=spaced), time.time()) is None
    assert request.headers["host"] == HOST

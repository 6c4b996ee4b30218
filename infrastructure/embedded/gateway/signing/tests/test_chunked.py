"""Bodies in signed chunks: AWS's own examples, and what is wrong with one."""

import hashlib
import time
from dataclasses import replace

import pytest

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing.authentication import Unproven
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.gateway.signing.tests.signing import gateway, signed

KEYS = Credentials(access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
MAY_2013 = 1369353600.0
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
DATA = b"a" * 66560


def _request(kind: str, seed: str, body: bytes, **more: str) -> HttpRequest:
    """S3's example of an object in chunks of 64 KiB."""
    given = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": kind,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    scope = f"{KEYS.access_key}/20130524/us-east-1/s3/aws4_request"
    names = ";".join(sorted(given))
    given["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={seed}"
    return HttpRequest(method="PUT", path="/examplebucket/chunkObject.txt", query="", headers=given, body=body)


def _chunks(*signatures: str) -> bytes:
    parts = zip((DATA[:65536], DATA[65536:], b""), signatures, strict=True)
    return b"".join(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), made.encode(), data) for data, made in parts)


WHOLE = _request(
    SIGNED,
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    _chunks(
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ),
    content_length="66824",
)
TRAILED = _request(
    f"{SIGNED}-TRAILER",
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    _chunks(
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ).removesuffix(b"\r\n")
    + b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    + b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    x_amz_trailer="x-amz-checksum-crc32c",
)


@pytest.mark.parametrize("request_", [WHOLE, TRAILED], ids=["chunks", "chunks and trailer"])
def test_the_examples_of_s3s_api_reference_become_one_body(request_: HttpRequest) -> None:
    """Source: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks", "Including Trailing Headers"."""
    _, whole = gateway(KEYS).check(request_, MAY_2013)
    assert hashlib.sha256(whole.body).digest() == hashlib.sha256(DATA).digest()
    assert whole.headers["content-length"] == "66560"
    assert not {"content-encoding", "x-amz-content-sha256"} & whole.headers.keys(), "as if it had come in one piece"
    assert whole.headers.get("x-amz-checksum-crc32c") == ("sOO8/Q==" if request_ is TRAILED else None)


@pytest.mark.parametrize(
    ("request_", "old", "new", "kind"),
    [
        (WHOLE, b"\r\na", b"\r\nb", "mismatch"),
        (WHOLE, b"ad80", b"ad81", "mismatch"),
        (WHOLE, b"b6c6", b"b6c7", "mismatch"),
        (WHOLE, b"10000;", b"ffff;", "incomplete"),
        (WHOLE, b"0;chunk", b"1;chunk", "incomplete"),
        (WHOLE, b";chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", b"", "mismatch"),
        (WHOLE, b"chunk-signature", b"chunk", "incomplete"),
        (TRAILED, b"sOO8/Q==", b"sOO8/R==", "mismatch"),
        (TRAILED, b"d81f", b"d82f", "mismatch"),
        (TRAILED, b"x-amz-trailer-signature", b"x-amz-nothing", "mismatch"),
    ],
    ids=[
        "data",
        "signature",
        "last signature",
        "size",
        "no end",
        "no signature",
        "another extension",
        "trailer",
        "trailer's signature",
        "trailer without a signature",
    ],
)
def test_a_changed_one_is_refused(request_: HttpRequest, old: bytes, new: bytes, kind: str) -> None:
    changed = replace(request_, body=request_.body.replace(old, new, 1))
    with pytest.raises(Unproven) as refused:
        gateway(KEYS).check(changed, MAY_2013)
    assert refused.value.kind == kind


def _unsigned(trailer: bytes) -> HttpRequest:
    """As SDKs send it over TLS: in chunks that nobody signed, with a checksum behind them."""
    headers = {
        "host": "s3.amazonaws.com",
        "content-encoding": "gzip,aws-chunked",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    body = b"5\r\nvalue\r\n0\r\n" + trailer + b"\r\n"
    return signed(KEYS, "s3", "PUT", "/bucket/key", headers, body, is_trailed=True)


def test_chunks_that_are_not_signed_become_one_body_too() -> None:
    _, whole = gateway(KEYS).check(_unsigned(b"x-amz-checksum-crc32: HbAjcg==\r\n"), time.time())
    assert (whole.body, whole.headers["x-amz-checksum-crc32"]) == (b"value", "HbAjcg==")
    assert whole.headers["content-encoding"] == "gzip", "that of the object itself"


def test_only_announced_headers_trail() -> None:
    with pytest.raises(Unproven) as refused:
        gateway(KEYS).check(_unsigned(b"x-amz-acl: public-read\r\n"), time.time())
    assert refused.value.kind == "trailer"


@pytest.mark.parametrize("cut", [3, 88, 1000, 66000])
def test_a_body_that_ends_early_is_incomplete(cut: int) -> None:
    with pytest.raises(Unproven) as refused:
        gateway(KEYS).check(replace(WHOLE, body=WHOLE.body[:-cut]), MAY_2013)
    assert refused.value.kind == "incomplete"

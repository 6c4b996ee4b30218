"""What is asked of a request before anybody looks at it, one thing at a time."""

import time
from dataclasses import replace
from email.utils import formatdate

import pytest

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing.authentication import Unproven
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.gateway.signing.sigv4 import Signer
from infrastructure.embedded.gateway.signing.tests.signing import gateway, refusal, signed

KEYS = Credentials(access_key="AKIA", secret_key="s3cret")
SESSION = Credentials(access_key="ASIA", secret_key="s3cret", token="t0ken")
MINUTE, DAY = 60, 86_400


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (KEYS, None),
        (SESSION, "unknown"),
        (replace(KEYS, secret_key="other"), "mismatch"),
        (replace(KEYS, token="stray"), "token"),
    ],
    ids=["good", "another key", "another secret", "stray token"],
)
def test_keys_must_be_known_and_whole(keys: Credentials, kind: str | None) -> None:
    for request in (signed(keys, "ecs", "POST", body=b"{}"), signed(keys, "s3"), signed(keys, "s3", is_query=True)):
        assert refusal(gateway(KEYS), request, time.time()) == kind


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (SESSION, None),
        (replace(SESSION, token=None), "unknown"),
        (replace(SESSION, token="stray"), "token"),
    ],
    ids=["its token", "none", "another"],
)
def test_a_session_calls_with_its_token(keys: Credentials, kind: str | None) -> None:
    for request in (signed(keys, "ecs"), signed(keys, "s3"), signed(keys, "s3", is_query=True)):
        assert refusal(gateway(SESSION), request, time.time()) == kind


def test_a_session_ends() -> None:
    now = time.time()
    request = signed(SESSION, "ecs")
    assert refusal(gateway(SESSION, expires_at=now + 1), request, now) is None
    assert refusal(gateway(SESSION, expires_at=now), request, now) == "expired-token"


@pytest.mark.parametrize(
    ("service", "is_query", "before_s", "after_s", "early", "late"),
    [
        ("ecs", False, 5 * MINUTE, 5 * MINUTE, "early", "late"),
        ("s3", False, 15 * MINUTE, 15 * MINUTE, "early", "late"),
        ("sts", True, 5 * MINUTE, 15 * MINUTE, "early", "late"),
    ],
)
def test_clocks_may_differ_by_minutes(
    service: str, *, is_query: bool, before_s: int, after_s: int, early: str, late: str
) -> None:
    request = signed(KEYS, service, is_query=is_query)
    now = time.time()
    at = [now - before_s - 2, now - before_s + 2, now + after_s - 2, now + after_s + 2]
    assert [refusal(gateway(KEYS), request, each) for each in at] == [early, None, None, late]


LATE = "Signature expired: 20130524T000000Z is now earlier than 20130524T000001Z (20130524T000501Z - 5 min.)"
EARLY = "Signature not yet current: 20130524T000000Z is still later than 20130523T235959Z (20130523T235459Z + 5 min.)"


@pytest.mark.parametrize(("off_s", "text"), [(-301, LATE), (301, EARLY)], ids=["late", "early"])
def test_a_clock_that_is_off_is_told_by_how_much(off_s: int, text: str) -> None:
    made = 1369353600.0
    headers = Signer(KEYS, "ecs", "us-east-1").sign("POST", "/", {"host": "localhost"}, b"", made)
    with pytest.raises(Unproven) as refused:
        gateway(KEYS).check(HttpRequest(method="POST", path="/", query="", headers=headers, body=b""), made - off_s)
    assert refused.value.detail == text


def test_a_presigned_url_lasts_as_long_as_it_says() -> None:
    request = signed(KEYS, "s3", is_query=True, expires_s=30 * MINUTE)
    now = time.time()
    at = [now - 15 * MINUTE - 2, now, now + 30 * MINUTE - 2, now + 30 * MINUTE + 2]
    assert [refusal(gateway(KEYS), request, each) for each in at] == ["not-yet", None, None, "expired"]


@pytest.mark.parametrize(("expires_s", "kind"), [(1, None), (7 * DAY, None), (0, "malformed-query")])
def test_a_presigned_url_lasts_a_week_at_most(expires_s: int, kind: str | None) -> None:
    assert refusal(gateway(KEYS), signed(KEYS, "s3", is_query=True, expires_s=expires_s), time.time() - 1) == kind
    longer = signed(KEYS, "s3", is_query=True, expires_s=7 * DAY + 1)
    assert refusal(gateway(KEYS), longer, time.time()) == "malformed-query"


@pytest.mark.parametrize(
    ("name", "old", "new", "kind"),
    [
        ("x-amz-acl", "", "public-read", "header"),
        ("user-agent", "", "another", None),
        ("x-amz-date", "", "20200101T000000Z", "malformed"),
        ("x-amz-date", "", "soon", "malformed"),
        ("x-amz-content-sha256", "", "UNSIGNED-PAYLOAD", "mismatch"),
        ("x-amz-content-sha256", "", None, "no-hash"),
        ("authorization", "", None, "unsigned"),
        ("authorization", "", "AWS4-HMAC-SHA256 nothing", "malformed"),
        ("authorization", "", "AWS AKIA:c2lnbmVk", "version"),
        ("authorization", "", "Basic QUtJQTpzM2NyZXQ=", "version"),
        ("authorization", "host;", "", "malformed"),
        ("authorization", "host;", "host;x-no;", "mismatch"),
        ("authorization", "us-east-1", "eu-west-1", "mismatch"),
        ("authorization", "/aws4_request", "", "malformed"),
    ],
    ids=[
        "unsigned x-amz header",
        "unsigned other header",
        "date of another day",
        "no date",
        "another hash of the body",
        "no hash of the body",
        "nothing",
        "no fields",
        "version 2",
        "basic",
        "host unsigned",
        "signed header not there",
        "another region",
        "scope cut short",
    ],
)
def test_the_header_must_be_whole(name: str, old: str, new: str | None, kind: str | None) -> None:
    request = signed(KEYS, "s3", "PUT", "/bucket/key", body=b"value")
    others = {each: value for each, value in request.headers.items() if each != name}
    text = request.headers[name].replace(old, new or "") if old else new
    changed = replace(request, headers=others if text is None else {**others, name: text})
    assert refusal(gateway(KEYS), changed, time.time()) == kind


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("AWSAccessKeyId=AKIA&Signature=w66VDgkdgG9WcYRL8HAr7zfjuyI%3D", "unsigned"),
        ("X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Signature=0", "version"),
        ("X-Amz-Signature=0", "malformed"),
        ("X-Amz-Credential=", "unsigned"),
        ("prefix=X-Amz-Credential", "unsigned"),
    ],
    ids=["half of version 2", "version 4a", "signature alone", "empty", "in a value"],
)
def test_a_query_must_be_signed_whole(query: str, kind: str) -> None:
    request = HttpRequest(method="GET", path="/bucket/key", query=query, headers={"host": "localhost"}, body=b"")
    assert refusal(gateway(KEYS), request, time.time()) == kind


def test_a_query_that_signs_and_a_header_are_one_too_many() -> None:
    header, query = signed(KEYS, "s3"), signed(KEYS, "s3", is_query=True)
    assert refusal(gateway(KEYS), replace(query, headers=header.headers), time.time()) == "malformed"


def test_s3_takes_the_word_that_a_body_is_not_signed_and_no_other_api_does() -> None:
    word = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    said = signed(KEYS, "ecs", "POST", headers=word, body=b"{}")  # botocore signs what the header says
    assert refusal(gateway(KEYS), said, time.time()) == "mismatch"
    presigned = signed(KEYS, "s3", "PUT", "/bucket/key", is_query=True)
    assert refusal(gateway(KEYS), replace(presigned, body=b"anything"), time.time()) is None


def test_a_body_that_s3_was_not_told_of_is_refused() -> None:
    request = signed(KEYS, "s3", "PUT", "/bucket/key", body=b"value")
    assert refusal(gateway(KEYS), replace(request, body=b"other"), time.time()) == "body"


def test_a_date_header_stands_in_for_the_time_stamp() -> None:
    """botocore signs by `Date` where the request has one."""
    request = signed(KEYS, "ecs", headers={"date": formatdate()})
    assert "x-amz-date" not in request.headers
    assert refusal(gateway(KEYS), request, time.time()) is None
    assert refusal(gateway(KEYS), replace(request, headers={**request.headers, "date": "now"}), 0.0) == "malformed"

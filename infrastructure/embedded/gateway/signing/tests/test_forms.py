"""The signature of a form's policy: AWS's published example, and fields that are none."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace

import pytest

from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.signing import forms, sigv4
from infrastructure.embedded.gateway.signing.authentication import Authentication, Unproven
from infrastructure.embedded.gateway.signing.credentials import Credentials, Keyring

POLICY = (
    "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2"
    "NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMt"
    "cmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29t"
    "L3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4"
    "LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0s"
    "DQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZP"
    "RE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1B"
    "Qy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
)
FIELDS = {
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
    "x-amz-date": "20151229T000000Z",
    "x-amz-signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
    "policy": POLICY,
}


def test_the_example_of_s3s_api_reference() -> None:
    claim = forms.claim(FIELDS, "us-east-1")
    assert claim is not None
    assert forms.signature("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", claim, POLICY) == claim.signature


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x-amz-algorithm", "AWS4-HMAC-SHA1", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"'),
        (
            "x-amz-credential",
            "AKIAIOSFODNN7EXAMPLE/20151229/us-west-1/s3/aws4_request",
            "the region 'us-west-1' is wrong; expecting 'us-east-1'",
        ),
        (
            "x-amz-credential",
            "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/sqs/aws4_request",
            'incorrect service "sqs". This endpoint belongs to "s3".',
        ),
        (
            "x-amz-credential",
            "AKIAIOSFODNN7EXAMPLE/20151230/us-east-1/s3/aws4_request",
            'the date "20151230" is not the one of X-Amz-Date, "20151229".',
        ),
        (
            "x-amz-credential",
            "nope",
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        ),
        ("x-amz-date", "yesterday", "X-Amz-Date must be formated via ISO8601 Long format"),
    ],
)
def test_a_field_that_is_wrong_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        forms.claim({**FIELDS, name: value}, "us-east-1")
    assert (refused.value.code, refused.value.status, refused.value.message) == ("InvalidArgument", 400, message)
    assert str(refused.value.more["ArgumentName"]).lower() in ("x-amz-date", name)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        *[({name: value for name, value in FIELDS.items() if name != left_out}, left_out) for left_out in FIELDS],
        ({"awsaccesskeyid": "AKIA", "policy": POLICY}, "signature"),
        ({"signature": "c2ln", "policy": POLICY}, "awsaccesskeyid"),
        ({"awsaccesskeyid": "AKIA", "signature": "c2ln"}, "policy"),
    ],
)
def test_a_part_of_a_signature_that_is_not_there_is_named(fields: Mapping[str, str], missing: str) -> None:
    with pytest.raises(Refused, match="Bucket POST must contain a field named") as refused:
        forms.claim(fields, "us-east-1")
    assert str(refused.value.more["ArgumentName"]).lower() == missing


def test_a_form_without_a_signature_is_nobodys() -> None:
    assert forms.claim({"key": "beans", "policy": POLICY}, "us-east-1") is None


def _signed(keys: Credentials, at: float, region: str = "us-east-1") -> dict[str, str]:
    stamp = sigv4.stamp(at)
    scope = sigv4.Scope(day=stamp[:8], region=region, service="s3")
    token = {"x-amz-security-token": keys.token} if keys.token is not None else {}
    return {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{keys.access_key}/{scope}",
        "x-amz-date": stamp,
        "policy": POLICY,
        "x-amz-signature": sigv4.signature_of(sigv4.signing_key(keys.secret_key, scope), POLICY),
        **token,
    }


def test_a_session_signs_with_its_token_as_long_as_it_lasts() -> None:
    keyring = Keyring("123456789012")
    keys = keyring.session(role="barista", session="a", role_id="AROA", name="a barista", expires_at=2000.0).credentials
    check = Authentication(keyring, "us-east-1").check_form
    issued = check(_signed(keys, 1000.0), 1999.0)
    assert issued is not None
    assert issued.principal.name == "a barista"
    for fields, at, kind in (
        (_signed(keys, 1000.0), 2000.0, "expired-token"),
        ({**_signed(keys, 1000.0), "x-amz-security-token": "another"}, 1000.0, "token"),
        (_signed(replace(keys, token=None), 1000.0), 1000.0, "unknown"),
        (_signed(replace(keys, secret_key="wrong"), 1000.0), 1000.0, "mismatch"),
    ):
        with pytest.raises(Unproven) as unproven:
            check(fields, at)
        assert unproven.value.kind == kind


@pytest.mark.parametrize(
    ("made_at", "kind"),
    [(0.0, "expired"), (1.0, None), (604_800.0 + 900.0, None), (604_800.0 + 901.0, "not-yet")],
)
def test_a_signature_lasts_seven_days_from_its_date(made_at: float, kind: str | None) -> None:
    keyring = Keyring("123456789012")
    fields = _signed(keyring.operator, made_at)
    if kind is None:
        assert Authentication(keyring, "us-east-1").check_form(fields, 604_800.0) is not None
    else:
        with pytest.raises(Unproven) as unproven:
            Authentication(keyring, "us-east-1").check_form(fields, 604_800.0)
        assert unproven.value.kind == kind


@pytest.mark.parametrize(("region", "is_taken"), [("us-east-1", True), ("eu-central-1", False)])
def test_version_2_is_for_the_oldest_regions(region: str, *, is_taken: bool) -> None:
    keyring = Keyring("123456789012")
    keys = keyring.operator
    made = base64.b64encode(hmac.digest(keys.secret_key.encode(), POLICY.encode(), "sha1")).decode()
    fields = {"awsaccesskeyid": keys.access_key, "policy": POLICY, "signature": made}
    if is_taken:
        assert Authentication(keyring, region).check_form(fields, 0.0) is not None
    else:
        with pytest.raises(Unproven, match="version"):
            Authentication(keyring, region).check_form(fields, 0.0)

"""The signature of a form that a browser posts to S3: not the request is signed but the form's policy. Pure.

Source: Amazon S3 API Reference, "Browser-Based Uploads Using POST (AWS Signature Version 4)"; Amazon S3 User Guide,
"Browser-based uploads using POST (AWS signature version 2)".
What S3 says of wrong fields is what users of it report.
"""

from collections.abc import Mapping

from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.signing import sigv2, sigv4
from infrastructure.embedded.gateway.signing.sigv4 import LONGEST, S3, Claim, Scope

POLICY = "policy"
_VERSION_4 = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature")
_VERSION_2 = ("AWSAccessKeyId", "Signature")
_FORM = '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"'


def claim(fields: Mapping[str, str], region: str) -> Claim | None:
    """The signature in a form's fields (by lower-case names), for a bucket in `region`; None when there is none.

    `Refused` where a part of it is not there, or is not for S3 in that region.
    """
    for names, read in ((_VERSION_4, _of_version_4), (_VERSION_2, _of_version_2)):
        if any(name.lower() in fields for name in names):
            for name in (*names, POLICY):
                require(fields, name)
            return read(fields, region)
    return None


def signature(secret_key: str, claimed: Claim, policy: str) -> str:
    """What the signature of `policy` (in base64, as it came) should be."""
    if claimed.version == 2:
        return sigv2.signature_of(secret_key, policy)
    return sigv4.signature_of(sigv4.signing_key(secret_key, claimed.scope), policy)


def require(fields: Mapping[str, str], name: str) -> None:
    """`Refused` unless the form has the field."""
    if name.lower() not in fields:
        order = "If it is specified, please check the order of the fields."
        raise argument(f"Bucket POST must contain a field named '{name}'.  {order}", name, "")


def argument(text: str, name: str, value: str) -> Refused:
    """The refusal of a field's value."""
    return Refused("InvalidArgument", text, ArgumentName=name, ArgumentValue=value)


def _of_version_4(fields: Mapping[str, str], region: str) -> Claim:
    algorithm, given, stamp, signed = (fields[name.lower()] for name in _VERSION_4)
    if algorithm != sigv4.ALGORITHM:
        raise argument(f'X-Amz-Algorithm only supports "{sigv4.ALGORITHM}"', "X-Amz-Algorithm", algorithm)
    try:
        access_key, scope = sigv4.credential(given[:LONGEST])
    except sigv4.Malformed:
        raise argument(f"the Credential is mal-formed; expecting {_FORM}.", "X-Amz-Credential", given) from None
    if sigv4.unix_time(stamp) is None:
        raise argument("X-Amz-Date must be formated via ISO8601 Long format", "X-Amz-Date", stamp)
    _check_scope(scope, given, stamp, region)
    return Claim(
        access_key=access_key,
        scope=scope,
        signed_headers=(),
        signature=signed,
        stamp=stamp,
        token=fields.get("x-amz-security-token"),
    )


def _check_scope(scope: Scope, given: str, stamp: str, region: str) -> None:
    if scope.day != stamp[:8]:
        text = f'the date "{scope.day}" is not the one of X-Amz-Date, "{stamp[:8]}".'
        raise argument(text, "X-Amz-Credential", given)
    if scope.service != S3:
        text = f'incorrect service "{scope.service}". This endpoint belongs to "{S3}".'
        raise argument(text, "X-Amz-Credential", given)
    if scope.region != region:
        text = f"the region '{scope.region}' is wrong; expecting '{region}'"
        named = {"ArgumentName": "X-Amz-Credential", "ArgumentValue": given, "Region": region}
        raise Refused("InvalidArgument", text, status=400, **named)


def _of_version_2(fields: Mapping[str, str], _region: str) -> Claim:
    return Claim(
        access_key=fields["awsaccesskeyid"],
        scope=Scope(day="", region=sigv2.REGION, service=S3),
        signed_headers=(),
        signature=fields["signature"],
        stamp="",
        token=fields.get("x-amz-security-token"),
        version=2,
    )

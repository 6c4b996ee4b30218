"""Signature version 2 in S3's presigned URLs: boto3 and the AWS CLI make them in AWS's oldest regions unless told
otherwise. Pure.

What it covers is little: not the host, and of the query only what names another resource or changes the answer.
Source: Amazon S3 User Guide, "Signing and authenticating REST requests", "Query string request authentication
alternative"; the regions are those that were there before 2014.
"""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import unquote, unquote_plus

REGIONS = frozenset(
    {
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "sa-east-1",
    }
)
REGION = "us-east-1"
"""Signed requests of this version do not say for which region they are."""
FIELDS = frozenset({"AWSAccessKeyId", "Signature", "Expires"})
"""What a query has that is signed so."""
_SUBRESOURCES = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)


def signature_of(secret_key: str, text: str) -> str:
    """The signature, in base64, of a string to sign."""
    return base64.b64encode(hmac.digest(secret_key.encode(), text.encode(), "sha1")).decode()


def signature(secret_key: str, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The signature, in base64, of a presigned request. What would be headers may stand in its query."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    fields = {name.lower(): unquote_plus(value) for name, _, value in pairs}
    known = {**fields, **headers}
    standard = [known.get("content-md5", ""), known.get("content-type", ""), fields.get("expires", "")]
    custom = [f"{name}:{known[name].strip()}" for name in sorted(known) if name.startswith("x-amz-")]
    named = sorted((name, sep, unquote(value)) for name, sep, value in pairs if name in _SUBRESOURCES)
    resource = "&".join("".join(each) for each in named)
    text = "\n".join([method, *standard, *custom, f"{path}?{resource}" if resource else path])
    return signature_of(secret_key, text)

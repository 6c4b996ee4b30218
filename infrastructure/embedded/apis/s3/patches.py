"""Access control, policies and versioning that S3 cannot read are refused in S3's words.

Adds to `moto.s3.responses.S3Response` (moto 5.2), which fails on a grant without a grantee and on an access control
list that is not there, finds no bucket where the state of versioning is not said, and keeps a policy that is no JSON:
every later call on the bucket then fails. `_handle_range_header` fails on a range that S3 takes for none,
`_get_results_from_token` on a token that is made up. To `moto.s3.models.FakeBucket`: a new one blocks public access.
Source: S3 API Reference, PutBucketAcl, PutBucketPolicy, PutBucketVersioning, "Error responses".
"""

import json
import re
from typing import Any

from moto.s3.exceptions import InvalidArgumentError, InvalidContinuationToken, S3ClientError
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend
from moto.s3.responses import S3Response

_GRANT = "x-amz-grant-"
_GRANTEE = re.compile('(id|uri|emailaddress)="?[^"=,]+"?', re.IGNORECASE)
_STATUS = re.compile(rb"<Status>(Enabled|Suspended)</Status>")
_acl_from_headers = S3Response._acl_from_headers
_bucket_response_put = S3Response._bucket_response_put
_get_results_from_token = S3Backend._get_results_from_token
_handle_range_header = S3Response._handle_range_header
_made = FakeBucket.__init__


def _closed(bucket: Any, *given: Any, **more: Any) -> None:
    """As of all buckets since April 2023."""
    _made(bucket, *given, **more)
    bucket.public_access_block = PublicAccessBlock("true", "true", "true", "true")


def _acl_checked(response: Any, headers: Any) -> Any:
    for name, value in headers.items():
        if name.lower().startswith(_GRANT) and not all(_GRANTEE.fullmatch(each.strip()) for each in value.split(",")):
            raise InvalidArgumentError("Argument format not recognized", name.lower(), value)
    return _acl_from_headers(response, headers)


def _put_checked(response: Any, request: Any, bucket_name: str, querystring: Any) -> Any:
    body = bytes(response.body or b"")
    if "versioning" in querystring and not _STATUS.search(body):
        raise S3ClientError("IllegalVersioningConfigurationException", "The Versioning element must be specified")
    if "policy" in querystring and not _is_object(body):
        raise S3ClientError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
    if "acl" in querystring and not body and not any(_is_acl(name.lower()) for name, _ in request.headers.items()):
        raise S3ClientError("MissingSecurityHeader", "Your request was missing a required header")
    answer = _bucket_response_put(response, request, bucket_name, querystring)
    return (204, {}, "") if answer == "True" else answer  # which is what moto says of a policy that it has taken


def _ranged(response: Any, request: Any, headers: dict[str, Any], content: Any) -> Any:
    """The part that is asked for; all of it where S3 cannot read what is."""
    is_readable = request.headers.get("range", "").count("=") == 1
    return _handle_range_header(response, request, headers, content) if is_readable else (200, headers, content)


def _continued(backend: Any, keys: Any, token: str | None) -> Any:
    if token is None:  # what moto finds under a token that it did not give out
        raise InvalidContinuationToken
    return _get_results_from_token(backend, keys, token)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _is_acl(name: str) -> bool:
    return name == "x-amz-acl" or name.startswith(_GRANT)


def install() -> None:
    """Look first."""
    FakeBucket.__init__ = _closed
    S3Response._acl_from_headers = _acl_checked
    S3Response._bucket_response_put = _put_checked
    S3Backend._get_results_from_token = _continued
    S3Response._handle_range_header = _ranged

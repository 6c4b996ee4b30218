"""Access control and versioning that S3 cannot read are refused in S3's words.

Adds to `moto.s3.responses.S3Response` (moto 5.2), which fails on a grant without a grantee and on an access control
list that is not there, and finds no bucket where the state of versioning is not said.
Source: S3 API Reference, PutBucketAcl, PutBucketVersioning, "Error responses".
"""

import re
from typing import Any

from moto.s3.exceptions import InvalidArgumentError, S3ClientError
from moto.s3.responses import S3Response

_GRANT = "x-amz-grant-"
_GRANTEE = re.compile('(id|uri|emailaddress)="?[^"=,]+"?', re.IGNORECASE)
_STATUS = re.compile(rb"<Status>(Enabled|Suspended)</Status>")
_acl_from_headers = S3Response._acl_from_headers
_bucket_response_put = S3Response._bucket_response_put


def _acl_checked(response: Any, headers: Any) -> Any:
    for name, value in headers.items():
        if name.lower().startswith(_GRANT) and not all(_GRANTEE.fullmatch(each.strip()) for each in value.split(",")):
            raise InvalidArgumentError("Argument format not recognized", name.lower(), value)
    return _acl_from_headers(response, headers)


def _put_checked(response: Any, request: Any, bucket_name: str, querystring: Any) -> Any:
    body = bytes(response.body or b"")
    if "versioning" in querystring and not _STATUS.search(body):
        raise S3ClientError("IllegalVersioningConfigurationException", "The Versioning element must be specified")
    if "acl" in querystring and not body and not any(_is_acl(name.lower()) for name, _ in request.headers.items()):
        raise S3ClientError("MissingSecurityHeader", "Your request was missing a required header")
    return _bucket_response_put(response, request, bucket_name, querystring)


def _is_acl(name: str) -> bool:
    return name == "x-amz-acl" or name.startswith(_GRANT)


def install() -> None:
    """Look first."""
    S3Response._acl_from_headers = _acl_checked
    S3Response._bucket_response_put = _put_checked

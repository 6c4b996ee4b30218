"""From what a call says about code (bytes, or an object in S3) to a checked archive that is being unpacked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infrastructure.embedded.apis.lambda_.calls import invalid
from infrastructure.embedded.engines.functions.engine import BadPackage, CodePackage, Functions
from infrastructure.embedded.gateway.refused import Refused

DIRECT_LIMIT = 50 << 20
"""Bytes of an archive that comes with the call; larger ones come from S3."""


def stored(given: Mapping[str, Any], engine: Functions, s3: Any) -> tuple[CodePackage, Path]:
    """The archive that `given` (ZipFile, or S3Bucket, S3Key and S3ObjectVersion) is, and where it will be unpacked.

    `s3` are moto's buckets. Refused as AWS does: InvalidParameterValueException, RequestTooLargeException.
    """
    try:
        return engine.store(_archive(given, s3))
    except BadPackage as problem:
        raise invalid(str(problem)) from problem


def _archive(given: Mapping[str, Any], s3: Any) -> bytes:
    archive: bytes | None = given.get("ZipFile")
    if archive is not None:
        if len(archive) > DIRECT_LIMIT:
            message = f"Request must be smaller than {DIRECT_LIMIT} bytes for the direct upload; use S3"
            raise Refused("RequestTooLargeException", message, status=413, Type="User")
        return archive
    bucket, key = given.get("S3Bucket"), given.get("S3Key")
    if not bucket or not key:
        raise invalid("Please provide a source for function code: ZipFile, or S3Bucket and S3Key.")
    return _object(s3, str(bucket), str(key), given.get("S3ObjectVersion"))


def _object(s3: Any, bucket: str, key: str, version: str | None) -> bytes:
    if bucket not in s3.buckets:
        raise _missing("NoSuchBucket", "The specified bucket does not exist")
    found = s3.get_object(bucket, key, version_id=version)
    if found is None:
        raise _missing("NoSuchKey", "The specified key does not exist.")
    return bytes(found.value)


def _missing(code: str, message: str) -> Refused:
    return invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")

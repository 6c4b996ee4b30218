"""What is uploaded between two stacks: functions' packages, into the bucket of one, by their keys into the next."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.errors import EnvironmentFault
from infrastructure.packages import Archive, Package
from infrastructure.stacks import Talk

BUCKET = "ArtifactBucketName"
"""The output that names the bucket."""
_AT_ONCE = 1000
"""Objects that S3 deletes in one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """Puts packages into the bucket once its stack is complete; a `stacks.Supplier` of where they lie."""

    packages: tuple[Package, ...]
    s3: Callable[[], Any]
    """The S3 client, built when it is first needed."""
    talk: Talk

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(name for package in self.packages for name in package.parameters())

    def __call__(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        """Upload what is not there yet. `EnvironmentFault` when S3 refuses."""
        archives = [archive for package in self.packages for archive in (package.code, package.layer)]
        upload(self.s3(), outputs[BUCKET], archives, self.talk)
        return {name: value for package in self.packages for name, value in package.parameters().items()}


def upload(s3: Any, bucket: str, archives: Iterable[Archive], talk: Talk) -> None:
    """Put each archive that is not in `bucket` yet there; an archive's name tells its content."""
    from botocore.exceptions import ClientError

    for archive in archives:
        try:
            if not _is_there(s3, bucket, archive.key):
                talk(f"{archive.name}: uploading {archive.file.stat().st_size / 1e6:.1f} MB")
                with archive.file.open("rb") as content:
                    s3.put_object(Bucket=bucket, Key=archive.key, Body=content)
        except ClientError as refusal:
            raise EnvironmentFault(f"{archive.name} cannot be uploaded to the bucket {bucket}: {refusal}") from refusal


def empty(s3: Any, bucket: str) -> None:
    """Delete everything in `bucket`: CloudFormation deletes no bucket that holds objects. One that is gone is fine."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": _AT_ONCE})
    try:
        for page in pages:
            keys = [{"Key": found["Key"]} for found in page.get("Contents", ())]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}) if keys else {}
            if errors := answer.get("Errors"):
                raise EnvironmentFault(
                    f"{len(errors)} objects of the bucket {bucket} cannot be deleted, the first {errors[0]['Key']!r}:"
                    f" {errors[0]['Code']}: {errors[0]['Message']}"
                )
    except s3.exceptions.NoSuchBucket:
        return


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return any(item["Key"] == key for item in found.get("Contents", ()))

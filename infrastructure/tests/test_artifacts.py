"""Packages are uploaded once, and a bucket is empty before it is deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infrastructure import artifacts
from infrastructure.artifacts import Uploads
from infrastructure.errors import EnvironmentFault
from infrastructure.packages import Archive, Package

BUCKET = "artifacts"


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def package(tmp_path: Path) -> Package:
    for name in ("code", "layer"):
        (tmp_path / name).write_bytes(name.encode())
    return Package(
        service="payment",
        code=Archive(name="payment-code", digest="c0", file=tmp_path / "code"),
        layer=Archive(name="payment-layer", digest="1a", file=tmp_path / "layer"),
        runtime="python3.11",
        architecture="x86_64",
    )


def quiet(_line: str) -> None:
    """Nobody listens."""


def keys(s3: Any) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def test_packages_are_uploaded_and_their_keys_become_parameters(s3: Any, package: Package) -> None:
    uploads = Uploads(packages=(package,), s3=lambda: s3, talk=quiet)
    given = uploads({"ArtifactBucketName": BUCKET})
    assert given == {
        "PaymentCodeKey": "payment-code/c0.zip",
        "PaymentLayerKey": "payment-layer/1a.zip",
        "PaymentRuntime": "python3.11",
        "PaymentArchitecture": "x86_64",
    }
    assert uploads.parameters == set(given)
    assert keys(s3) == ["payment-code/c0.zip", "payment-layer/1a.zip"]
    assert s3.get_object(Bucket=BUCKET, Key="payment-code/c0.zip")["Body"].read() == b"code"


def test_what_is_there_is_not_uploaded_again(s3: Any, package: Package) -> None:
    said: list[str] = []
    uploads = Uploads(packages=(package,), s3=lambda: s3, talk=said.append)
    for _ in range(2):
        uploads({"ArtifactBucketName": BUCKET})
    assert len(said) == 2, said


def test_a_refused_upload_names_package_and_bucket(s3: Any, package: Package) -> None:
    with pytest.raises(EnvironmentFault, match=r"payment-code cannot be uploaded to the bucket lost: .*NoSuchBucket"):
        Uploads(packages=(package,), s3=lambda: s3, talk=quiet)({"ArtifactBucketName": "lost"})


def test_a_bucket_of_several_pages_is_emptied(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "_AT_ONCE", 2)
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"key-{number}", Body=b"")
    artifacts.empty(s3, BUCKET)
    assert keys(s3) == []
    s3.delete_bucket(Bucket=BUCKET)
    artifacts.empty(s3, BUCKET)

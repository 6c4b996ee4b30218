"""AWS::S3::Bucket, with encryption, ownership, tags and the block of public access."""

from typing import Any

from infrastructure.embedded.stacks.resource_type import CONSTRAINT, REF, Members, Properties, ResourceType, Step, prop

_NAME = {"Bucket": REF}


def _setting(on: str, member: str, value: Any, noun: str = "", **more: Any) -> Step:
    """What a call puts as a whole and another one takes away."""
    noun = noun or f"Bucket{on.removeprefix('Bucket')}"
    without = Step(f"Delete{noun}", _NAME)
    return Step(f"Put{noun}", {**_NAME, member: value}, (on,), is_setting=True, without=without, **more)


def _encryption(properties: Properties) -> Members:
    """S3 has other names for the same rules."""
    rules = [
        {"Apply" + name if name == "ServerSideEncryptionByDefault" else name: value for name, value in rule.items()}
        for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


TYPES = (
    ResourceType(
        # As on AWS, one that holds objects cannot be deleted: whoever deploys empties it first.
        "AWS::S3::Bucket",
        "s3",
        name="BucketName",
        is_lower_case=True,
        create=Step(
            "CreateBucket",
            {"Bucket": prop("BucketName"), "CreateBucketConfiguration": {"LocationConstraint": CONSTRAINT}},
        ),
        attributes={
            "Arn": "arn:aws:s3:::{ref}",
            "DomainName": "{ref}.s3.amazonaws.com",
            "RegionalDomainName": "{ref}.s3.{region}.amazonaws.com",
        },
        changes=(
            _setting("BucketEncryption", "Bucket", REF, shape=_encryption),
            _setting("OwnershipControls", "OwnershipControls", prop("OwnershipControls")),
            _setting(
                "PublicAccessBlockConfiguration",
                "PublicAccessBlockConfiguration",
                prop("PublicAccessBlockConfiguration"),
                "PublicAccessBlock",
            ),
            _setting("Tags", "Tagging", {"TagSet": prop("Tags")}, "BucketTagging"),
        ),
        delete=Step("DeleteBucket", _NAME),
    ),
)

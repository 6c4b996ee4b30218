"""AWS::S3::Bucket, with encryption, ownership, tags and the block of public access."""

from collections.abc import Callable

from infrastructure.embedded.stacks.resource_type import CONSTRAINT, REF, Members, Properties, ResourceType, Step, prop


def _setting(on: str, noun: str, where: Members, shape: Callable[[Properties], Members] | None = None) -> Step:
    """What a call puts as a whole and another one takes away."""
    return Step(f"Put{noun}", (on,), where, is_setting=True, without=Step(f"Delete{noun}"), shape=shape)


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
        key={"Bucket": REF},
        rename={"BucketName": "Bucket"},
        create=Step("CreateBucket", where={"CreateBucketConfiguration": {"LocationConstraint": CONSTRAINT}}),
        attributes={
            "Arn": "arn:aws:s3:::{ref}",
            "DomainName": "{ref}.s3.amazonaws.com",
            "RegionalDomainName": "{ref}.s3.{region}.amazonaws.com",
        },
        changes=(
            _setting("BucketEncryption", "BucketEncryption", {}, _encryption),
            _setting("OwnershipControls", "BucketOwnershipControls", {}),
            _setting("PublicAccessBlockConfiguration", "PublicAccessBlock", {}),
            _setting("Tags", "BucketTagging", {"Tagging": {"TagSet": prop("Tags")}}),
        ),
        delete=Step("DeleteBucket"),
    ),
)

"""AWS::S3::Bucket, with encryption, ownership and the block of public access; moto's own type drops the last two."""

from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel
from moto.s3.cloud_formation import cfn_to_api_encryption

from infrastructure.embedded.stacks.resource import Api, Properties, Refused, Resource, require_only

_CHANGEABLE = ("BucketEncryption", "OwnershipControls", "PublicAccessBlockConfiguration", "Tags")


class Bucket(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its name. As on AWS, one that holds objects cannot be deleted: whoever deploys empties it first."""

    TYPE: ClassVar[str] = "AWS::S3::Bucket"
    NAME: ClassVar[str] = "BucketName"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn", "DomainName", "RegionalDomainName"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        unknown = sorted(set(properties) - {"BucketName", *_CHANGEABLE})
        if unknown:
            raise Refused(f"{cls.TYPE}: the embedded cloud does not do {', '.join(unknown)}")
        record = api.backend("s3").create_bucket(name.lower(), api.region)
        where = {
            "Arn": record.arn,
            "DomainName": record.domain_name,
            "RegionalDomainName": record.regional_domain_name,
        }
        made = cls(name.lower(), properties, where)
        _configure(api.backend("s3"), made.physical_resource_id, properties)
        return made

    def update(self, api: Api, properties: Properties) -> Resource:
        require_only(self, properties, _CHANGEABLE)
        _configure(api.backend("s3"), self.physical_resource_id, properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        s3 = api.backend("s3")
        if self.physical_resource_id in s3.buckets and s3.delete_bucket(self.physical_resource_id) is None:
            raise Refused("The bucket you tried to delete is not empty")


def _configure(s3: Any, name: str, properties: Properties) -> None:
    """Make everything that can change as the template says."""
    encryption, ownership = properties.get("BucketEncryption"), properties.get("OwnershipControls")
    block = properties.get("PublicAccessBlockConfiguration")
    s3.put_bucket_encryption(name, cfn_to_api_encryption(encryption) if encryption else None)
    # moto keeps the name of the one rule, S3's API allows no more than one.
    s3.put_bucket_ownership_controls(name, ownership["Rules"][0]["ObjectOwnership"] if ownership else None)
    if block:
        s3.put_public_access_block(name, {key: str(value).lower() for key, value in block.items()})
    else:
        s3.delete_public_access_block(name)
    s3.put_bucket_tagging(name, {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags", ())})

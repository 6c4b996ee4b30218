"""AWS::ECR::Repository."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, att, prop

TYPES = (
    ResourceType(
        "AWS::ECR::Repository",
        "ecr",
        name="RepositoryName",
        is_lower_case=True,
        key={"repositoryName": REF},
        create=Step("CreateRepository"),
        describe=Step("DescribeRepositories"),
        item="repositories",
        attributes={"Arn": "repositoryArn", "RepositoryUri": "repositoryUri"},
        changes=(
            Step("PutImageTagMutability", ("ImageTagMutability",), defaults={"ImageTagMutability": "MUTABLE"}),
            Step("PutImageScanningConfiguration", ("ImageScanningConfiguration",)),
        ),
        tags=Tags("TagResource", "UntagResource", {"resourceArn": att("Arn")}),
        delete=Step("DeleteRepository", where={"force": prop("EmptyOnDelete")}),
    ),
)

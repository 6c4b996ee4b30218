"""AWS::ECR::Repository."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, att, prop

_NAME = {"repositoryName": REF}

TYPES = (
    ResourceType(
        "AWS::ECR::Repository",
        "ecr",
        name="RepositoryName",
        is_lower_case=True,
        create=Step("CreateRepository"),
        describe=Step("DescribeRepositories", {"repositoryNames": REF}),
        item="repositories",
        attributes={"Arn": "repositoryArn", "RepositoryUri": "repositoryUri"},
        changes=(
            Step("PutImageTagMutability", _NAME, ("ImageTagMutability",), defaults={"ImageTagMutability": "MUTABLE"}),
            Step("PutImageScanningConfiguration", _NAME, ("ImageScanningConfiguration",)),
        ),
        tags=Tags("TagResource", "UntagResource", {"resourceArn": att("Arn")}),
        delete=Step("DeleteRepository", {**_NAME, "force": prop("EmptyOnDelete")}),
    ),
)

"""AWS::Logs::LogGroup and ResourcePolicy."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, found

TYPES = (
    ResourceType(
        "AWS::Logs::LogGroup",
        "logs",
        name="LogGroupName",
        key={"logGroupName": REF},
        create=Step("CreateLogGroup"),
        describe=Step("DescribeLogGroups", where={"logGroupNamePrefix": REF}),
        item="logGroups",
        attributes={"Arn": "arn"},
        changes=(
            Step("PutRetentionPolicy", ("RetentionInDays",), is_setting=True, without=Step("DeleteRetentionPolicy")),
        ),
        tags=Tags("TagResource", "UntagResource", {"resourceArn": found("logGroupArn")}),
        delete=Step("DeleteLogGroup"),
    ),
    ResourceType(
        "AWS::Logs::ResourcePolicy",
        "logs",
        name="PolicyName",
        key={"policyName": REF},
        create=Step("PutResourcePolicy"),
        is_put=True,
        delete=Step("DeleteResourcePolicy"),
    ),
)

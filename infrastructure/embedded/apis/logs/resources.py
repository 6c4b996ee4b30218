"""AWS::Logs::LogGroup and ResourcePolicy."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, att

_NAME = {"logGroupName": REF}

TYPES = (
    ResourceType(
        "AWS::Logs::LogGroup",
        "logs",
        name="LogGroupName",
        create=Step("CreateLogGroup"),
        describe=Step("DescribeLogGroups", {"logGroupNamePrefix": REF}),
        item="logGroups",
        attributes={"Arn": "arn"},
        changes=(
            Step(
                "PutRetentionPolicy",
                _NAME,
                ("RetentionInDays",),
                is_setting=True,
                without=Step("DeleteRetentionPolicy", _NAME),
            ),
        ),
        tags=Tags("TagResource", "UntagResource", {"resourceArn": att("Arn")}),
        delete=Step("DeleteLogGroup", _NAME),
    ),
    ResourceType(
        "AWS::Logs::ResourcePolicy",
        "logs",
        name="PolicyName",
        create=Step("PutResourcePolicy"),
        is_put=True,
        delete=Step("DeleteResourcePolicy", {"policyName": REF}),
    ),
)

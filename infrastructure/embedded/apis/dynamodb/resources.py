"""AWS::DynamoDB::Table."""

from infrastructure.embedded.stacks.resource_type import REF, Properties, ResourceType, Step, Tags, att, former

_NAME = {"TableName": REF}


def _normal(properties: Properties) -> Properties:
    """CloudFormation's switches as the API has them; an expiry that is off is none, which the API refuses to set."""
    given = dict(properties)
    if "StreamSpecification" in given:
        given["StreamSpecification"] = {"StreamEnabled": True, **given["StreamSpecification"]}
    if "SSESpecification" in given:
        kept = {name: value for name, value in given["SSESpecification"].items() if name != "SSEEnabled"}
        given["SSESpecification"] = {"Enabled": given["SSESpecification"]["SSEEnabled"], **kept}
    if str(given.get("TimeToLiveSpecification", {}).get("Enabled", "")).lower() == "false":
        del given["TimeToLiveSpecification"]
    return given


TYPES = (
    ResourceType(
        "AWS::DynamoDB::Table",
        "dynamodb",
        name="TableName",
        normal=_normal,
        create=Step("CreateTable"),
        describe=Step("DescribeTable", _NAME),
        item="Table",
        attributes={"Arn": "TableArn", "StreamArn": "LatestStreamArn"},
        changes=(
            Step(
                "UpdateTable",
                _NAME,
                ("BillingMode", "DeletionProtectionEnabled", "ProvisionedThroughput"),
                defaults={"BillingMode": "PROVISIONED", "DeletionProtectionEnabled": False},
            ),
            Step(
                "UpdateTimeToLive",
                _NAME,
                ("TimeToLiveSpecification",),
                is_setting=True,
                defaults={
                    "TimeToLiveSpecification": {
                        "Enabled": False,
                        "AttributeName": former("TimeToLiveSpecification.AttributeName"),
                    }
                },
            ),
            Step(
                "UpdateContinuousBackups",
                _NAME,
                ("PointInTimeRecoverySpecification",),
                is_setting=True,
                defaults={"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}},
            ),
        ),
        tags=Tags("TagResource", "UntagResource", {"ResourceArn": att("Arn")}),
        delete=Step("DeleteTable", _NAME),
    ),
)

"""AWS::DynamoDB::Table."""

from infrastructure.embedded.stacks.resource_type import REF, Properties, ResourceType, Step, Tags, att, former

_OFF = {"Enabled": False, "AttributeName": former("TimeToLiveSpecification.AttributeName")}
_DEFAULTS = {
    "BillingMode": "PROVISIONED",
    "DeletionProtectionEnabled": False,
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
    "TimeToLiveSpecification": _OFF,
}


def _change(action: str, *on: str, is_setting: bool = False) -> Step:
    return Step(action, on, defaults=_DEFAULTS, is_setting=is_setting)


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
        key={"TableName": REF},
        normal=_normal,
        create=Step("CreateTable"),
        describe=Step("DescribeTable"),
        item="Table",
        attributes={"Arn": "TableArn", "StreamArn": "LatestStreamArn"},
        changes=(
            _change("UpdateTable", "BillingMode", "DeletionProtectionEnabled", "ProvisionedThroughput"),
            _change("UpdateTimeToLive", "TimeToLiveSpecification", is_setting=True),
            _change("UpdateContinuousBackups", "PointInTimeRecoverySpecification", is_setting=True),
        ),
        tags=Tags("TagResource", "UntagResource", {"ResourceArn": att("Arn")}),
        delete=Step("DeleteTable"),
    ),
)

"""AWS::CloudWatch::Alarm and Dashboard."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, att

TYPES = (
    ResourceType(
        "AWS::CloudWatch::Alarm",
        "monitoring",
        name="AlarmName",
        key={"AlarmName": REF},
        create=Step("PutMetricAlarm"),
        is_put=True,
        describe=Step("DescribeAlarms"),
        item="MetricAlarms",
        attributes={"Arn": "AlarmArn"},
        tags=Tags("TagResource", "UntagResource", {"ResourceARN": att("Arn")}),
        delete=Step("DeleteAlarms"),
    ),
    ResourceType(
        "AWS::CloudWatch::Dashboard",
        "monitoring",
        name="DashboardName",
        key={"DashboardName": REF},
        create=Step("PutDashboard"),
        is_put=True,
        delete=Step("DeleteDashboards"),
    ),
)

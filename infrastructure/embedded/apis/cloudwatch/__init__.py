"""CloudWatch: metrics and the alarms over them."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="monitoring",
    model="cloudwatch",
    moto="cloudwatch",
    handler="CloudWatchResponse",
    protocol="json",
    target="GraniteServiceVersion20100801",
    data=names("PutMetricData"),
    effects={
        "DeleteAlarms": "judged no more",
        "DescribeAlarmHistory": "every change of state and configuration",
        "DescribeAlarms": "states are those of the data",
        "GetMetricData": "the platform's own metrics and the services'",
        "GetMetricStatistics": "the platform's own metrics and the services', percentiles too",
        "PutMetricAlarm": "judged every period: M of N, missing data, state and history; actions are not carried out",
        "PutMetricData": "a data point, queryable at once at a period of 1 s",
        "SetAlarmState": "holds until the next evaluation says otherwise",
    },
    records={
        "alarms carry out no actions here": "DisableAlarmActions EnableAlarmActions",
        "a dashboard is a drawing": "PutDashboard DeleteDashboards",
        "tags": "TagResource UntagResource",
    },
    invalid="ValidationError",
    controller="infrastructure.embedded.apis.cloudwatch.controller:CloudWatchController",
    resources="infrastructure.embedded.apis.cloudwatch.resources",
)

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
    effects={"DeleteAlarms": "judged no more"},
    kinder={
        "GetMetricData": "complete at once; up to minutes late on AWS",
        "GetMetricStatistics": "complete at once; up to minutes late on AWS",
        "PutMetricData": "can be asked for at once; after up to two minutes on AWS",
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

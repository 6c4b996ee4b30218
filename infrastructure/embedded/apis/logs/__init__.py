"""CloudWatch Logs: groups and streams on record."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="logs",
    moto="logs",
    handler="LogsResponse",
    protocol="json",
    target="Logs_20140328",
    invalid="InvalidParameterException",
    data=names("PutLogEvents"),
    records={
        "what containers write goes to files": "CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream",
        "nothing here lives for days": "PutRetentionPolicy DeleteRetentionPolicy",
        "nothing follows the groups": (
            "PutMetricFilter DeleteMetricFilter PutSubscriptionFilter DeleteSubscriptionFilter"
        ),
        "tags and policies": (
            "TagLogGroup UntagLogGroup TagResource UntagResource PutResourcePolicy DeleteResourcePolicy"
        ),
    },
    note="Log groups are records: what containers write goes to files (`cafe logs`).",
    rules="infrastructure.embedded.apis.logs.rules",
    resources="infrastructure.embedded.apis.logs.resources",
)

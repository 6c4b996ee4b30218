"""CloudWatch Logs: groups and streams on record, and those of containers (apis/ecs/logs.py) with what they write."""

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
        "what containers write is in their streams": "CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream",
        "nothing here lives for days": "PutRetentionPolicy DeleteRetentionPolicy",
        "nothing follows the groups": (
            "PutMetricFilter DeleteMetricFilter PutSubscriptionFilter DeleteSubscriptionFilter"
        ),
        "tags and policies": (
            "TagLogGroup UntagLogGroup TagResource UntagResource PutResourcePolicy DeleteResourcePolicy"
        ),
    },
    note=(
        "What a container with the driver awslogs writes is read from the last MiB of its log file (`cafe logs`), of"
        " the fifty newest tasks; what functions and instances write is in files only."
    ),
    controller="infrastructure.embedded.apis.logs.controller:LogsController",
    rules="infrastructure.embedded.apis.logs.rules",
    resources="infrastructure.embedded.apis.logs.resources",
)

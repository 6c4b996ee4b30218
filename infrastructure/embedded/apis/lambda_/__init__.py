"""Lambda: functions that run, in processes of AWS's own runtime client."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="lambda",
    protocol="rest-json",
    body_limit=70 << 20,
    data=names("Invoke"),
    note="Sandboxes are processes of AWS's own runtime client; the one runtime is this machine's Python. Time-outs "
    "and memory limits are enforced, the share of CPU is not. No call is refused for lack of a permission.",
    kinder={
        "CreateEventSourceMapping": "polls at once; within minutes on AWS",
        "DeleteFunctionConcurrency": "in force at once; seconds on AWS",
        "PutFunctionConcurrency": "in force at once; seconds on AWS",
        "UpdateFunctionCode": "no invocation runs the old code any more; for seconds on AWS",
        "UpdateFunctionConfiguration": "no invocation runs with the old one any more; for seconds on AWS",
    },
    controller="infrastructure.embedded.apis.lambda_.controller:LambdaController",
    resources="infrastructure.embedded.apis.lambda_.resources",
)

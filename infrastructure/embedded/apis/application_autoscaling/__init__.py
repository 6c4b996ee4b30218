"""Application Auto Scaling: target tracking of ECS services."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="application-autoscaling",
    moto="applicationautoscaling",
    handler="ApplicationAutoScalingResponse",
    protocol="json",
    target="AnyScaleFrontendService",
    records={
        "nothing here lives for days: schedules are kept and never due": "PutScheduledAction DeleteScheduledAction",
        "tags": "TagResource UntagResource",
    },
    controller="infrastructure.embedded.apis.application_autoscaling.controller:ApplicationAutoScalingController",
    resources="infrastructure.embedded.apis.application_autoscaling.resources",
)

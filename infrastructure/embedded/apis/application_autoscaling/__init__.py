"""Application Auto Scaling: target tracking and steps of ECS services."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="application-autoscaling",
    moto="applicationautoscaling",
    handler="ApplicationAutoScalingResponse",
    protocol="json",
    target="AnyScaleFrontendService",
    records={
        "tags": "TagResource UntagResource",
    },
    controller="infrastructure.embedded.apis.application_autoscaling.controller:ApplicationAutoScalingController",
    resources="infrastructure.embedded.apis.application_autoscaling.resources",
)

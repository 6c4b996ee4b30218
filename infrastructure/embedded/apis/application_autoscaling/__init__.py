"""Application Auto Scaling: target tracking of ECS services."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="application-autoscaling",
    moto="applicationautoscaling",
    handler="ApplicationAutoScalingResponse",
    protocol="json",
    target="AnyScaleFrontendService",
    effects={
        "DeleteScalingPolicy": "tracking ends; its alarms go",
        "DeregisterScalableTarget": "tracking ends",
        "DescribeScalingActivities": "every change that target tracking made, with its cause",
        "PutScalingPolicy": "target tracking of an ECS service's CPU, memory or a metric of one's own",
        "RegisterScalableTarget": "bounds of an ECS service's desired count",
    },
    records={
        "nothing here lives for days: schedules are kept and never due": "PutScheduledAction DeleteScheduledAction"
    },
    controller="infrastructure.embedded.apis.application_autoscaling.controller:ApplicationAutoScalingController",
    resources="infrastructure.embedded.apis.application_autoscaling.resources",
)

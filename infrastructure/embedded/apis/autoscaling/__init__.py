"""EC2 Auto Scaling: groups of instances that are replaced, spread over zones and scaled."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="autoscaling",
    protocol="query",
    version="2011-01-01",
    invalid="ValidationError",
    controller="infrastructure.embedded.apis.autoscaling.controller:AutoScalingController",
    resources="infrastructure.embedded.apis.autoscaling.resources",
    note="Groups launch from launch templates, one instance type each, and scale by target tracking, steps, simple "
    "policies and schedules; alarms of step and simple policies call them while they are raised. Schedules are due "
    "by the clock on the wall, at any pace. Instances are given to target groups when in service, and taken out before "
    "they end. Warm pools are stopped or running, none is hibernated; nobody is notified; there is no Spot capacity.",
)

"""The CPU share of a service, by the platform it runs on: where CloudWatch has it, and under which dimensions.

A platform that is not in the table, as Lambda, has none: AWS reports no CPU of a function.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from plugins.telemetry.cloudwatch import Metric
from services.catalog import Platform, Service


class Outputs(Protocol):
    """What this module needs of a platform."""

    def output(self, key: str) -> str: ...  # a stack output


def cpu_metric(platform: Outputs, service: Service) -> Metric:
    """CPU of `service` in percent of its allotment, as AWS itself reports it; `KeyError` where AWS reports none."""
    if not has_cpu_metric(service):
        raise KeyError(f"{service.name} runs on {service.platform}, of which AWS reports no CPU; it does of {_KNOWN}")
    return _METRICS[service.platform](platform, service)


def has_cpu_metric(service: Service) -> bool:
    """Does AWS report the CPU of what runs where `service` does?"""
    return service.platform in _METRICS


def _of_tasks(platform: Outputs, service: Service) -> Metric:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html"""
    dimensions = {
        "ClusterName": platform.output("ClusterName"),
        "ServiceName": platform.output(service.key("ServiceName")),
    }
    return Metric.of("AWS/ECS", "CPUUtilization", "Average", dimensions, unit="%")


def _of_pods(platform: Outputs, service: Service) -> Metric:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html"""
    dimensions = {
        "ClusterName": platform.output("EksClusterName"),
        "Namespace": platform.output("EksNamespace"),
        "Service": service.name,
    }
    return Metric.of("ContainerInsights", "pod_cpu_utilization_over_pod_limit", "Average", dimensions, unit="%")


def _of_instances(platform: Outputs, service: Service) -> Metric:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-cloudwatch-monitoring.html"""
    dimensions = {"AutoScalingGroupName": platform.output(service.key("AutoScalingGroupName"))}
    return Metric.of("AWS/EC2", "CPUUtilization", "Average", dimensions, unit="%")


_METRICS: Mapping[Platform, Callable[[Outputs, Service], Metric]] = {
    "ecs": _of_tasks,
    "eks": _of_pods,
    "ec2": _of_instances,
}
_KNOWN = ", ".join(_METRICS)

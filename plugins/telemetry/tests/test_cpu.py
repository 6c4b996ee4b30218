"""Which metric is a service's CPU follows from its platform."""

from typing import get_args

import pytest

from plugins.telemetry.cpu import cpu_metric, has_cpu_metric
from services.catalog import Platform, Service


class _Outputs:
    """Every stack output there is, by its own name."""

    def output(self, key: str) -> str:
        return f"<{key}>"


def _service(platform: Platform) -> Service:
    return Service(name="tea", platform=platform, entry="", edges=())


@pytest.mark.parametrize(
    ("platform", "namespace", "name", "dimensions"),
    [
        ("ecs", "AWS/ECS", "CPUUtilization", {"ClusterName": "<ClusterName>", "ServiceName": "<TeaServiceName>"}),
        (
            "eks",
            "ContainerInsights",
            "pod_cpu_utilization_over_pod_limit",
            {"ClusterName": "<EksClusterName>", "Namespace": "<EksNamespace>", "Service": "tea"},
        ),
        ("ec2", "AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": "<TeaAutoScalingGroupName>"}),
    ],
    ids=["ecs", "eks", "ec2"],
)
def test_the_cpu_of_a_service_is_its_platforms_metric(
    platform: Platform, namespace: str, name: str, dimensions: dict[str, str]
) -> None:
    metric = cpu_metric(_Outputs(), _service(platform))
    assert (metric.namespace, metric.name, metric.stat, metric.unit) == (namespace, name, "Average", "%")
    assert dict(metric.dimensions) == dimensions


def test_only_of_a_function_no_cpu_is_reported() -> None:
    assert [one for one in get_args(Platform) if not has_cpu_metric(_service(one))] == ["lambda"]
    with pytest.raises(KeyError, match=r"tea runs on lambda.*ecs, eks, ec2"):
        cpu_metric(_Outputs(), _service("lambda"))

"""Tasks on Fargate: no container instance gives them room, and their network needs no DNS host names.

Replaces `EC2ContainerServiceBackend._calculate_task_resource_requirements` of `moto.ecs.models` (moto 5.2), which adds
up None for a container without a memory size of its own, as is usual on Fargate; and gives
`moto.ec2.models.elastic_network_interfaces.NetworkInterface` a DNS name of None, which a task reads and moto sets only
where the VPC has DNS host names. `describe_capacity_providers` describes all of them when none is named.
"""

from typing import Any

from moto.ec2.models import elastic_network_interfaces
from moto.ecs import models

_described = models.EC2ContainerServiceBackend.describe_capacity_providers


def _no_requirements(_definition: Any) -> dict[str, object]:
    """What a task takes of a container instance: nothing, there are none."""
    return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}


def _describe_capacity_providers(backend: Any, names: list[str] | None) -> Any:
    return _described(backend, list(backend.capacity_providers) if names is None else names)


def install() -> None:
    """Replace them on moto's classes."""
    models.EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(_no_requirements)
    models.EC2ContainerServiceBackend.describe_capacity_providers = _describe_capacity_providers
    elastic_network_interfaces.NetworkInterface.private_dns_name = None

"""An ECS cluster that is deleted is gone, as on AWS after a while.

Replaces in `moto.ecs.models` (moto 5.2): `EC2ContainerServiceBackend.delete_cluster`, which keeps it for ever.
"""

from typing import Any

from moto.ecs import models

_moto_delete_cluster = models.EC2ContainerServiceBackend.delete_cluster


def _delete_cluster(self: Any, cluster_str: str) -> Any:
    cluster = _moto_delete_cluster(self, cluster_str)
    self.clusters.pop(cluster.name, None)
    return cluster


def install() -> None:
    """Replace it."""
    models.EC2ContainerServiceBackend.delete_cluster = _delete_cluster

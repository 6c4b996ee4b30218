"""Redshift records of servers which exist: an address that is there, and a state that only the controller writes.

Replaces in `moto.redshift.models` (moto 5.2) `Cluster.address`, a host name below amazonaws.com that nobody resolves;
and in `moto.redshift.responses` the table that shows every new cluster as `creating`, which here it is. Adds what AWS
shows and moto does not: availability, the cluster's VPC, its nodes, its namespace, the secret of its master user.
Source: Amazon Redshift API Reference, "Cluster".
"""

from typing import Any

from moto.redshift import models
from moto.redshift.responses import RedshiftResponse

HOST = "127.0.0.1"
_AVAILABILITY = {"available": "Available", "paused": "Unavailable", "deleting": "Unavailable"}


def _availability(self: Any) -> str:
    return _AVAILABILITY.get(self.status, "Modifying")


def _vpc(self: Any) -> str | None:
    group = self.redshift_backend.subnet_groups.get(self.cluster_subnet_group_name)
    return group.vpc_id if group is not None else None


def _nodes(self: Any) -> list[dict[str, str]]:
    roles = (
        ["SHARED"] if self.number_of_nodes == 1 else ["LEADER", *(f"COMPUTE-{n}" for n in range(self.number_of_nodes))]
    )
    return [{"NodeRole": role, "PrivateIPAddress": HOST} for role in roles]


def _namespace(self: Any) -> str:
    return f"arn:aws:redshift:{self.region}:{self.account_id}:namespace:{self.unique_cluster_id}"


def install() -> None:
    """Replace and add them."""
    cluster = models.Cluster
    cluster.address = property(lambda _self: HOST)
    cluster.cluster_availability_status = property(_availability)
    cluster.vpc_id = property(_vpc)
    cluster.cluster_nodes = property(_nodes)
    cluster.cluster_namespace_arn = property(_namespace)
    cluster.default_iam_role_arn = None
    cluster.master_password_secret_arn = None
    cluster.master_password_secret_kms_key_id = None
    RedshiftResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {}

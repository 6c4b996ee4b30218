"""RDS records of servers which exist: addresses, states, roles and the master user's secret.

Replaces in `moto.rds.models` (moto 5.2): host names below amazonaws.com that nobody resolves (`DBCluster.endpoint`,
`reader_endpoint`, `DBInstance.address`); `DBCluster.status`, which a look changes; `designate_writer`, which makes a
writer of any member when the record has none; the master user's secret, which holds a constant and whose status a
look changes; and `RDSBackend.modify_db_subnet_group`, which takes the group off the record and fails on one that is not
there.
"""

import json
import secrets
from typing import Any

from moto.rds import models
from moto.rds.exceptions import DBSubnetGroupNotFoundError

from infrastructure.embedded.control import managed_secrets
from infrastructure.embedded.control.database_clusters import HOST, READER_HOST


def _secret_string(self: Any) -> str:
    return json.dumps({"username": self.resource.master_username, "password": secrets.token_urlsafe(24)})


def _modify_db_subnet_group(self: Any, subnet_name: str, description: str | None, subnets: list[Any]) -> Any:
    """The group, with other subnets and, when one is given, another description."""
    group = self.subnet_groups.get(subnet_name)
    if group is None:
        raise DBSubnetGroupNotFoundError(subnet_name)
    group.subnets = subnets
    if description is not None:
        group.description = description
    return group


def install() -> None:
    """Replace them."""
    models.DBCluster.event_source_type = "db-cluster"
    models.DBCluster.endpoint = property(lambda _self: HOST)
    models.DBCluster.reader_endpoint = property(lambda _self: READER_HOST)
    models.DBCluster.status = property(lambda self: self._status, lambda self, value: setattr(self, "_status", value))
    models.DBCluster.designate_writer = lambda _self: None
    models.DBInstance.address = property(lambda _self: HOST)
    models.MasterUserSecret._generate_secret_string = _secret_string
    models.MasterUserSecret.secret_status = property(lambda self: managed_secrets.status(self.secret))
    models.RDSBackend.modify_db_subnet_group = _modify_db_subnet_group

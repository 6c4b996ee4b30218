"""RDS records that tell of servers which exist: addresses, states, roles and the master user's secret.

Replaces in `moto.rds.models` (moto 5.2): host names below amazonaws.com that nobody resolves (`DBCluster.endpoint`,
`reader_endpoint`, `DBInstance.address`); `DBCluster.status`, which a look changes; `designate_writer`, which makes a
writer of any member when the record has none; the master user's secret, which holds a constant;
`RDSBackend.describe_events`, which knows no time and no category; and `RDSBackend.modify_db_subnet_group`, which takes
the group off the record and fails on one that is not there.
"""

import json
import secrets
import string
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.rds import models
from moto.rds.exceptions import DBSubnetGroupNotFoundError, InvalidParameterCombination

WRITER_HOST = "127.0.0.1"
READER_HOST = "127.0.0.2"
"""A cluster has one port for both of its endpoints, so they differ in the host, as on AWS."""
_PASSWORD_LENGTH = 32
_PASSWORD = string.ascii_letters + string.digits + "-_.~"
"""Characters that are themselves in a URL, in SQL and in a shell."""
_DEFAULT_MINUTES = 60


def new_password() -> str:
    """A password as RDS would make one."""
    return "".join(secrets.choice(_PASSWORD) for _ in range(_PASSWORD_LENGTH))


def _secret_string(self: Any) -> str:
    return json.dumps({"username": self.resource.master_username, "password": new_password()})


def _describe_events(
    self: Any,
    source_identifier: str | None = None,
    source_type: str | None = None,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    duration: int | None = None,
    event_categories: Iterable[str] = (),
    **_: object,
) -> list[Any]:
    """The events of a span, oldest first; without one those of the last hour, or the last `duration` minutes."""
    if source_identifier is not None and source_type is None:
        raise InvalidParameterCombination("Cannot specify source identifier without source type")
    until = _aware(end_time) if end_time else datetime.now(UTC)
    since = _aware(start_time) if start_time else until - timedelta(minutes=duration or _DEFAULT_MINUTES)
    wanted = set(event_categories or ())
    return [
        event
        for event in self.events
        if since <= _aware(event.date) <= until
        and source_identifier in (None, event.source_identifier)
        and source_type in (None, event.source_type)
        and (not wanted or wanted & set(event.event_categories))
    ]


def _modify_db_subnet_group(self: Any, subnet_name: str, description: str | None, subnets: list[Any]) -> Any:
    """The group, with other subnets and, when one is given, another description."""
    group = self.subnet_groups.get(subnet_name)
    if group is None:
        raise DBSubnetGroupNotFoundError(subnet_name)
    group.subnets = subnets
    if description is not None:
        group.description = description
    return group


def _aware(moment: datetime) -> datetime:
    """moto's own times are UTC and do not say so."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def install() -> None:
    """Replace them."""
    models.DBCluster.event_source_type = "db-cluster"
    models.DBCluster.endpoint = property(lambda _self: WRITER_HOST)
    models.DBCluster.reader_endpoint = property(lambda _self: READER_HOST)
    models.DBCluster.status = property(lambda self: self._status, lambda self, value: setattr(self, "_status", value))
    models.DBCluster.designate_writer = lambda _self: None
    models.DBInstance.address = property(lambda _self: WRITER_HOST)
    models.MasterUserSecret._generate_secret_string = _secret_string
    models.RDSBackend.describe_events = _describe_events
    models.RDSBackend.modify_db_subnet_group = _modify_db_subnet_group

"""An Aurora cluster as the faults see it: what the record says, and what answers behind the writer's endpoint."""

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from plugins.chaos.fault import Cloud

_WHO = "SELECT extract(epoch FROM pg_postmaster_start_time())::text, pg_is_in_recovery()"
_OTHERS = """FROM pg_stat_activity
    WHERE usename = current_user AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
_COUNT = f"SELECT count(*) {_OTHERS}"
_END = f"SELECT count(pg_terminate_backend(pid)) {_OTHERS}"
_CONNECT_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The record of a cluster: its members' ids sorted, and which of them write (one, unless it is failing over)."""

    name: str
    arn: str
    status: str
    members: tuple[str, ...]
    writers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server process behind an endpoint. `started_at`: Unix seconds as text, to the microsecond, its identity."""

    started_at: str
    is_reader: bool


def describe(cloud: Cloud, name: str) -> Cluster:
    """The cluster called `name`."""
    found: Any = cloud.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    members = found["DBClusterMembers"]
    return Cluster(
        name=found["DBClusterIdentifier"],
        arn=found["DBClusterArn"],
        status=found["Status"],
        members=tuple(sorted(member["DBInstanceIdentifier"] for member in members)),
        writers=tuple(member["DBInstanceIdentifier"] for member in members if member["IsClusterWriter"]),
    )


def writing_server(cloud: Cloud) -> Server:
    """Who answers behind the writer's endpoint; `psycopg.OperationalError` when nobody does."""
    started_at, is_reader = _asked(cloud, _WHO) or ("", True)
    return Server(started_at=str(started_at), is_reader=bool(is_reader))


def sessions(cloud: Cloud) -> int:
    """How many sessions the services have at the writer; ours is none of them."""
    return int((_asked(cloud, _COUNT) or (0,))[0])


def end_sessions(cloud: Cloud) -> int:
    """End the services' sessions at the writer, as its master user may; how many there were."""
    return int((_asked(cloud, _END) or (0,))[0])


def _asked(cloud: Cloud, query: LiteralString) -> tuple[Any, ...] | None:
    """The first row of the answer behind the writer's endpoint."""
    login = cloud.database_login()
    with psycopg.connect(
        cloud.endpoint("aurora_writer"),
        user=login.username,
        password=login.password,
        connect_timeout=_CONNECT_S,
        autocommit=True,
    ) as database:
        return database.execute(query).fetchone()


def unsettled(cloud: Cloud, name: str) -> str | None:
    """What is still missing of a whole cluster: available, one writer that writes, every instance available."""
    cluster = describe(cloud, name)
    states = {member: _status(cloud, member) for member in cluster.members}
    seen = f"cluster {name} is {cluster.status}, writer {', '.join(cluster.writers) or 'none'}, instances {states}"
    if cluster.status != "available" or len(cluster.writers) != 1 or set(states.values()) != {"available"}:
        return seen
    try:
        return f"{seen}; its writer endpoint leads to a reader" if writing_server(cloud).is_reader else None
    except psycopg.OperationalError as refused:
        return f"{seen}; its writer endpoint refuses: {refused}"


def _status(cloud: Cloud, instance: str) -> str:
    found = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
    return str(found[0]["DBInstanceStatus"])

"""A database of the whole embedded cloud, as its users meet it: boto3 and psql, by the cluster's endpoints."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from infrastructure.embedded import launch
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.host import binaries, proctree, sysv
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests import sdk
from infrastructure.embedded.tests.processes import has_ended
from infrastructure.state import StateFolder

CLUSTER = "cafe-test"
READY_S = 30.0
ANY_PID = range(2**22 + 1)
"""proc_pid_max(5)."""


@dataclass(slots=True)
class Platform:
    """A daemon of its own, and one cluster in it."""

    state: StateFolder
    daemon: launch.Launched
    segments_before: frozenset[int]
    """Shared memory that others left: their makers' pids may be given out again."""

    def client(self, service: str) -> Any:
        record = launch.find(self.state)
        assert record is not None
        return sdk.client(service, record.url, Credentials(access_key=record.access_key, secret_key=record.secret_key))

    @property
    def cluster(self) -> Any:
        [cluster] = self.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"]
        return cluster

    @property
    def writer(self) -> str:
        [writer] = [m["DBInstanceIdentifier"] for m in self.cluster["DBClusterMembers"] if m["IsClusterWriter"]]
        return str(writer)

    @property
    def servers(self) -> list[int]:
        return list(proctree.servers_below(str(self.state.run), "postgres"))

    def is_available(self) -> bool:
        instances = self.client("rds").describe_db_instances()["DBInstances"]
        states = [self.cluster["Status"], *(instance["DBInstanceStatus"] for instance in instances)]
        return states == ["available"] * 3

    def psql(self, endpoint: str, statement: str) -> str:
        """What psql prints, complaints included, when it connects to one of the cluster's endpoints."""
        cluster = self.cluster
        secret = self.client("secretsmanager").get_secret_value(SecretId=cluster["MasterUserSecret"]["SecretArn"])
        credentials = json.loads(secret["SecretString"])
        where = ("--host", cluster[endpoint], "--port", str(cluster["Port"]), "--username", credentials["username"])
        said = subprocess.run(
            [binaries.postgres_tool("psql"), *where, "--no-psqlrc", "-At", "-c", statement, cluster["DatabaseName"]],
            env={**os.environ, "PGPASSWORD": credentials["password"]},
            capture_output=True,
            text=True,
            check=False,
        )
        return (said.stdout + said.stderr).strip()


def until(look: Callable[[], bool]) -> None:
    """What a user does: ask the API until it says so."""
    deadline = time.monotonic() + READY_S
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def platform(postgres_home: Path) -> Iterator[Platform]:
    state = StateFolder.of("test", postgres_home)
    segments_before = frozenset(sysv.segments_of(ANY_PID))
    made = Platform(state, launch.launch("test", "us-east-1", FAST, state, detached=False), segments_before)
    try:
        rds = made.client("rds")
        rds.create_db_cluster(
            DBClusterIdentifier=CLUSTER,
            Engine="aurora-postgresql",
            MasterUsername="cafe",
            ManageMasterUserPassword=True,
            DatabaseName="cafe",
        )
        for number in (1, 2):
            rds.create_db_instance(
                DBInstanceIdentifier=f"{CLUSTER}-{number}",
                DBClusterIdentifier=CLUSTER,
                Engine="aurora-postgresql",
                DBInstanceClass="db.t4g.medium",
            )
        until(made.is_available)
        made.psql("Endpoint", "CREATE TABLE orders (id bigint PRIMARY KEY)")
        yield made
    finally:
        launch.stop(state)
        assert not psutil.pid_exists(made.daemon.pid), "a zombie, or still at it"


def test_the_endpoints_lead_to_their_roles(platform: Platform) -> None:
    assert platform.psql("Endpoint", "INSERT INTO orders VALUES (1)") == "INSERT 0 1"
    until(lambda: platform.psql("ReaderEndpoint", "SELECT count(*) FROM orders") == "1")
    assert "read-only transaction" in platform.psql("ReaderEndpoint", "INSERT INTO orders VALUES (2)")


@pytest.mark.parametrize("how", ["failover_db_cluster", "SIGKILL"])
def test_the_endpoints_follow_the_roles(platform: Platform, how: str) -> None:
    before = platform.writer
    if how == "SIGKILL":
        pid_file = platform.state.run / "postgres" / before / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
    else:
        platform.client("rds").failover_db_cluster(DBClusterIdentifier=CLUSTER)
    until(lambda: platform.writer != before and platform.is_available())
    until(lambda: platform.psql("Endpoint", "SELECT pg_is_in_recovery()") == "f")  # its name is stale until then
    rows = int(platform.psql("Endpoint", "SELECT count(*) FROM orders"))
    assert platform.psql("Endpoint", "INSERT INTO orders SELECT 100 + count(*) FROM orders") == "INSERT 0 1"
    assert "read-only transaction" in platform.psql("ReaderEndpoint", "INSERT INTO orders VALUES (2)")
    until(lambda: platform.psql("ReaderEndpoint", "SELECT count(*) FROM orders") == str(rows + 1))


def test_clients_that_connect_after_a_failover_land_on_the_old_writer_until_its_name_is_moved(
    platform: Platform,
) -> None:
    before = platform.writer
    platform.client("rds").failover_db_cluster(DBClusterIdentifier=CLUSTER)
    until(lambda: platform.writer != before)
    said: list[str] = []

    def is_written() -> bool:
        said.append(platform.psql("Endpoint", "INSERT INTO orders SELECT 1000 + max(id) FROM orders"))
        return said[-1] == "INSERT 0 1"

    until(is_written)
    assert any("cannot execute INSERT in a read-only transaction" in each for each in said), said


def test_nothing_of_a_database_outlives_a_killed_daemon(platform: Platform) -> None:
    pids = platform.servers
    assert len(pids) > 10
    os.kill(platform.daemon.pid, signal.SIGKILL)
    assert [pid for pid in pids if not has_ended(pid, 3.0)] == []
    # The guard frees those of servers that were still starting.
    until(lambda: set(sysv.segments_of(pids)) <= platform.segments_before)

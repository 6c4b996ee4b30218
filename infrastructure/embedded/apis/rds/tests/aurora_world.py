"""A cluster of real PostgreSQL servers under the controller, around moto's records, without Envoy and daemon."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from infrastructure.embedded.apis.rds.cluster import AuroraCluster
from infrastructure.embedded.apis.rds.controller import RdsController
from infrastructure.embedded.apis.rds.member import Member
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import Fragment
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

CLUSTER, FIRST, SECOND = "cafe-test", "cafe-test-1", "cafe-test-2"
PASSWORD = "correct-horse"
SETTLED_S = 30.0
_numbers = itertools.count(1)


@dataclass(slots=True)
class Aurora:
    """One platform's databases, driven by hand."""

    world: World
    controller: RdsController
    password: str = PASSWORD

    @property
    def api(self) -> Any:
        return self.world.backends.rds

    @property
    def record(self) -> Any:
        return self.api.clusters[CLUSTER]

    @property
    def cluster(self) -> AuroraCluster:
        return self.controller._fleet.running[CLUSTER]

    @property
    def writer(self) -> Member:
        assert self.cluster.writer is not None
        return self.cluster.writer

    @property
    def reader(self) -> Member:
        [reader] = [member for member in self.cluster.members.values() if member is not self.cluster.writer]
        return reader

    @property
    def fragment(self) -> Fragment:
        return self.world.network.fragments["rds"]

    @property
    def roles(self) -> dict[str, bool]:
        """Instance id to whether the record calls it the writer."""
        return {m["DBInstanceIdentifier"]: m["IsClusterWriter"] for m in self.record.db_cluster_members}

    @property
    def states(self) -> dict[str, str]:
        return {name: instance.status for name, instance in self.api.databases.items()}

    def call(self, name: str, **members: Any) -> Any:
        """What an RDS call answers; its records are moto's."""
        return self.world.backends.operations.call("rds", name, **members)

    def messages(self, source: str) -> list[str]:
        return [event.message for event in self.events() if event.source_identifier == source]

    def events(self, **wanted: Any) -> list[Any]:
        return list(self.call("DescribeEvents", **wanted)["Events"])

    def create(self, *instances: str, **changes: Any) -> Any:
        wanted = {
            "DBClusterIdentifier": CLUSTER,
            "Engine": "aurora-postgresql",
            "MasterUsername": "cafe",
            "MasterUserPassword": PASSWORD,
            "DatabaseName": "cafe",
            "Tags": [{"Key": "Project", "Value": "cloudcafe"}],
        }
        cluster = self.call("CreateDBCluster", **(wanted | changes))["DBCluster"]
        for instance in instances:
            self.add(instance)
        return cluster

    def add(self, instance: str, **changes: Any) -> Any:
        wanted = {
            "DBInstanceIdentifier": instance,
            "DBClusterIdentifier": CLUSTER,
            "Engine": "aurora-postgresql",
            "DBInstanceClass": "db.t4g.medium",
        }
        return self.call("CreateDBInstance", **(wanted | changes))["DBInstance"]

    def delete(self, *instances: str) -> None:
        for instance in instances:
            self.call("DeleteDBInstance", DBInstanceIdentifier=instance, SkipFinalSnapshot=True)

    def delete_cluster(self) -> None:
        self.call("DeleteDBCluster", DBClusterIdentifier=CLUSTER, SkipFinalSnapshot=True)

    def fail_over(self, target: str | None = None, cluster: str = CLUSTER) -> None:
        self.call("FailoverDBCluster", DBClusterIdentifier=cluster, TargetDBInstanceIdentifier=target)

    async def settle(self) -> None:
        """Let the controller work until it has nothing more to do."""
        deadline = time.monotonic() + SETTLED_S
        while True:
            await reconcile(self.controller)
            if not self.is_busy and not self.controller.unsettled():
                return
            assert time.monotonic() < deadline, f"not settled: {self.controller.unsettled()}, {self.states}"
            await asyncio.sleep(0.01)

    @property
    def is_busy(self) -> bool:
        clusters = self.controller._fleet.running.values()
        return any(member.is_busy for cluster in clusters for member in cluster.members.values())

    def session(self, member: Member, **changes: Any) -> psycopg.Connection[Any]:
        """A client's connection to one server, by TCP and password."""
        how: dict[str, Any] = {"user": "cafe", "password": self.password, "dbname": "cafe", "connect_timeout": 5}
        return psycopg.connect(host="127.0.0.1", port=member.node.spec.port, autocommit=True, **(how | changes))

    async def ask(self, member: Member, statement: str, **changes: Any) -> list[tuple[Any, ...]]:
        """What a client gets to see; run beside the loop, since commits may wait for what the loop does."""

        def work() -> list[tuple[Any, ...]]:
            with contextlib.closing(self.session(member, **changes)) as session:
                cursor = session.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []

        return await asyncio.to_thread(work)

    async def replayed(self) -> None:
        """Until the reader shows what the writer acknowledged: like Aurora's, it may be a moment behind."""
        position = await self.writer.node.value("SELECT pg_current_wal_lsn()")
        async with asyncio.timeout(10):
            while not await self.writer.node.has_confirmed(self.reader.name, position):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def fill(self) -> None:
        """A table with one row."""
        rows = "DROP TABLE IF EXISTS orders; CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1)"
        await self.ask(self.writer, rows)

    async def count(self, member: Member) -> int:
        """The rows of that table as the member shows them."""
        if member is not self.writer and len(self.cluster.members) == 2:
            await self.replayed()
        [(rows,)] = await self.ask(member, "SELECT count(*) FROM orders")
        return int(rows)

    async def die(self, member: Member) -> None:
        """SIGKILL the member's server, and wait until the controller was told."""
        assert member.node.process is not None
        self.world.woken.clear()
        member.node.process.kill()
        await member.node.process.wait()
        assert "rds" in self.world.woken


def own_state(home: Path) -> StateFolder:
    """The folder of another platform below `home`."""
    return StateFolder.of(f"aurora-{next(_numbers)}", home)


@contextlib.asynccontextmanager
async def aurora(state: StateFolder) -> AsyncIterator[Aurora]:
    made = world(state)
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    made.context = replace(made.context, supervisor=supervisor, ports=ports)
    controller = RdsController(made.context)
    try:
        yield Aurora(made, controller)
    finally:
        await controller.close()
        await supervisor.close()
        ports.close()
        state.remove_run()

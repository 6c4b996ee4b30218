"""A cluster with a real warehouse behind moto's records, and the Data API in front."""

import inspect
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from infrastructure.embedded.apis.redshift.controller import RedshiftController
from infrastructure.embedded.apis.redshift_data import API
from infrastructure.embedded.apis.redshift_data.controller import RedshiftDataController
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse
from infrastructure.embedded.gateway.checks import rules
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

CLUSTER = "cafe-test"
USER = "cafe"
ROLE = "arn:aws:iam::123456789012:role/load"


@dataclass(slots=True, kw_only=True)
class Redshift:
    """What tests ask. `where` are the members that name cluster, database and user."""

    world: World
    controller: RedshiftController
    data: RedshiftDataController
    where: dict[str, str] = field(
        default_factory=lambda: {"ClusterIdentifier": CLUSTER, "Database": "dev", "DbUser": USER}
    )

    def call(self, action: str, **members: Any) -> Any:
        """A call to Redshift."""
        return self.world.backends.operations.call("redshift", action, **members)

    async def ask(self, action: str, **members: Any) -> Any:
        """A call to the Data API."""
        rules.check(API, action, members)
        method = self.world.backends.operations.find("redshift-data", action)
        assert method is not None, f"nobody answers {action}"
        answer: Any = method(members)
        output = await answer if inspect.isawaitable(answer) else answer
        return orjson.loads(orjson.dumps(output))  # as it goes over the wire

    async def create(self, **changes: Any) -> Any:
        """A cluster that is available."""
        wanted: dict[str, Any] = {
            "ClusterIdentifier": CLUSTER,
            "NodeType": "ra3.large",
            "MasterUsername": USER,
            "DBName": "dev",
        }
        wanted |= {
            "IamRoles": [ROLE],
            "DefaultIamRoleArn": ROLE,
            "ManageMasterPassword": True,
            "Tags": [{"Key": "Project", "Value": "cloudcafe"}],
        }
        made = self.call("CreateCluster", **wanted | changes)["Cluster"]
        await self.settle()
        return made

    async def settle(self) -> None:
        await reconcile(self.controller)

    @property
    def status(self) -> str:
        [found] = self.call("DescribeClusters", ClusterIdentifier=CLUSTER)["Clusters"]
        return str(found.status)

    @property
    def warehouse(self) -> Warehouse:
        found = self.controller.warehouse(CLUSTER)
        assert found is not None
        return found

    async def submit(self, sql: str, **members: Any) -> str:
        """The id of a statement that goes its way by itself."""
        where = {} if "SessionId" in members else self.where
        return str((await self.ask("ExecuteStatement", **where, Sql=sql, **members))["Id"])

    async def over(self, identity: str) -> dict[str, Any]:
        """What is said of a statement once it is over."""
        found = await self.ask("DescribeStatement", Id=identity, WaitTimeSeconds=30)
        assert found["Status"] in ("FINISHED", "FAILED", "ABORTED"), found
        return dict(found)

    async def run(self, sql: str, **members: Any) -> dict[str, Any]:
        """The statement, which must succeed."""
        found = await self.over(await self.submit(sql, **members))
        assert found["Status"] == "FINISHED", found.get("Error")
        return found

    async def error(self, sql: str, **members: Any) -> str:
        """The words with which the statement fails."""
        found = await self.over(await self.submit(sql, **members))
        assert found["Status"] == "FAILED", found
        return str(found["Error"])

    async def rows(self, sql: str, **members: Any) -> list[list[Any]]:
        """The rows of a query, of all its pages; each value as its field has it."""
        identity = (await self.run(sql, **members))["Id"]
        found: list[list[Any]] = []
        token: dict[str, str] = {}
        while True:
            page = await self.ask("GetStatementResult", Id=identity, **token)
            found += [
                [None if "isNull" in cell else next(iter(cell.values())) for cell in row] for row in page["Records"]
            ]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}

    @property
    def lake(self) -> str:
        """The bucket of this account: their names are the process's."""
        name, s3 = f"lake-{self.world.backends.account}", self.world.backends.s3
        if name not in s3.buckets:
            s3.create_bucket(name, "us-east-1")
        return name

    def put(self, key: str, content: bytes | str | list[Any]) -> None:
        """An object; a list is written as JSON, a line each."""
        if isinstance(content, list):
            content = "\n".join(json.dumps(each) for each in content)
        body = content if isinstance(content, bytes) else content.encode()
        self.world.backends.s3.put_object(self.lake, key, body)

    def objects(self) -> dict[str, bytes]:
        """What is in the bucket, by key."""
        return {key: bytes(each.value) for key, each in self.world.backends.s3.buckets[self.lake].keys.items()}

    async def copy(self, table: str, prefix: str, options: str = "CSV", columns: str = "") -> dict[str, Any]:
        """What comes of a COPY of the objects that begin with `prefix`."""
        source = f"s3://{self.lake}/{prefix}"
        sql = f"COPY {table} {columns} FROM '{source}' IAM_ROLE '{ROLE}' {options}"
        return await self.over(await self.submit(sql))


@asynccontextmanager
async def redshift(state: StateFolder) -> AsyncIterator[Redshift]:
    """Both APIs, without a cluster."""
    made = world(state)
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    made.context = replace(made.context, supervisor=supervisor, ports=ports)
    controller, data = RedshiftController(made.context), RedshiftDataController(made.context)
    try:
        yield Redshift(world=made, controller=controller, data=data)
    finally:
        await data.close()
        await controller.close()
        await supervisor.close()
        ports.close()

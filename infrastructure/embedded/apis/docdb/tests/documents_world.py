"""DocumentDB's controller over its records, with real servers, as tests drive it."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pymongo

from infrastructure.embedded.apis.docdb.controller import DocumentDbController
from infrastructure.embedded.engines.documents.cluster import DocumentCluster
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import Endpoint, Fragment
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

CLUSTER, FIRST, SECOND = "menu-test", "menu-test-1", "menu-test-2"
PASSWORD = "correct-horse"
TAGS = [{"Key": "Project", "Value": "cloudcafe"}]


@dataclass(slots=True)
class Documents:
    """One platform's, driven by hand."""

    world: World
    controller: DocumentDbController

    def call(self, action: str, **members: Any) -> Any:
        return self.world.backends.operations.call("docdb", action, **members)

    def create(self, *instances: str, **changes: Any) -> Any:
        wanted = {"DBClusterIdentifier": CLUSTER, "Engine": "docdb", "MasterUsername": "cafe", "Tags": TAGS}
        made = self.call("CreateDBCluster", **{**wanted, "MasterUserPassword": PASSWORD, **changes})["DBCluster"]
        for each in instances:
            self.add(each)
        return made

    def add(self, instance: str, **changes: Any) -> Any:
        wanted = {"DBInstanceIdentifier": instance, "DBClusterIdentifier": CLUSTER, "Engine": "docdb"}
        return self.call("CreateDBInstance", **{**wanted, "DBInstanceClass": "db.t4g.medium", **changes})["DBInstance"]

    @property
    def record(self) -> Any:
        return self.call("DescribeDBClusters", DBClusterIdentifier=CLUSTER)["DBClusters"][0]

    @property
    def cluster(self) -> DocumentCluster:
        return self.controller._fleet.running[CLUSTER]

    @property
    def roles(self) -> dict[str, bool]:
        return {each["DBInstanceIdentifier"]: each["IsClusterWriter"] for each in self.record["DBClusterMembers"]}

    @property
    def states(self) -> dict[str, str]:
        listed = self.call("DescribeDBInstances", Filters=[{"Name": "db-cluster-id", "Values": [CLUSTER]}])[
            "DBInstances"
        ]
        return {each["DBInstanceIdentifier"]: each["DBInstanceStatus"] for each in listed}

    def served(self) -> dict[str, tuple[Endpoint, ...]]:
        """By Envoy's upstream who serves behind it."""
        fragment: Fragment = self.world.network.fragments["docdb"]
        return {each.name: each.endpoints for each in fragment.upstreams}

    def endpoint(self, instance: str) -> Endpoint:
        return self.cluster.members[instance].endpoint

    def held(self) -> str:
        """The password that counts, as Secrets Manager has it."""
        secret = self.record["MasterUserSecret"]["SecretArn"]
        told = self.world.backends.operations.call("secretsmanager", "GetSecretValue", SecretId=secret)
        return str(json.loads(told["SecretString"])["password"])

    async def settle(self) -> None:
        await reconcile(self.controller)

    @property
    def url(self) -> str:
        """What `cafe env` shows, without Envoy in between."""
        shown = str(self.world.network.endpoints["documentdb"])
        return shown.replace(str(self.record["Port"]), str(self.endpoint(self.cluster.primary).port))

    async def greeting(self, **options: Any) -> dict[str, Any]:
        client = pymongo.AsyncMongoClient[dict[str, Any]](self.url, **options)
        async with client:
            await client.menu.items.insert_one({})
            return dict(await client.admin.command("hello"))


@contextlib.asynccontextmanager
async def platform(state: StateFolder) -> AsyncIterator[Documents]:
    made = world(state)
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    made.context = replace(made.context, supervisor=supervisor, ports=ports)
    controller = DocumentDbController(made.context)
    try:
        yield Documents(made, controller)
    finally:
        await controller.close()
        await supervisor.close()
        ports.close()

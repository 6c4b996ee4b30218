"""An account with a cluster, over EC2's records, with the controllers of EC2 and Auto Scaling beside that of EKS."""

import base64
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio.to_thread
import botocore.session
import urllib3
from botocore.credentials import Credentials as BotoCredentials
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from infrastructure.embedded.apis.autoscaling.controller import AutoScalingController
from infrastructure.embedded.apis.ec2.controller import Ec2Controller
from infrastructure.embedded.apis.eks.controller import EksController
from infrastructure.embedded.gateway.signing import credentials
from infrastructure.embedded.gateway.signing.credentials import Credentials, Issued
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.tests.control import REGION
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

NAME, GROUP = "cafe", "main"
ROLE = "arn:aws:iam::123456789012:role/cluster"
_NODES = {"clusterName": NAME, "nodegroupName": GROUP}


class _NoMetadata:
    """Nobody asks."""

    async def open(self, instance: str) -> str:
        return f"http://metadata.of.{instance}"

    def close(self, instance: str) -> None:
        """There is nothing to close."""


@dataclass(slots=True)
class Account:
    """`now` of its world is the time of EC2 and Auto Scaling; the cluster's own is the machine's."""

    world: World
    controller: EksController
    ec2: Ec2Controller
    groups: AutoScalingController
    keys: Credentials

    def call(self, action: str, **members: Any) -> Any:
        return self.world.backends.operations.call("eks", action, **members)

    def other(self, service: str, action: str, **members: Any) -> Any:
        return self.world.backends.operations.call(service, action, **members)

    async def reconcile(self, passes: int = 8) -> None:
        for _ in range(passes):
            self.world.now[0] += 1.0
            for controller in (self.controller, self.groups, self.ec2):
                await reconcile(controller)

    async def cluster(self, **more: Any) -> Any:
        vpc = {"subnetIds": self.world.subnets}
        self.call("CreateCluster", name=NAME, roleArn=ROLE, resourcesVpcConfig=vpc, **more)
        await self.reconcile(1)
        return self.call("DescribeCluster", name=NAME)["cluster"]

    async def group(self, **scaling: int) -> Any:
        sizes = {"minSize": 0, "maxSize": 4, "desiredSize": 2} | scaling
        self.call("CreateNodegroup", **_NODES, nodeRole=ROLE, subnets=self.world.subnets, scalingConfig=sizes)
        await self.reconcile()
        return self.described

    @property
    def described(self) -> Any:
        return self.call("DescribeNodegroup", **_NODES)["nodegroup"]

    @property
    def scaling_group(self) -> Any:
        [found] = self.other("autoscaling", "DescribeAutoScalingGroups")["AutoScalingGroups"]
        return found

    async def ask(self, path: str, token: str = "", method: str = "GET", body: Any = None) -> tuple[int, Any]:
        """What the API server says to whoever has this token; by default to who made the cluster."""
        cluster = self.call("DescribeCluster", name=NAME)["cluster"]
        given = token or token_of(self.keys)
        return await anyio.to_thread.run_sync(asked, cluster, path, given, method, body)

    async def nodes(self) -> list[Any]:
        _, found = await self.ask("/api/v1/nodes")
        return list(found["items"])


def asked(cluster: Any, path: str, token: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Asked as any client does, that trusts the cluster's own authority and nobody else."""
    with tempfile.NamedTemporaryFile() as authority:
        Path(authority.name).write_bytes(base64.b64decode(cluster["certificateAuthority"]["data"]))
        manager = urllib3.PoolManager(ca_certs=authority.name, retries=False)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        given = json.dumps(body) if body is not None else None
        answer = manager.request(method, cluster["endpoint"] + path, headers=headers, body=given)
    return answer.status, answer.json()


def token_of(keys: Credentials, cluster: str = NAME, expires_s: int = 60) -> str:
    """As `aws eks get-token` makes it."""
    session = botocore.session.get_session()
    own = BotoCredentials(keys.access_key, keys.secret_key, keys.token)
    make: Any = RequestSigner  # botocore publishes no types of it
    signer = make(ServiceId("STS"), REGION, "sts", "v4", own, session.get_component("event_emitter"))
    asked: Any = {
        "method": "GET",
        "url": f"https://sts.{REGION}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster},
        "context": {},
    }
    url = signer.generate_presigned_url(asked, region_name=REGION, expires_in=expires_s, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def session_of(account: Account, role: str) -> Issued:
    keyring = account.world.context.keyring
    return keyring.session(role=role, session="s", role_id="AROAX", name=role, expires_at=None)


@asynccontextmanager
async def account_of(state: StateFolder) -> AsyncIterator[Account]:
    """One that has the role of clusters and nodes; whoever calls is its operator."""
    made, ports = world(state), Ports()
    state.create()
    made.backends.operations.call("iam", "CreateRole", RoleName="cluster", AssumeRolePolicyDocument="{}")
    context = replace(made.context, ports=ports)
    ec2 = Ec2Controller(context, clock=made.clock, metadata=_NoMetadata())
    groups = AutoScalingController(context, clock=made.clock)
    controller = EksController(context)
    keyring = context.keyring
    token = credentials.caller.set(keyring.find(keyring.operator.access_key))
    try:
        yield Account(made, controller, ec2, groups, keyring.operator)
    finally:
        await controller.close()
        credentials.caller.reset(token)
        ports.close()

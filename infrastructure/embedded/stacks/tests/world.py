"""What the tests of stacks share: CloudFormation's calls, a template of three resources, the platform's own stacks."""

import asyncio
import io
import re
import shutil
import sys
import tempfile
import time
import weakref
import zipfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.policies import Policies
from infrastructure.embedded.apis.cloudformation import controller as cloudformation
from infrastructure.embedded.apis.docdb.api import ClusterCalls
from infrastructure.embedded.apis.docdb.instances import InstanceCalls
from infrastructure.embedded.apis.ecs.api import EcsApi
from infrastructure.embedded.apis.ecs.record import EcsRecord
from infrastructure.embedded.apis.eks.access import AccessCalls
from infrastructure.embedded.apis.eks.addons import AddonCalls
from infrastructure.embedded.apis.eks.api import EksApi
from infrastructure.embedded.apis.eks.clusters import Clusters
from infrastructure.embedded.apis.eks.groups import NodeGroupCalls
from infrastructure.embedded.apis.eks.identities import IdentityCalls
from infrastructure.embedded.apis.elasticache.api import ElastiCacheApi
from infrastructure.embedded.apis.kinesis import controller as kinesis
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.lambda_.controller import LambdaController
from infrastructure.embedded.apis.memorydb.api import MemoryDbApi
from infrastructure.embedded.apis.rds.api import RdsCalls
from infrastructure.embedded.apis.redshift.api import RedshiftCalls
from infrastructure.embedded.apis.vpc_lattice.networks import Networks
from infrastructure.embedded.apis.vpc_lattice.services import Services
from infrastructure.embedded.apis.vpc_lattice.store import Store
from infrastructure.embedded.apis.vpc_lattice.targets import TargetGroups
from infrastructure.embedded.control.context import Couplings
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.stacks import progress, template
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control
from infrastructure.embedded.tests.processes import OneUser
from infrastructure.state import StateFolder

MODULES = files("infrastructure") / "modules"
ORDER = ("networking", "databases", "caching", "messaging", "loadbalancing", "compute", "serverless")
TWO = """
Parameters:
  Units: {Type: Number, Default: 5, MinValue: 1}
  Seconds: {Type: Number, Default: 30}
  Broken: {Type: String, Default: "no", AllowedValues: ["yes", "no"]}
Conditions:
  IsBroken: !Equals [!Ref Broken, "yes"]
Resources:
  Second:
    Type: AWS::SQS::Queue
    DependsOn: First
    Properties: {QueueName: second, VisibilityTimeout: !Ref Seconds}
  First:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: first
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      ProvisionedThroughput: {ReadCapacityUnits: !Ref Units, WriteCapacityUnits: !Ref Units}
  Third:
    Type: AWS::ElastiCache::SubnetGroup
    Condition: IsBroken
    DependsOn: Second
    Properties: {CacheSubnetGroupName: third, Description: broken, SubnetIds: [subnet-absent]}
Outputs:
  TableArn: {Value: !GetAtt First.Arn}
  QueueUrl: {Value: !Ref Second}
"""

ACKNOWLEDGED = ("CreateStack", "UpdateStack", "CreateChangeSet")
"""Calls that say what a template may do."""


class _ClustersAtOnce(EksApi):
    """What it is asked for is there, or gone, when it is looked at."""

    @operation("DescribeCluster")
    def describe_cluster(self, given: Members) -> Output:
        found = self.clusters.cluster(given["name"])
        if found.status == "DELETING":
            self.clusters.call("ec2", "DeleteSecurityGroup", GroupId=found.security_group)
            del self.clusters.all[found.name]
        found.status, found.endpoint, found.authority = "ACTIVE", "https://127.0.0.1:1", "Q0E="
        return super().describe_cluster(given)


class _GroupsAtOnce(NodeGroupCalls):
    """Likewise."""

    @operation("DescribeNodegroup")
    def describe_group(self, given: Members) -> Output:
        found = self.clusters.group(given)
        if found.status == "DELETING":
            del self.clusters.all[found.cluster].groups[found.name]
        found.status = "ACTIVE"
        return super().describe_group(given)


class _DocumentClustersAtOnce(ClusterCalls):
    """Likewise."""

    @operation("DescribeDBClusters")
    def describe_clusters(self, given: Members) -> Output:
        for each in [each for each in self.records.clusters.values() if each.status == "deleting"]:
            self.records.forget(each.id)
        return super().describe_clusters(given)


class _DocumentInstancesAtOnce(InstanceCalls):
    """Likewise."""

    @operation("DescribeDBInstances")
    def describe_instances(self, given: Members) -> Output:
        for cluster, each in [pair for pair in self.records.instances() if pair[1].status == "deleting"]:
            del cluster.instances[each.id]
        return super().describe_instances(given)


class Stacks:
    """CloudFormation's calls, their XML read. APIs with a controller answer as it makes them answer; nothing runs."""

    def __init__(self, *, stream_lag_s: float = 0.0) -> None:
        self.control = Control()
        self.backends = self.control.backends
        ports = iter(range(50_000, 60_000))
        operations = self.backends.operations
        cloudformation.bind(self.backends.cloudformation, operations)
        operations.bind("ecs", EcsApi(EcsRecord(self.backends.ecs, self.backends.ec2, REGION), operations))
        clusters = Clusters(self.backends.ec2, ACCOUNT, REGION, operations)
        parts = (_ClustersAtOnce, _GroupsAtOnce, AccessCalls, AddonCalls, IdentityCalls)
        operations.bind("eks", *(part(clusters) for part in parts))
        operations.bind("elasticache", ElastiCacheApi(self.backends.elasticache, operations, ports.__next__))
        operations.bind("memorydb", MemoryDbApi(self.backends.memorydb, operations, ports.__next__))
        operations.bind("rds", RdsCalls(self.backends, ports.__next__))
        documents = _DocumentClustersAtOnce(self.backends, ports.__next__)
        operations.bind("docdb", documents, _DocumentInstancesAtOnce(documents.records, self.backends.rds))
        self.warehouses = RedshiftCalls(self.backends, ports.__next__)
        operations.bind("redshift", self.warehouses)
        self._bind_lattice()
        context = _context(self)
        groups = Groups(self.backends.account, REGION, operations, time.time)
        operations.bind("autoscaling", groups, Policies(groups, context))
        kinesis.bind(operations, Registry(self.backends.kinesis, context.state.root / "kinesis", lag_s=stream_lag_s))
        self.functions = LambdaController(context)

    def _bind_lattice(self) -> None:
        """What is made there is there once the call is answered, what is deleted is gone."""
        kept, backends = Store(ACCOUNT, REGION), self.backends
        targets = TargetGroups(kept, backends.ec2, backends.elbv2, FAST, lambda _target: None, Couplings())
        parts = (Networks(kept, backends.ec2), Services(kept, lambda _listener: None), targets)
        backends.operations.bind("vpc-lattice", *parts)
        backends.operations.changed = lambda _service, _name: kept.pass_on()

    def put(self, bucket: str, key: str, **files: str) -> None:
        """Upload a zip archive of `files` (module name to source)."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            for name, source in files.items():
                opened.writestr(f"{name}.py", source)
        self.backends.s3.put_object(bucket, key, archive.getvalue())

    def empty(self, bucket: str) -> None:
        """Delete what was put: CloudFormation deletes no bucket that holds objects."""
        for key in tuple(self.backends.s3.buckets[bucket].keys):
            self.backends.s3.delete_object(bucket, key)

    async def call(self, action: str, **parameters: Any) -> ET.Element:
        """`parameters` are the template's; what a stack does to IAM is acknowledged."""
        acknowledged = {"Capabilities.member.1": "CAPABILITY_NAMED_IAM"} if action in ACKNOWLEDGED else {}
        given = {**acknowledged, **parameters, **_flat(parameters.pop("parameters", {}))}
        given.pop("parameters", None)
        answer = await self.control.answer("cloudformation", action, **given)
        text = re.sub(r'\sxmlns="[^"]+"', "", answer.body.decode())
        root = ET.fromstring(text)  # noqa: S314  # our own answer
        if not answer.is_success:
            raise AssertionError(f"{root.findtext('.//Code')}: {root.findtext('.//Message')}")
        return root

    async def refusal(self, action: str, **parameters: Any) -> str:
        with pytest.raises(AssertionError) as caught:
            await self.call(action, **parameters)
        return str(caught.value)

    async def status(self, name: str) -> str:
        found = await self.call("DescribeStacks", StackName=name)
        return str(found.findtext(".//StackStatus"))

    async def outputs(self, name: str) -> dict[str, str]:
        found = await self.call("DescribeStacks", StackName=name)
        pairs = [(each.findtext("OutputKey"), each.findtext("OutputValue")) for each in found.iter("member")]
        return {str(key): str(value) for key, value in pairs if key}

    async def events(self, name: str) -> list[tuple[str, str, str]]:
        found = await self.call("DescribeStackEvents", StackName=name)
        return [
            tuple(
                str(each.findtext(part) or "")
                for part in ("LogicalResourceId", "ResourceStatus", "ResourceStatusReason")
            )  # type: ignore[misc]  # three parts
            for each in reversed(list(found.iter("member")))
            if each.find("EventId") is not None
        ]


class Still:
    """A supervisor that starts nothing."""

    users = OneUser()

    def add_zygote(self, name: str, command: tuple[str, ...]) -> None:
        """None is ever forked."""

    def warm(self, name: str) -> None:
        """Nor started."""

    async def start(self, spec: object) -> None:
        """Code is not compiled ahead of its first start, which never comes."""


def _context(stacks: Stacks) -> Any:
    """What controllers need to keep records and unpack code. No metric is ever reported."""
    folder = Path(tempfile.mkdtemp())
    weakref.finalize(stacks, shutil.rmtree, folder, ignore_errors=True)
    weakref.finalize(stacks, StateFolder(folder).remove_run)
    return SimpleNamespace(
        account=ACCOUNT,
        region=REGION,
        backends=stacks.backends,
        metrics=SimpleNamespace(register=lambda _collector: None, store=None),
        pace=FAST,
        pages={},
        state=StateFolder(folder),
        supervisor=Still(),
        url="",
        wake=lambda _name: None,
    )


def _flat(parameters: dict[str, str]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for number, (name, value) in enumerate(parameters.items(), start=1):
        flat[f"Parameters.member.{number}.ParameterKey"] = name
        flat[f"Parameters.member.{number}.ParameterValue"] = value
    return flat


RUNTIME = f"python3.{sys.version_info.minor}"
"""The only one the embedded cloud runs: this machine's own."""
CODE, LAYER = (f"payment-{kind}/{0:032x}.zip" for kind in ("code", "layer"))
GIVEN = {
    "EnvironmentName": "test",
    "DeployerArn": f"arn:aws:iam::{ACCOUNT}:user/operator",
    "LatticePrefixListId": "pl-0123abcd",
    "PaymentCodeKey": CODE,
    "PaymentLayerKey": LAYER,
    "PaymentRuntime": RUNTIME,
    "PaymentArchitecture": "x86_64",
}


async def deployed(last: str = ORDER[-1]) -> tuple[Stacks, dict[str, str]]:
    """The platform's stacks up to `last`, and their outputs with the parameters that are given."""
    stacks, outputs = Stacks(), dict(GIVEN)
    for module in ORDER[: ORDER.index(last) + 1]:
        if module == "serverless":
            for key in (CODE, LAYER):
                stacks.put(outputs["ArtifactBucketName"], key, handler="def handle(event, context): ...")
        body = (MODULES / f"{module}.yaml").read_text()
        declared = template.parse(body).get("Parameters", {})
        given = {name: value for name, value in outputs.items() if name in declared}
        await stacks.call("CreateStack", StackName=module, TemplateBody=body, parameters=given)
        assert await stacks.status(module) == "CREATE_COMPLETE", await stacks.events(module)
        outputs |= await stacks.outputs(module)
    return stacks, outputs


def stack_of(stacks: Stacks, name: str) -> Any:
    found = stacks.backends.cloudformation.stacks.values()
    return next((stack for stack in found if stack.name == name), None)


def is_gone(stacks: Stacks, name: str) -> bool:
    return stack_of(stacks, name) is None


async def until(is_done: Callable[[], bool]) -> None:
    """Wait for the steps that stacks take by themselves until `is_done`."""
    step = asyncio.Event()
    progress.listeners.append(step.set)
    try:
        while not is_done():
            step.clear()
            await step.wait()
    finally:
        progress.listeners.remove(step.set)

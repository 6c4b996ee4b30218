"""What the tests of stacks share: CloudFormation's calls, a template of three resources, the platform's own stacks."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from infrastructure.embedded.cloudformation import progress, template
from infrastructure.embedded.controllers import ecs_api, elasticache_api
from infrastructure.embedded.tests.control import Control

MODULES = Path(__file__).parents[2] / "modules"
ORDER = ("networking", "databases", "caching", "messaging", "loadbalancing", "compute")
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


class Stacks:
    """CloudFormation's calls, their XML read. ECS and ElastiCache answer as their controllers make them answer."""

    def __init__(self) -> None:
        self.control = Control()
        self.backends = self.control.backends
        ecs_api.install(self.backends.ecs, lambda _task: None)
        elasticache_api.install(self.backends.elasticache, iter(range(50_000, 60_000)).__next__)

    async def call(self, action: str, **parameters: Any) -> ET.Element:
        given = {**parameters, **_flat(parameters.pop("parameters", {}))}
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


def _flat(parameters: dict[str, str]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for number, (name, value) in enumerate(parameters.items(), start=1):
        flat[f"Parameters.member.{number}.ParameterKey"] = name
        flat[f"Parameters.member.{number}.ParameterValue"] = value
    return flat


async def deployed() -> tuple[Stacks, dict[str, str]]:
    stacks, outputs = Stacks(), {"EnvironmentName": "test"}
    for module in ORDER:
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

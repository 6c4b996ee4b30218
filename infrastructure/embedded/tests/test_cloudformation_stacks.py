"""Stacks: made whole or not at all, changed where they changed, and gone without a trace."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from infrastructure.embedded.cloudformation import engine, progress, template
from infrastructure.embedded.controllers import ecs_api, elasticache_api
from infrastructure.embedded.tests.control import Control, run

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


def test_resources_are_made_in_the_order_they_need_each_other() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        assert [(name, status) for name, status, _ in await stacks.events("two")] == [
            ("two", "CREATE_IN_PROGRESS"),
            ("First", "CREATE_IN_PROGRESS"),
            ("First", "CREATE_COMPLETE"),
            ("Second", "CREATE_IN_PROGRESS"),
            ("Second", "CREATE_COMPLETE"),
            ("two", "CREATE_COMPLETE"),
        ]
        outputs = await stacks.outputs("two")
        assert outputs["TableArn"].endswith(":table/first")
        assert outputs["QueueUrl"].endswith("/second")

    run(scenario())


def test_a_resource_that_fails_takes_the_others_back_and_says_why() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO, parameters={"Broken": "yes"})
        assert await stacks.status("two") == "ROLLBACK_COMPLETE"
        reasons = {name: reason for name, status, reason in await stacks.events("two") if status == "CREATE_FAILED"}
        assert list(reasons) == ["Third"]
        assert "subnet-absent" in reasons["Third"]
        assert (list(stacks.backends.dynamodb.tables), list(stacks.backends.sqs.queues)) == ([], [])

    run(scenario())


@pytest.mark.parametrize(
    ("on_failure", "status", "left"),
    [("DO_NOTHING", "CREATE_FAILED", ["first"]), ("DELETE", "DELETE_COMPLETE", [])],
)
def test_on_failure_is_the_callers_choice(on_failure: str, status: str, left: list[str]) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call(
            "CreateStack", StackName="two", TemplateBody=TWO, OnFailure=on_failure, parameters={"Broken": "yes"}
        )
        assert list(stacks.backends.dynamodb.tables) == left
        known = {stack.name: stack.status for stack in stacks.backends.cloudformation.list_stacks()}
        assert known["two"] == status

    run(scenario())


def test_describing_a_rolled_back_stack_makes_nothing() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO, parameters={"Broken": "yes"})
        assert await stacks.outputs("two") == {}
        await stacks.call("DescribeStackResources", StackName="two")
        assert list(stacks.backends.dynamodb.tables) == []

    run(scenario())


@pytest.mark.parametrize(
    ("body", "parameters", "message"),
    [
        (
            "Resources: {A: {Type: 'AWS::Redshift::Cluster'}}",
            {},
            "Unrecognized resource types: [AWS::Redshift::Cluster]",
        ),
        ("Resources: {}", {}, "At least one Resources member must be defined"),
        ("Description: nothing", {}, "At least one Resources member must be defined"),
        ("Resources: [", {}, "Template format error"),
        ("{", {}, "Template format error"),
        ("!!python/object/apply:os.system ['true']", {}, "Template format error"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', DependsOn: A}}", {}, "Circular dependency between resources: [A]"),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Ref B}}}",
            {},
            "Unresolved resource dependencies [B]",
        ),
        (TWO, {"Colour": "red"}, "Parameters: [Colour] do not exist in the template"),
        (TWO, {"Units": "0"}, "'Units' must be a number not less than 1"),
        (TWO, {"Units": "many"}, "'Units' must be a number"),
        (TWO, {"Broken": "maybe"}, "'Broken' must be one of AllowedValues"),
        (TWO.replace("Default: 5, ", ""), {}, "Parameters: [Units] must have values"),
    ],
)
def test_a_wrong_template_is_refused_before_anything_is_made(
    body: str, parameters: dict[str, str], message: str
) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        refusal = await stacks.refusal("CreateStack", StackName="wrong", TemplateBody=body, parameters=parameters)
        assert refusal.startswith("ValidationError: ")
        assert message in refusal
        assert stacks.backends.cloudformation.stacks == {}

    run(scenario())


def test_an_update_without_a_change_is_refused() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        same = TWO.replace("  Second:", "\n  Second:")
        for body in (TWO, same):
            refusal = await stacks.refusal("UpdateStack", StackName="two", TemplateBody=body)
            assert refusal == "ValidationError: No updates are to be performed."

    run(scenario())


def test_an_update_changes_what_its_parameters_reach() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        table = stacks.backends.dynamodb.tables["first"]
        await stacks.call("UpdateStack", StackName="two", TemplateBody=TWO, parameters={"Units": "7"})
        assert await stacks.status("two") == "UPDATE_COMPLETE"
        assert stacks.backends.dynamodb.tables["first"] is table
        assert table.throughput["WriteCapacityUnits"] == 7
        updated = [name for name, status, _ in await stacks.events("two") if status == "UPDATE_COMPLETE"]
        assert updated == ["First", "two"]

    run(scenario())


def test_an_update_that_fails_puts_back_what_it_changed() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        changes = {"Units": "7", "Seconds": "60", "Broken": "yes"}
        await stacks.call("UpdateStack", StackName="two", TemplateBody=TWO, parameters=changes)
        assert await stacks.status("two") == "UPDATE_ROLLBACK_COMPLETE"
        assert stacks.backends.dynamodb.tables["first"].throughput["WriteCapacityUnits"] == 5
        assert stacks.backends.sqs.queues["second"].visibility_timeout == 30
        await stacks.call("UpdateStack", StackName="two", TemplateBody=TWO, parameters={"Units": "8"})
        assert await stacks.status("two") == "UPDATE_COMPLETE"

    run(scenario())


def test_an_update_adds_and_removes() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        other = TWO.replace("Second", "Other").replace("QueueName: second", "QueueName: other")
        await stacks.call("UpdateStack", StackName="two", TemplateBody=other)
        assert list(stacks.backends.sqs.queues) == ["other"]

    run(scenario())


def test_a_property_that_cannot_change_fails_the_update_by_name() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        body = TWO.replace("AttributeName: id", "AttributeName: other")
        await stacks.call("UpdateStack", StackName="two", TemplateBody=body)
        failed = [reason for _, status, reason in await stacks.events("two") if status == "UPDATE_FAILED"]
        assert "AttributeDefinitions, KeySchema cannot be changed" in failed[0]

    run(scenario())


def test_what_is_retained_stays() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        body = TWO.replace("    DependsOn: First", "    DependsOn: First\n    DeletionPolicy: Retain")
        await stacks.call("CreateStack", StackName="two", TemplateBody=body)
        await stacks.call("DeleteStack", StackName="two")
        assert (list(stacks.backends.dynamodb.tables), list(stacks.backends.sqs.queues)) == ([], ["second"])

    run(scenario())


def test_deleting_a_stack_that_is_not_there_is_fine() -> None:
    async def scenario() -> None:
        await Stacks().call("DeleteStack", StackName="nobody")

    run(scenario())


def test_a_second_stack_of_the_same_name_is_refused() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        assert "AlreadyExistsException" in await stacks.refusal("CreateStack", StackName="two", TemplateBody=TWO)

    run(scenario())


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


def _stack(stacks: Stacks, name: str) -> Any:
    found = stacks.backends.cloudformation.stacks.values()
    return next((stack for stack in found if stack.name == name), None)


def _is_gone(stacks: Stacks, name: str) -> bool:
    return _stack(stacks, name) is None


async def _until(is_done: Callable[[], bool]) -> None:
    """Wait for the steps that stacks take by themselves until `is_done`."""
    step = asyncio.Event()
    progress.listeners.append(step.set)
    try:
        while not is_done():
            step.clear()
            await step.wait()
    finally:
        progress.listeners.remove(step.set)


def _left(backends: Any) -> dict[str, int]:
    """How many there are of what the platform's stacks make, without what belongs to the default VPC."""
    ec2 = backends.ec2
    default = {vpc.id for vpc in ec2.vpcs.values() if vpc.is_default == "true" or vpc.is_default is True}
    from infrastructure.embedded.moto_import import backend

    other = {name: backend(name, account=backends.account, region=backends.region) for name in ("logs", "ecr")}
    iam = backend("iam", account=backends.account, region="aws")
    return {
        "vpcs": sum(vpc.id not in default for vpc in ec2.vpcs.values()),
        "subnets": sum(s.vpc_id not in default for zone in ec2.subnets.values() for s in zone.values()),
        "groups": sum(len(groups) for vpc, groups in ec2.groups.items() if vpc not in default),
        "route tables": sum(table.vpc_id not in default for table in ec2.route_tables.values()),
        "gateways": len(ec2.internet_gateways) + len(ec2.nat_gateways),
        "endpoints": len(ec2.vpc_end_points),
        "addresses": len(ec2.addresses),
        "interfaces": len(ec2.enis),
        "tables": len(backends.dynamodb.tables),
        "buckets": len(backend("s3", account=backends.account, region="aws").buckets),
        "queues": len(backends.sqs.queues),
        "streams": len(backends.kinesis.streams),
        "caches": len(backends.elasticache.replication_groups) + len(backends.elasticache.cache_subnet_groups),
        "balancers": len(backends.elbv2.load_balancers) + len(backends.elbv2.target_groups),
        "services": sum(service.status != "INACTIVE" for service in backends.ecs.services.values()),
        "clusters": len(backends.ecs.clusters),
        "secrets": len(dict(backends.secretsmanager.secrets)),
        "alarms": len(backends.cloudwatch.alarms),
        "scaling": len(backends.applicationautoscaling.policies)
        + sum(len(targets) for targets in backends.applicationautoscaling.targets.values()),
        "roles": len(iam.roles),
        "logs": len(other["logs"].groups),
    }


def test_the_platforms_stacks_are_made_and_leave_nothing() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed()
        assert all(count > 0 for count in _left(stacks.backends).values()), _left(stacks.backends)
        assert outputs["AlbFullName"].startswith("app/cafe-test/")
        assert outputs["OrderTargetGroupFullName"].startswith("targetgroup/order-test/")
        for module in reversed(ORDER):
            await stacks.call("DeleteStack", StackName=module)
            # What a controller would do: a drained service is inactive, a cache without servers has no record.
            for service in stacks.backends.ecs.services.values():
                service.status = "INACTIVE" if module == "compute" else service.status
            if module == "caching":
                stacks.backends.elasticache.replication_groups.clear()
                stacks.backends.elasticache.cache_clusters.clear()
            await _until(partial(_is_gone, stacks, module))
        assert {kind: count for kind, count in _left(stacks.backends).items() if count} == {}

    run(scenario())


def test_a_deletion_waits_for_what_drains_and_tells_the_controllers() -> None:
    async def scenario() -> None:
        stacks, _ = await deployed()
        await stacks.call("DeleteStack", StackName="compute")
        assert await stacks.status("compute") == "DELETE_IN_PROGRESS"
        assert "cafe-test" in stacks.backends.ecs.clusters
        steps = iter(range(3))
        await _until(lambda: next(steps) == 2)
        assert await stacks.status("compute") == "DELETE_IN_PROGRESS"
        for service in stacks.backends.ecs.services.values():
            service.status = "INACTIVE"
        await _until(partial(_is_gone, stacks, "compute"))
        assert stacks.backends.ecs.clusters == {}

    run(scenario())


def test_a_deletion_that_never_ends_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        stacks, _ = await deployed()
        monkeypatch.setattr(engine, "LONGEST_S", 0.0)
        await stacks.call("DeleteStack", StackName="compute")
        await _until(lambda: _stack(stacks, "compute").status != "DELETE_IN_PROGRESS")
        assert await stacks.status("compute") == "DELETE_FAILED"
        failed = {name for name, status, _ in await stacks.events("compute") if status == "DELETE_FAILED"}
        assert failed == {"OrderService", "compute"}

    run(scenario())


def test_a_service_is_made_with_all_its_properties() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed()
        found = await stacks.control.ask("ecs", "DescribeServices", cluster="cafe-test", services=["order"])
        service = found["services"][0]
        assert (service["launchType"], service["desiredCount"], len(service["loadBalancers"])) == ("FARGATE", 2, 1)
        assert len(service["networkConfiguration"]["awsvpcConfiguration"]["subnets"]) == 2
        definition = (
            await stacks.control.ask("ecs", "DescribeTaskDefinition", taskDefinition=outputs["OrderTaskDefinitionArn"])
        )["taskDefinition"]
        assert (definition["family"], definition["cpu"], definition["memory"]) == ("order-test", "512", "1024")
        container = definition["containerDefinitions"][0]
        environment = {each["name"]: each["value"] for each in container["environment"]}
        assert environment["ORDERS_TABLE"] == "orders-test"
        assert (container["stopTimeout"], container["portMappings"][0]["containerPort"]) == (30, 8080)
        assert container["logConfiguration"]["options"]["awslogs-group"] == "/cafe/order-test"

    run(scenario())


def test_a_change_of_one_parameter_rolls_the_service_to_a_new_revision() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed()
        body = (MODULES / "compute.yaml").read_text()
        declared = template.parse(body)["Parameters"]
        given = {name: value for name, value in outputs.items() if name in declared} | {"OrderResilience": "off"}
        await stacks.call("UpdateStack", StackName="compute", TemplateBody=body, parameters=given)
        assert await stacks.status("compute") == "UPDATE_COMPLETE", await stacks.events("compute")
        found = await stacks.control.ask("ecs", "DescribeServices", cluster="cafe-test", services=["order"])
        assert found["services"][0]["taskDefinition"].endswith("order-test:2")

    run(scenario())

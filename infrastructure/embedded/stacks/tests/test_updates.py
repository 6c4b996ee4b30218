"""Updates of stacks: changed where the template changed, and put back when one change fails."""

import pytest

from infrastructure.embedded.stacks.tests.world import TWO, Stacks
from infrastructure.embedded.tests.control import run


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


RULES = """
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: group, VpcId: !Ref Network}}
  Peer: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: peer, VpcId: !Ref Network}}
  FromNetwork:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Group.GroupId, CidrIp: 10.0.0.0/8, IpProtocol: tcp, FromPort: 1, ToPort: 1}
  FromPeer:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      GroupId: !GetAtt Group.GroupId
      SourceSecurityGroupId: !GetAtt Peer.GroupId
      IpProtocol: tcp
      FromPort: 2
      ToPort: 2
"""


def test_what_is_said_of_a_security_groups_rule_changes_in_place() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="rules", TemplateBody=RULES)
        groups = stacks.backends.ec2.describe_security_groups()
        [group] = [each for each in groups if each.description == "group"]
        before = [rule.id for rule in group.ingress_rules]
        for said in ("one", "other", None):
            more = "" if said is None else f", Description: {said}"
            body = RULES.replace("ToPort: 1", "ToPort: 1" + more)
            body = body if said is None else body + f"      Description: {said}\n"
            await stacks.call("UpdateStack", StackName="rules", TemplateBody=body)
            assert await stacks.status("rules") == "UPDATE_COMPLETE", await stacks.events("rules")
            found = [(rule.id, (rule.ip_range or rule.source_group).get("Description")) for rule in group.ingress_rules]
            assert found == [(each, said) for each in before]
        broken = RULES.replace("ToPort: 1", "ToPort: 1, Description: broken")
        broken += "  Last: {Type: AWS::ElastiCache::SubnetGroup, DependsOn: FromNetwork, Properties: {Description: l, "
        broken += "SubnetIds: [subnet-absent]}}\n"
        await stacks.call("UpdateStack", StackName="rules", TemplateBody=broken)
        assert await stacks.status("rules") == "UPDATE_ROLLBACK_COMPLETE"
        assert [(rule.id, rule.ip_range.get("Description")) for rule in group.ingress_rules] == [
            (each, None) for each in before
        ]
        await stacks.call("UpdateStack", StackName="rules", TemplateBody=RULES.replace("ToPort: 1", "ToPort: 3"))
        assert [int(rule.to_port) for rule in group.ingress_rules] == [2, 3], "what it allows makes another rule"

    run(scenario())


@pytest.mark.parametrize(
    ("taken", "port", "interval"), [("port", "traffic-port", 7), ("interval", "8080", 7)], ids=["reset", "left"]
)
def test_of_a_target_groups_checks_only_the_port_goes_back_to_its_default(taken: str, port: str, interval: int) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        lines = {"port": "HealthCheckPort: 8080", "interval": "HealthCheckIntervalSeconds: 7"}
        network = "  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}"
        start = (
            f"Resources:\n{network}\n  Targets:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n"
        )
        start += "".join(f"      {line}\n" for line in ("Name: t", "Protocol: HTTP", "Port: 80", "VpcId: !Ref Network"))
        body = start + "".join(f"      {line}\n" for line in lines.values())
        await stacks.call("CreateStack", StackName="targets", TemplateBody=body)
        await stacks.call("UpdateStack", StackName="targets", TemplateBody=body.replace(f"      {lines[taken]}\n", ""))
        assert await stacks.status("targets") == "UPDATE_COMPLETE"
        [group] = stacks.backends.elbv2.target_groups.values()
        assert (str(group.health_check_port), int(group.health_check_interval_seconds)) == (port, interval)

    run(scenario())


TORN = """
Parameters:
  Seconds: {Type: Number, Default: 30}
  Maximum: {Type: String, Default: ""}
  Delay: {Type: String, Default: "20"}
  Container: {Type: String, Default: main}
Conditions:
  IsCapped: !Not [!Equals [!Ref Maximum, ""]]
  IsNamed: !Not [!Equals [!Ref Container, ""]]
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: queue
      VisibilityTimeout: !Ref Seconds
      RedrivePolicy: !If [IsCapped, {maxReceiveCount: !Ref Maximum}, !Ref AWS::NoValue]
  Targets:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    DependsOn: Queue
    Properties:
      Name: targets
      TargetType: ip
      Protocol: HTTP
      Port: 80
      VpcId: !Ref Network
      HealthCheckIntervalSeconds: !Ref Seconds
      TargetGroupAttributes: [{Key: deregistration_delay.timeout_seconds, Value: !Ref Delay}]
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: task
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      Cpu: "256"
      Memory: "512"
      ContainerDefinitions: [{Name: !If [IsNamed, !Ref Container, !Ref AWS::NoValue], Image: main}]
Outputs:
  Task: {Value: !Ref Task}
"""
"""Resources with a property that changes and, after that one has, another whose value may be refused."""


@pytest.mark.parametrize(
    ("resource", "refused"),
    [("Queue", {"Maximum": "3"}), ("Targets", {"Delay": "9999"})],
    ids=["a-type-of-moto", "a-type-of-ours"],
)
def test_a_resource_whose_own_update_fails_half_way_is_put_back(resource: str, refused: dict[str, str]) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="torn", TemplateBody=TORN)
        await stacks.call("UpdateStack", StackName="torn", TemplateBody=TORN, parameters={"Seconds": "60", **refused})
        assert await stacks.status("torn") == "UPDATE_ROLLBACK_COMPLETE"
        statuses = [status for name, status, _ in await stacks.events("torn") if name == resource]
        assert statuses[2:] == ["UPDATE_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
        queue, (group,) = stacks.backends.sqs.queues["queue"], stacks.backends.elbv2.target_groups.values()
        assert (queue.visibility_timeout, queue.redrive_policy) == (30, None)
        assert int(group.health_check_interval_seconds) == 30
        assert group.attributes["deregistration_delay.timeout_seconds"] == "20"
        await stacks.call("UpdateStack", StackName="torn", TemplateBody=TORN, parameters={"Seconds": "60"})
        assert (queue.visibility_timeout, int(group.health_check_interval_seconds)) == (60, 60)

    run(scenario())


def test_a_rollback_goes_back_to_what_was_replaced() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="torn", TemplateBody=TORN)
        before = await stacks.outputs("torn")
        last = "{Type: AWS::ElastiCache::SubnetGroup, DependsOn: Task, Properties: {SubnetIds: [subnet-absent]}}"
        broken = TORN.replace("Outputs:", f"  Last: {last}\nOutputs:")
        await stacks.call("UpdateStack", StackName="torn", TemplateBody=broken, parameters={"Container": "other"})
        assert await stacks.status("torn") == "UPDATE_ROLLBACK_COMPLETE"
        assert await stacks.outputs("torn") == before
        revisions = stacks.backends.ecs.task_definitions["task"].values()
        assert [revision.status for revision in revisions] == ["ACTIVE", "INACTIVE"], "what the update made is gone"
        await stacks.call("UpdateStack", StackName="torn", TemplateBody=TORN, parameters={"Container": "third"})
        assert [revision.status for revision in revisions] == ["INACTIVE", "INACTIVE", "ACTIVE"]

    run(scenario())


def test_a_resource_that_could_not_be_replaced_stays_the_one_it_was() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="torn", TemplateBody=TORN)
        before = await stacks.outputs("torn")
        await stacks.call("UpdateStack", StackName="torn", TemplateBody=TORN, parameters={"Container": ""})
        assert await stacks.status("torn") == "UPDATE_ROLLBACK_COMPLETE"
        assert await stacks.outputs("torn") == before

    run(scenario())


def test_an_update_adds_and_removes() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        other = TWO.replace("Second", "Other").replace("QueueName: second", "QueueName: other")
        await stacks.call("UpdateStack", StackName="two", TemplateBody=other)
        assert list(stacks.backends.sqs.queues) == ["other"]

    run(scenario())


def test_an_update_exports_what_its_template_says() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        exporting = TWO.replace("{Value: !Ref Second}", "{Value: !Ref Second, Export: {Name: before}}")
        await stacks.call("CreateStack", StackName="two", TemplateBody=exporting)
        await stacks.call("UpdateStack", StackName="two", TemplateBody=exporting.replace("before", "after"))
        user = "Resources: {Logs: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: !ImportValue after}}}"
        await stacks.call("CreateStack", StackName="user", TemplateBody=user)
        assert await stacks.status("user") == "CREATE_COMPLETE", await stacks.events("user")
        assert list(stacks.backends.cloudformation.exports) == ["after"]

    run(scenario())


def test_a_property_that_cannot_change_fails_the_update_by_name() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        body = TWO.replace("AttributeName: id", "AttributeName: other")
        await stacks.call("UpdateStack", StackName="two", TemplateBody=body)
        failed = [reason for _, status, reason in await stacks.events("two") if status == "UPDATE_FAILED"]
        assert "AttributeDefinitions, KeySchema cannot be changed" in failed[0]
        assert await stacks.status("two") == "UPDATE_ROLLBACK_COMPLETE"

    run(scenario())


def test_another_type_under_the_same_name_is_refused_and_nothing_is_lost() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        topic = TWO.replace("AWS::SQS::Queue", "AWS::Logs::LogGroup")
        topic = topic.replace("{QueueName: second, VisibilityTimeout: !Ref Seconds}", "{LogGroupName: second}")
        refusal = await stacks.refusal("UpdateStack", StackName="two", TemplateBody=topic)
        assert "Update of resource type is not permitted" in refusal
        assert "[Second]" in refusal
        assert await stacks.status("two") == "CREATE_COMPLETE"
        await stacks.call("DeleteStack", StackName="two")
        assert list(stacks.backends.sqs.queues) == []

    run(scenario())


@pytest.mark.parametrize(
    ("broken", "left"), [("no", ["second"]), ("yes", [])], ids=["an-update-that-succeeds", "one-that-is-taken-back"]
)
def test_a_deletion_policy_is_what_the_last_successful_template_says(broken: str, left: list[str]) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        retained = TWO.replace("    DependsOn: First", "    DependsOn: First\n    DeletionPolicy: Retain")
        changes = {"Seconds": "30" if broken == "no" else "60", "Broken": broken}
        await stacks.call("UpdateStack", StackName="two", TemplateBody=retained, parameters=changes)
        await stacks.call("DeleteStack", StackName="two")
        assert list(stacks.backends.sqs.queues) == left

    run(scenario())

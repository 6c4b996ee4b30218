"""What AWS's schema says makes another resource does; one with a name of its own stands in its own way."""

import json
from typing import Any

import pytest

from infrastructure.embedded.stacks.tests.world import Stacks
from infrastructure.embedded.tests.control import run


def _queue(**properties: object) -> dict[str, Any]:
    return {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}


def _body(resources: dict[str, Any]) -> str:
    return json.dumps({"Resources": resources, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}})


def test_a_resource_without_a_name_is_replaced_and_the_former_one_is_deleted_last() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="q", TemplateBody=_body(_queue(FifoQueue=False)))
        before = await stacks.outputs("q")
        await stacks.call("UpdateStack", StackName="q", TemplateBody=_body(_queue(QueueName="other")))
        assert await stacks.status("q") == "UPDATE_COMPLETE", await stacks.events("q")
        assert list(stacks.backends.sqs.queues) == ["other"]
        assert before["Url"] != (await stacks.outputs("q"))["Url"]
        steps = [status for name, status, _ in await stacks.events("q") if name == "Queue"]
        assert steps[-2:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]

    run(scenario())


def test_one_with_a_name_is_refused_in_cloudformations_words() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="q", TemplateBody=_body(_queue(QueueName="mine")))
        other = _body(_queue(QueueName="mine", FifoQueue=False))
        await stacks.call("UpdateStack", StackName="q", TemplateBody=other)
        assert await stacks.status("q") == "UPDATE_ROLLBACK_COMPLETE"
        reasons = [reason for _, status, reason in await stacks.events("q") if status == "UPDATE_FAILED"]
        assert reasons[0].startswith(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            "Rename mine and update the stack again."
        )

    run(scenario())


ALLOW = '{Effect: Allow, Action: "s3:ListBucket", Resource: "*"}'
DOCUMENT = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}}'
ROLE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: role
      AssumeRolePolicyDocument: {{Version: "2012-10-17", Statement: []}}
      ManagedPolicyArns: [{managed}]
      Policies: [{inline}]
"""
INLINE = "{{PolicyName: {0}, PolicyDocument: {{Version: '2012-10-17', Statement: {1}}}}}"


def test_elements_of_a_list_come_and_go_one_by_one_and_do_not_keep_it_from_being_deleted() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        call = stacks.backends.operations.call
        arns = [
            call("iam", "CreatePolicy", PolicyName=name, PolicyDocument=DOCUMENT)["Policy"].arn
            for name in ("one", "two")
        ]
        body = ROLE.format(managed=arns[0], inline=f"{INLINE.format('a', ALLOW)}, {INLINE.format('b', ALLOW)}")
        await stacks.call("CreateStack", StackName="role", TemplateBody=body)
        role = next(iter(stacks.backends.iam.roles.values()))
        assert (list(role.managed_policies), sorted(role.policies)) == ([arns[0]], ["a", "b"])
        allow = ALLOW.replace("ListBucket", "GetObject")
        body = ROLE.format(managed=arns[1], inline=INLINE.format("a", allow))
        await stacks.call("UpdateStack", StackName="role", TemplateBody=body)
        assert await stacks.status("role") == "UPDATE_COMPLETE", await stacks.events("role")
        assert (list(role.managed_policies), sorted(role.policies)) == ([arns[1]], ["a"])
        assert "s3:GetObject" in str(role.policies["a"])
        await stacks.call("DeleteStack", StackName="role")
        assert dict(stacks.backends.iam.roles) == {}

    run(scenario())


RULES = """
Resources:
  Network: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.0.0.0/16}}}}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties: {{GroupDescription: g, VpcId: !Ref Network{rules}}}
"""


def test_a_group_without_egress_rules_lets_everything_out_and_one_with_some_only_those() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="g", TemplateBody=RULES.format(rules=""))
        [group] = [each for each in stacks.backends.ec2.describe_security_groups() if each.description == "g"]
        for rules, expected in (
            (", SecurityGroupEgress: [{IpProtocol: tcp, FromPort: 1, ToPort: 1, CidrIp: 10.0.0.0/8}]", ["10.0.0.0/8"]),
            (", SecurityGroupEgress: []", []),
            ("", ["0.0.0.0/0"]),
        ):
            await stacks.call("UpdateStack", StackName="g", TemplateBody=RULES.format(rules=rules))
            assert await stacks.status("g") == "UPDATE_COMPLETE", await stacks.events("g")
            assert [rule.ip_range["CidrIp"] for rule in group.egress_rules] == expected

    run(scenario())


STREAM = "Resources: {{Stream: {{Type: AWS::Kinesis::Stream, Properties: {{Name: s, ShardCount: {0}{1}}}}}}}"


def test_a_stream_changes_in_place_and_goes_back_to_what_it_is_by_itself() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        kept = ", RetentionPeriodHours: 48, StreamEncryption: {EncryptionType: KMS, KeyId: alias/aws/kinesis}"
        await stacks.call("CreateStack", StackName="s", TemplateBody=STREAM.format(1, kept))
        stream = stacks.backends.kinesis.streams["s"]
        assert (stream.retention_period_hours, stream.encryption_type) == (48, "KMS")
        await stacks.call("UpdateStack", StackName="s", TemplateBody=STREAM.format(2, ", RetentionPeriodHours: 36"))
        assert await stacks.status("s") == "UPDATE_COMPLETE", await stacks.events("s")
        shards = [shard for shard in stream.shards.values() if shard.is_open]
        assert (stream.retention_period_hours, stream.encryption_type, len(shards)) == (36, "NONE", 2)
        await stacks.call("UpdateStack", StackName="s", TemplateBody=STREAM.format(2, ""))
        assert stream.retention_period_hours == 24

    run(scenario())


TARGETS = """
Resources:
  Network: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.0.0.0/16}}}}
  Targets:
    Type: AWS::VpcLattice::TargetGroup
    Properties: {{Type: IP, Config: {{VpcIdentifier: !Ref Network, {config}}}}}
Outputs:
  Arn: {{Value: !Ref Targets}}
"""


@pytest.mark.parametrize(
    ("config", "is_another", "path"),
    [
        ("Port: 80, HealthCheck: {Path: /ready}", False, "/ready"),
        ("Port: 80", False, "/health"),
        ("Port: 81, HealthCheck: {Path: /health}", True, "/health"),
        ("Port: 81, HealthCheck: {Path: /ready}", True, "/ready"),
    ],
    ids=["health check", "no health check any more", "port", "both"],
)
def test_only_the_parts_of_a_property_make_another_resource_that_the_schema_names(
    config: str, is_another: bool, path: str
) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        first = TARGETS.format(config="Port: 80, HealthCheck: {Path: /health}")
        await stacks.call("CreateStack", StackName="t", TemplateBody=first)
        before = await stacks.outputs("t")
        assert await stacks.status("t") == "CREATE_COMPLETE", await stacks.events("t")
        await stacks.call("UpdateStack", StackName="t", TemplateBody=TARGETS.format(config=config))
        assert await stacks.status("t") == "UPDATE_COMPLETE", await stacks.events("t")
        after = await stacks.outputs("t")
        found = stacks.backends.operations.call("vpc-lattice", "GetTargetGroup", targetGroupIdentifier=after["Arn"])[
            "config"
        ]
        assert (after != before, found["healthCheck"]["path"]) == (is_another, path)
        assert len(stacks.backends.operations.call("vpc-lattice", "ListTargetGroups")["items"]) == 1

    run(scenario())

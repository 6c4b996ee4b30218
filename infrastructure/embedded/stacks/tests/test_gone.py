"""What somebody deleted past its stack is no obstacle to deleting the stack, as on AWS."""

from collections.abc import Callable
from typing import Any

import pytest

from infrastructure.embedded.moto.imports import backend
from infrastructure.embedded.stacks.tests.world import Stacks, deployed, is_gone, stack_of
from infrastructure.embedded.tests.control import run

TEMPLATE = """
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: queue}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: table
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
  Stream: {Type: AWS::Kinesis::Stream, Properties: {Name: stream, ShardCount: 1}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: logs}}
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: role, AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}}
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: cluster}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: task, ContainerDefinitions: [{Name: main, Image: main, Memory: 1}]}
"""


def _logs(backends: Any) -> Any:
    return backend("logs", account=backends.account, region=backends.region)


BY_HAND: dict[str, Callable[[Any], object]] = {
    "queue": lambda b: b.sqs.delete_queue("queue"),
    "table": lambda b: b.dynamodb.delete_table("table"),
    "stream": lambda b: b.kinesis.delete_stream(b.kinesis.streams["stream"].arn, "stream"),
    "log group": lambda b: _logs(b).delete_log_group("logs"),
    "role": lambda b: backend("iam", account=b.account, region="aws").delete_role("role"),
    "cluster": lambda b: b.operations.call("ecs", "DeleteCluster", cluster="cluster"),
    "task definition": lambda b: b.ecs.deregister_task_definition("task:1"),
}


@pytest.mark.parametrize("delete", BY_HAND.values(), ids=BY_HAND.keys())
def test_a_resource_that_is_gone_is_deleted(delete: Callable[[Any], object]) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="made", TemplateBody=TEMPLATE)
        assert await stacks.status("made") == "CREATE_COMPLETE", await stacks.events("made")
        delete(stacks.backends)
        await stacks.call("DeleteStack", StackName="made")
        assert is_gone(stacks, "made"), await stacks.events("made")

    run(scenario())


def test_a_rule_that_was_revoked_and_a_gateway_that_was_detached_are_deleted() -> None:
    async def scenario() -> None:
        stacks, _ = await deployed("networking")
        ec2 = stacks.backends.ec2
        for groups in ec2.groups.values():
            for group in groups.values():
                group.ingress_rules.clear()
        for gateway in ec2.internet_gateways.values():
            ec2.detach_internet_gateway(gateway.id, gateway.vpc.id)
        await stacks.call("DeleteStack", StackName="networking")
        assert is_gone(stacks, "networking"), await stacks.events("networking")

    run(scenario())


def test_a_resource_that_is_there_and_cannot_be_deleted_still_fails() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="made", TemplateBody="Resources: {Files: {Type: 'AWS::S3::Bucket'}}")
        [bucket] = stacks.backends.s3.buckets
        stacks.backends.s3.put_object(bucket, "key", b"value")
        await stacks.call("DeleteStack", StackName="made")
        assert stack_of(stacks, "made").status == "DELETE_FAILED"

    run(scenario())

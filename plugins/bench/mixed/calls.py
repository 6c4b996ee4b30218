"""What one caller asks of every API: reads, and writes to resources of its own, which it makes first and takes away."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Semaphore
from typing import Any, NamedTuple

_CREATING = Semaphore(5)
"""As many streams may be made at a time. Source: Amazon Kinesis Data Streams API Reference, CreateStream."""
ClientOf = Callable[[str], Any]
"""The boto3 client of a service."""


class Call(NamedTuple):
    """A method of a service's client, and what it is called with."""

    service: str
    method: str
    given: Mapping[str, Any]


READS = (
    Call("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "ecs"}),
    Call("autoscaling", "describe_auto_scaling_groups", {}),
    Call("cloudformation", "describe_stacks", {}),
    Call("cloudwatch", "describe_alarms", {}),
    Call("docdb", "describe_db_clusters", {}),
    Call("dynamodb", "list_tables", {}),
    Call("ec2", "describe_vpcs", {}),
    Call("ecs", "list_clusters", {}),
    Call("eks", "list_clusters", {}),
    Call("elasticache", "describe_replication_groups", {}),
    Call("elbv2", "describe_load_balancers", {}),
    Call("iam", "list_roles", {}),
    Call("kinesis", "list_streams", {}),
    Call("lambda", "list_functions", {}),
    Call("memorydb", "describe_clusters", {}),
    Call("rds", "describe_db_clusters", {}),
    Call("redshift", "describe_clusters", {}),
    Call("redshift-data", "list_statements", {}),
    Call("resourcegroupstaggingapi", "get_resources", {}),
    Call("s3", "list_buckets", {}),
    Call("secretsmanager", "list_secrets", {}),
    Call("sqs", "list_queues", {}),
    Call("sts", "get_caller_identity", {}),
    Call("vpc-lattice", "list_services", {}),
)


@contextmanager
def own_calls(client: ClientOf, name: str) -> Iterator[list[Call]]:
    """The calls on resources called `name`, which are there for as long."""
    with ExitStack() as undo:
        yield [*_of_data(client, name, undo), *_of_messages(client, name, undo), *_of_control(client, name, undo)]


def _of_data(client: ClientOf, name: str, undo: ExitStack) -> list[Call]:
    table, bucket = {"TableName": name}, {"Bucket": name}
    client("dynamodb").create_table(
        **table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    undo.callback(client("dynamodb").delete_table, **table)
    client("dynamodb").get_waiter("table_exists").wait(**table, WaiterConfig={"Delay": 1})
    client("s3").create_bucket(**bucket)
    undo.callback(client("s3").delete_bucket, **bucket)
    held = {**bucket, "Key": "held"}
    client("s3").put_object(**held, Body=b"held")
    undo.callback(client("s3").delete_object, **held)
    client("secretsmanager").create_secret(Name=name, SecretString="a")
    undo.callback(client("secretsmanager").delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)
    key = {"id": {"S": "a"}}
    return [
        Call("dynamodb", "put_item", {**table, "Item": {**key, "n": {"N": "1"}}}),
        Call("dynamodb", "update_item", {**table, "Key": key, "AttributeUpdates": {"m": {"Value": {"S": "b"}}}}),
        Call("dynamodb", "get_item", {**table, "Key": key}),
        Call("dynamodb", "describe_table", table),
        Call("s3", "put_object", {**held, "Body": b"x" * 1000}),
        Call("s3", "get_object", held),
        Call("s3", "list_objects_v2", bucket),
        Call("secretsmanager", "get_secret_value", {"SecretId": name}),
        Call("secretsmanager", "tag_resource", {"SecretId": name, "Tags": [{"Key": "a", "Value": "b"}]}),
    ]


def _of_messages(client: ClientOf, name: str, undo: ExitStack) -> list[Call]:
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    undo.callback(client("sqs").delete_queue, QueueUrl=url)
    with _CREATING:
        client("kinesis").create_stream(StreamName=name, ShardCount=1)
        undo.callback(client("kinesis").delete_stream, StreamName=name)
        client("kinesis").get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    client("logs").create_log_group(logGroupName=name)
    undo.callback(client("logs").delete_log_group, logGroupName=name)
    client("logs").create_log_stream(logGroupName=name, logStreamName=name)
    client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="calls",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    undo.callback(client("cloudwatch").delete_alarms, AlarmNames=[name])
    return [
        Call("sqs", "send_message", {"QueueUrl": url, "MessageBody": "x" * 100}),
        Call("sqs", "receive_message", {"QueueUrl": url}),
        Call("sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["All"]}),
        Call("kinesis", "put_record", {"StreamName": name, "Data": b"x" * 100, "PartitionKey": "a"}),
        Call("kinesis", "list_shards", {"StreamName": name}),
        Call("logs", "get_log_events", {"logGroupName": name, "logStreamName": name}),
        Call("logs", "describe_log_streams", {"logGroupName": name}),
        Call("cloudwatch", "put_metric_data", {"Namespace": name, "MetricData": [{"MetricName": "calls", "Value": 1}]}),
        Call("cloudwatch", "describe_alarms", {"AlarmNames": [name]}),
    ]


def _of_control(client: ClientOf, name: str, undo: ExitStack) -> list[Call]:
    client("iam").create_role(RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    undo.callback(client("iam").delete_role, RoleName=name)
    vpc = client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    group = client("ec2").create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    undo.callback(client("ec2").delete_security_group, GroupId=group)
    client("ecr").create_repository(repositoryName=name)
    undo.callback(client("ecr").delete_repository, repositoryName=name)
    cluster = client("ecs").create_cluster(clusterName=name)["cluster"]["clusterArn"]
    undo.callback(client("ecs").delete_cluster, cluster=name)
    made = client("elbv2").create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
    target = {"TargetGroupArn": made["TargetGroups"][0]["TargetGroupArn"]}
    undo.callback(client("elbv2").delete_target_group, **target)
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "10"}
    return [
        Call("iam", "get_role", {"RoleName": name}),
        Call("iam", "tag_role", {"RoleName": name, "Tags": [{"Key": "a", "Value": "b"}]}),
        Call("ec2", "create_tags", {"Resources": [group], "Tags": [{"Key": "a", "Value": "b"}]}),
        Call("ec2", "describe_security_groups", {"GroupIds": [group]}),
        Call("ecr", "describe_repositories", {"repositoryNames": [name]}),
        Call("ecs", "describe_clusters", {"clusters": [name]}),
        Call("ecs", "tag_resource", {"resourceArn": cluster, "tags": [{"key": "a", "value": "b"}]}),
        Call("elbv2", "modify_target_group_attributes", {**target, "Attributes": [delay]}),
        Call("elbv2", "describe_target_groups", {"TargetGroupArns": [target["TargetGroupArn"]]}),
    ]

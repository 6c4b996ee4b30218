"""The AWS APIs that the control plane answers, as data. What is not listed here is refused, never half answered.

Adding an API is one entry in `APIS`: its signing name, the moto class behind it and which of its calls move data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Protocol = Literal["json", "query", "ec2", "rest-json", "rest-xml"]

_READS = ("BatchGet", "Check", "Describe", "Download", "Estimate", "Get", "Head", "List", "Lookup", "Query", "Scan")
_READS_TOO = frozenset(
    {"AssumeRole", "BatchCheckLayerAvailability", "ReceiveMessage", "TransactGetItems", "ValidateTemplate"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One AWS API. `name` is its signing name, `version` tells apart those that share one."""

    name: str
    moto: str = ""
    """Package below `moto` that keeps its records; empty when a controller keeps them and answers the calls itself."""
    handler: str = ""
    """Class in `moto.<moto>.responses`; empty for REST-XML, which only moto's WSGI application can route."""
    protocol: Protocol
    version: str = ""
    target: str = ""
    """Prefix of X-Amz-Target in the JSON protocol."""
    data: frozenset[str] = frozenset()
    """Actions of the data plane: no controller needs to hear of them, no audit keeps them."""
    only: frozenset[str] = frozenset()
    """The actions that are answered, where moto has others that would be answered wrongly; empty: all of moto's."""
    effects: Mapping[str, str] = field(default_factory=dict)
    """Calls that do here what they do on AWS, and what that is; a controller of the API declares its own."""
    note: str = ""
    """What else a caller must know; for PARITY.md."""
    is_global: bool = False
    """Signed for us-east-1 wherever the caller is."""

    def is_mutation(self, action: str) -> bool:
        """Whether `action` changes what controllers follow."""
        return action not in self.data and action not in _READS_TOO and not action.startswith(_READS)

    def provides(self, action: str) -> bool:
        """Whether `action` may be answered, if moto implements it."""
        return not self.only or action in self.only

    def serves(self, target: str, parameters: Mapping[str, object]) -> bool:
        """Whether the call is of this API, not of a sibling with the same signing name (DynamoDB Streams, ELB v1)."""
        if target:
            return not self.target or target.startswith(f"{self.target}.")
        return not self.version or parameters.get("Version") == self.version


APIS: tuple[Api, ...] = (
    Api(
        name="application-autoscaling",
        moto="applicationautoscaling",
        handler="ApplicationAutoScalingResponse",
        protocol="json",
        target="AnyScaleFrontendService",
    ),
    Api(
        name="cloudformation",
        moto="cloudformation",
        handler="CloudFormationResponse",
        protocol="query",
        only=frozenset(
            {
                "CreateStack",
                "DeleteStack",
                "DescribeStackEvents",
                "DescribeStackResource",
                "DescribeStackResources",
                "DescribeStacks",
                "GetTemplate",
                "ListExports",
                "ListStackResources",
                "ListStacks",
                "UpdateStack",
            }
        ),
        effects={
            "CreateStack": "its resources are made by the APIs' own calls, or rolled back with reasons",
            "DeleteStack": "its resources are deleted, the last made first; waits for services to drain",
            "DescribeStackEvents": "every step of every resource, with its reason",
            "UpdateStack": "what resolved properties say has changed is changed, or put back",
        },
        note="A stack is complete once its resources are recorded: it does not wait for an ECS service to be stable. "
        "No change sets, nested stacks, macros or drift detection.",
    ),
    Api(
        name="dynamodb",
        moto="dynamodb",
        handler="DynamoHandler",
        protocol="json",
        target="DynamoDB_20120810",
        data=frozenset(
            {
                "BatchExecuteStatement",
                "BatchWriteItem",
                "DeleteItem",
                "ExecuteStatement",
                "ExecuteTransaction",
                "PutItem",
                "TransactWriteItems",
                "UpdateItem",
            }
        ),
    ),
    Api(
        name="ec2",
        moto="ec2",
        handler="EC2Response",
        protocol="ec2",
        note="Networks, security groups and addresses are records: all processes share the loopback interface.",
    ),
    Api(
        name="ecr",
        moto="ecr",
        handler="ECRResponse",
        protocol="json",
        target="AmazonEC2ContainerRegistry_V20150921",
        note="No image is ever pulled: an image's name finds the service's entry point in the catalogue.",
    ),
    Api(
        name="ecs",
        moto="ecs",
        handler="EC2ContainerServiceResponse",
        protocol="json",
        target="AmazonEC2ContainerServiceV20141113",
    ),
    Api(name="elasticache", moto="elasticache", handler="ElastiCacheResponse", protocol="query"),
    Api(
        name="elasticloadbalancing",
        moto="elbv2",
        handler="ELBV2Response",
        protocol="query",
        version="2015-12-01",
    ),
    Api(
        name="iam",
        moto="iam",
        handler="IamResponse",
        protocol="query",
        is_global=True,
        note="Roles and policies are records: no call is authorised by them.",
    ),
    Api(
        name="kinesis",
        moto="kinesis",
        handler="KinesisResponse",
        protocol="json",
        target="Kinesis_20131202",
        data=frozenset({"PutRecord", "PutRecords"}),
        effects={
            "CreateStream": "a stream with its shards, active at once",
            "DeleteStream": "the stream and its records are gone",
            "GetRecords": "records in order, up to 10,000 a call",
            "GetShardIterator": "where to read on",
            "PutRecord": "a record in the shard of its key",
            "PutRecords": "records in the shards of their keys",
        },
        note="A shard keeps its latest 100,000 records. Shard throughput is not limited; nothing is encrypted.",
    ),
    Api(
        name="lambda",
        protocol="rest-json",
        data=frozenset({"Invoke", "InvokeAsync"}),
        note="Sandboxes are processes of AWS's own runtime client; the one runtime is this machine's Python. Time-outs "
        "and memory limits are enforced, the share of CPU is not. No call is refused for lack of a permission.",
    ),
    Api(
        name="logs",
        moto="logs",
        handler="LogsResponse",
        protocol="json",
        target="Logs_20140328",
        data=frozenset({"PutLogEvents", "FilterLogEvents"}),
        note="Log groups are records: what containers write goes to files (`cafe logs`).",
    ),
    Api(
        name="monitoring",
        moto="cloudwatch",
        handler="CloudWatchResponse",
        protocol="json",
        target="GraniteServiceVersion20100801",
        data=frozenset({"PutMetricData"}),
    ),
    Api(
        name="rds",
        moto="rds",
        handler="RDSResponse",
        protocol="query",
        version="2014-10-31",
        note="Clusters of Aurora PostgreSQL are PostgreSQL servers of one version, whatever EngineVersion is recorded; "
        "their reader endpoint has the writer's port on 127.0.0.2. Other engines, instances outside a cluster and "
        "snapshots are records; nothing is restored.",
    ),
    Api(
        name="s3",
        moto="s3",
        protocol="rest-xml",
        is_global=True,
        note="Buckets and objects are kept in memory, by path-style addresses; the operations are those of moto.",
    ),
    Api(
        name="secretsmanager",
        moto="secretsmanager",
        handler="SecretsManagerResponse",
        protocol="json",
        target="secretsmanager",
        effects={
            "CreateSecret": "kept in memory",
            "DeleteSecret": "gone, or scheduled to go",
            "GetRandomPassword": "a random password",
            "GetSecretValue": "the value that was put",
            "PutSecretValue": "another version",
            "UpdateSecret": "another version",
        },
        note="Only the secrets that RDS manages are rotated, and only when asked: nothing here lives for days.",
    ),
    Api(
        name="sqs",
        moto="sqs",
        handler="SQSResponse",
        protocol="json",
        target="AmazonSQS",
        data=frozenset(
            {
                "ChangeMessageVisibility",
                "ChangeMessageVisibilityBatch",
                "DeleteMessage",
                "DeleteMessageBatch",
                "SendMessage",
                "SendMessageBatch",
            }
        ),
    ),
    Api(name="sts", moto="sts", handler="TokenResponse", protocol="query", is_global=True),
    Api(
        name="tagging",
        moto="resourcegroupstaggingapi",
        handler="ResourceGroupsTaggingAPIResponse",
        protocol="json",
        target="ResourceGroupsTaggingAPI_20170126",
    ),
)

_BY_NAME = {api.name: api for api in APIS}


def api_of(service: str) -> Api | None:
    """The API signed as `service`, or None when the embedded cloud does not provide it."""
    return _BY_NAME.get(service)

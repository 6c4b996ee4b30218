"""Is what the templates describe really there? Shared by `cafe validate` and `suites/infrastructure`.

Three questions to each module: is its stack complete, do its resources answer for themselves with the platform's tags,
and do its endpoints answer. Reads only.
"""

import http.client
import json
import socket
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure import stacks
from infrastructure.cloud import Platform
from infrastructure.templates import MODULES
from services.catalog import http_services

_ANSWER_S = 5.0

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold. `problem` says what does not, None when all is well."""

    module: str
    name: str
    problem: Callable[[Platform], str | None]

    def found(self, platform: Platform) -> str | None:
        """The problem, also where there is nothing to look at any more, which its API refuses or answers with none."""
        from botocore.exceptions import ClientError

        try:
            return self.problem(platform)
        except ClientError as refusal:
            return str(refusal)
        except LookupError as missing:
            return f"it is not there: {type(missing).__name__}: {missing}"


def _stack(module: str) -> Check:
    def problem(platform: Platform) -> str | None:
        name = stacks.stack_name(platform.environment.suffix, module)
        resources = platform.client("cloudformation").list_stack_resources(StackName=name)["StackResourceSummaries"]
        if not resources:
            return f"stack {name} holds no resource"
        bad = [
            f"{r['LogicalResourceId']} {r['ResourceStatus']}"
            for r in resources
            if "COMPLETE" not in r["ResourceStatus"]
        ]
        return f"stack {name}: {', '.join(bad)}" if bad else None

    return Check(module=module, name="stack is complete", problem=problem)


def _tagged(module: str, what: str, read: Callable[[Platform], Tags]) -> Check:
    def problem(platform: Platform) -> str | None:
        wanted = {"Project": "cloudcafe", "Environment": platform.environment.suffix, "Module": module}
        found = read(platform)
        missing = {key: value for key, value in wanted.items() if found.get(key) != value}
        return f"tags wanted {missing}, found {dict(found)}" if missing else None

    return Check(module=module, name=f"{what} exists and is tagged", problem=problem)


def _pairs(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> Tags:
    return {tag[key]: tag[value] for tag in tags}


def _ec2(output: str) -> Callable[[Platform], Tags]:
    def read(platform: Platform) -> Tags:
        identifier = platform.output(output).split(",")[0]
        filters = [{"Name": "resource-id", "Values": [identifier]}]
        return _pairs(platform.client("ec2").describe_tags(Filters=filters)["Tags"])

    return read


def _table(output: str) -> Callable[[Platform], Tags]:
    return lambda platform: _pairs(
        platform.client("dynamodb").list_tags_of_resource(ResourceArn=platform.output(output))["Tags"]
    )


def _cache(platform: Platform) -> Tags:
    client = platform.client("elasticache")
    name = platform.output("CacheReplicationGroupId")
    group = client.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]
    return _pairs(client.list_tags_for_resource(ResourceName=group["ARN"])["TagList"])


def _queue(output: str) -> Callable[[Platform], Tags]:
    def read(platform: Platform) -> Tags:
        tags: Tags = platform.client("sqs").list_queue_tags(QueueUrl=platform.output(output)).get("Tags", {})
        return tags

    return read


def _stream(platform: Platform) -> Tags:
    name = platform.output("OrderStreamName")
    return _pairs(platform.client("kinesis").list_tags_for_stream(StreamName=name)["Tags"])


def _balancing(output: str) -> Callable[[Platform], Tags]:
    return lambda platform: _pairs(
        platform.client("elbv2").describe_tags(ResourceArns=[platform.output(output)])["TagDescriptions"][0]["Tags"]
    )


def _ecs(output: str) -> Callable[[Platform], Tags]:
    return lambda platform: _pairs(
        platform.client("ecs").list_tags_for_resource(resourceArn=platform.output(output))["tags"], "key", "value"
    )


def _service(platform: Platform) -> Tags:
    described = platform.client("ecs").describe_services(
        cluster=platform.output("ClusterName"), services=[platform.output("OrderServiceName")], include=["TAGS"]
    )["services"][0]
    return _pairs(described["tags"], "key", "value")


def _bucket(platform: Platform) -> Tags:
    name = platform.output("ArtifactBucketName")
    return _pairs(platform.client("s3").get_bucket_tagging(Bucket=name)["TagSet"])


def _cluster(platform: Platform) -> Mapping[str, Any]:
    name = platform.output("AuroraClusterIdentifier")
    found: Mapping[str, Any] = platform.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    return found


def _instance(number: int) -> Callable[[Platform], Tags]:
    def read(platform: Platform) -> Tags:
        name = platform.output("AuroraInstanceIds").split(",")[number]
        found = platform.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return _pairs(found["TagList"])

    return read


def _function(platform: Platform) -> Tags:
    tags: Tags = platform.client("lambda").list_tags(Resource=platform.output("PaymentFunctionArn"))["Tags"]
    return tags


def _secret(platform: Platform) -> Tags:
    secret = platform.client("secretsmanager").describe_secret(SecretId=platform.output("OperatorTokenSecretArn"))
    return _pairs(secret["Tags"])


def _health(path: str) -> Callable[[Platform], str | None]:
    def problem(platform: Platform) -> str | None:
        parts = urllib.parse.urlsplit(platform.endpoint("alb"))
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER_S)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as failure:
            return f"{parts.geturl()}{path} does not answer: {failure}"
        finally:
            connection.close()
        return None if status == http.client.OK else f"{parts.geturl()}{path} answers {status}"

    return problem


def _targets(platform: Platform) -> str | None:
    arn = platform.output("OrderTargetGroupArn")
    described = platform.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    healthy = sum(target["TargetHealth"]["State"] == "healthy" for target in described)
    wanted = platform.environment.sizes.order_task_count
    return None if healthy >= wanted else f"{healthy} healthy targets of {len(described)}, at least {wanted} wanted"


def _cache_answers(platform: Platform) -> str | None:
    """PING where it can be reached from here; on AWS the cache lies in private subnets, and ElastiCache is asked."""
    if platform.target == "aws":
        name = platform.output("CacheReplicationGroupId")
        group: Mapping[str, Any] = platform.client("elasticache").describe_replication_groups(ReplicationGroupId=name)
        status = str(group["ReplicationGroups"][0]["Status"])
        return None if status == "available" else f"replication group {name} is {status}"
    parts = urllib.parse.urlsplit(platform.endpoint("elasticache"))
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 6379), timeout=_ANSWER_S) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(64)
    except OSError as failure:
        return f"{parts.geturl()} does not answer: {failure}"
    return None if answer.startswith(b"+PONG") else f"{parts.geturl()} answers {answer!r} to PING"


def _roles(platform: Platform) -> str | None:
    """One writer, the rest readers, all of them available."""
    cluster = _cluster(platform)
    writers = sum(member["IsClusterWriter"] for member in cluster["DBClusterMembers"])
    wanted = len(platform.output("AuroraInstanceIds").split(","))
    if (cluster["Status"], writers, len(cluster["DBClusterMembers"])) == ("available", 1, wanted):
        return None
    return f"the cluster is {cluster['Status']} with {writers} writers among {len(cluster['DBClusterMembers'])} members"


def _database_answers(platform: Platform) -> str | None:
    """The writer writes and the reader does not; on AWS both lie in private subnets, and RDS is asked for the roles."""
    if platform.target == "aws":
        return None
    import psycopg

    login = platform.database_login()
    for endpoint, wanted in (("aurora_writer", "off"), ("aurora_reader", "on")):
        url = platform.endpoint(endpoint)
        given: dict[str, Any] = {"user": login.username, "password": login.password, "connect_timeout": int(_ANSWER_S)}
        try:
            with psycopg.connect(url, **given) as connection:
                found = connection.execute("SHOW transaction_read_only").fetchone()
        except psycopg.Error as failure:
            return f"{url} does not answer: {failure}"
        if found != (wanted,):
            return f"{url}: transaction_read_only is {found}, not {wanted}"
    return None


def _source_is_enabled(platform: Platform) -> str | None:
    identifier = platform.output("PaymentEventSourceId")
    state = str(platform.client("lambda").get_event_source_mapping(UUID=identifier)["State"])
    return None if state == "Enabled" else f"the event source mapping {identifier} is {state}"


def _function_answers(platform: Platform) -> str | None:
    """Asked after its health, the function says that it is well."""
    name = platform.output("PaymentFunctionName")
    answer = platform.client("lambda").invoke(FunctionName=name, Payload=b'{"health": true}')
    payload = answer["Payload"].read().decode(errors="replace")
    if "FunctionError" in answer:
        return f"{name} fails: {payload}"
    status = json.loads(payload).get("status")
    return None if status == "ok" else f"{name} says {status}"


CHECKS: tuple[Check, ...] = (
    *(_stack(module) for module in MODULES),
    _tagged("networking", "VPC", _ec2("VpcId")),
    _tagged("networking", "public subnet", _ec2("PublicSubnetIds")),
    _tagged("networking", "private subnet", _ec2("PrivateSubnetIds")),
    _tagged("networking", "load balancer's security group", _ec2("LoadBalancerSecurityGroupId")),
    _tagged("networking", "services' security group", _ec2("ServiceSecurityGroupId")),
    _tagged("networking", "cache's security group", _ec2("CacheSecurityGroupId")),
    _tagged("networking", "database's security group", _ec2("DatabaseSecurityGroupId")),
    _tagged("networking", "payment's security group", _ec2("PaymentSecurityGroupId")),
    _tagged("databases", "orders table", _table("OrdersTableArn")),
    _tagged("databases", "outbox table", _table("OutboxTableArn")),
    _tagged("databases", "payments table", _table("PaymentsTableArn")),
    _tagged("databases", "artifact bucket", _bucket),
    _tagged("databases", "database cluster", lambda platform: _pairs(_cluster(platform)["TagList"])),
    _tagged("databases", "first database instance", _instance(0)),
    _tagged("databases", "second database instance", _instance(1)),
    Check(module="databases", name="database has its roles", problem=_roles),
    Check(module="databases", name="database answers", problem=_database_answers),
    _tagged("caching", "replication group", _cache),
    Check(module="caching", name="cache answers", problem=_cache_answers),
    _tagged("messaging", "payments queue", _queue("PaymentQueueUrl")),
    _tagged("messaging", "dead-letter queue", _queue("PaymentDeadLetterQueueUrl")),
    _tagged("messaging", "order events", _stream),
    _tagged("loadbalancing", "load balancer", _balancing("AlbArn")),
    _tagged("loadbalancing", "orders' target group", _balancing("OrderTargetGroupArn")),
    _tagged("loadbalancing", "empty target group", _balancing("MaintenanceTargetGroupArn")),
    Check(module="loadbalancing", name="every target is healthy", problem=_targets),
    _tagged("compute", "cluster", _ecs("ClusterArn")),
    _tagged("compute", "task definition", _ecs("OrderTaskDefinitionArn")),
    _tagged("compute", "order service", _service),
    _tagged("compute", "operators' token", _secret),
    *(
        Check(module="compute", name=f"{service.name} answers", problem=_health(service.health_path))
        for service in http_services()
    ),
    _tagged("serverless", "payment function", _function),
    Check(module="serverless", name="event source is enabled", problem=_source_is_enabled),
    Check(module="serverless", name="payment answers", problem=_function_answers),
)
"""Every check there is, by module in the order of deployment within each kind."""


def of(module: str) -> tuple[Check, ...]:
    """The checks of one module."""
    return tuple(check for check in CHECKS if check.module == module)


def problems(platform: Platform, module: str) -> tuple[str, ...]:
    """What does not hold of `module`, each with the check that found it; empty when all is well."""
    found = ((check.name, check.found(platform)) for check in of(module))
    return tuple(f"{name}: {problem}" for name, problem in found if problem is not None)

"""Is what the templates describe really there? Shared by `cafe validate` and `suites/infrastructure`.

Two questions go to every stack, whatever APIs its resources are of: is each of them complete, and does the Resource
Groups Tagging API find those that its template tags. The rest asks whether what was made works. Reads only.

The tagging API follows the others with a delay on AWS: what was made, tagged or deleted shows there a while later.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from infrastructure import closed, kubernetes, stacks, templates
from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from infrastructure.templates import MODULES
from services.catalog import HttpService, http_services

_ANSWER_S = 5
_COUNTS, _FEWEST = ("TaskCount", "InstanceCount"), 2
"""Sizes of an environment that say how many targets a service has; pods are one in each zone at least."""
_NOT_FOUND_BY_TAGS = frozenset(
    {
        *("AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::EIP", "AWS::IAM::Role"),
        *("AWS::EKS::AccessEntry", "AWS::EKS::Addon", "AWS::EKS::Nodegroup"),
    }
)
"""Types that GetResources does not list, and those whose ARN has another id than CloudFormation has.

Source: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold. `problem` says what does not, None when all is well, or fails as its client does."""

    module: str
    name: str
    problem: Callable[[Platform], str | None]

    def found(self, platform: Platform) -> str | None:
        """The problem, also where nobody answers, or the API refuses, since there is nothing to look at any more."""
        try:
            return self.problem(platform)
        except EnvironmentFault as fault:
            return str(fault)
        except Exception as refusal:
            if not _is_refusal(refusal):
                raise
            words = kubernetes.said(refusal) if kubernetes.is_answer(refusal) else refusal
            return f"{type(refusal).__name__}: {words}"


def _is_refusal(problem: Exception) -> bool:
    """Whether it is what a client raises for its server, or for want of one."""
    import psycopg
    import pymongo.errors
    import redis
    import urllib3
    from botocore.exceptions import ClientError

    of_clients = (
        *(ClientError, psycopg.Error, pymongo.errors.PyMongoError, redis.RedisError, urllib3.exceptions.HTTPError),
        *(ConnectionError, TimeoutError),
    )
    return isinstance(problem, of_clients) or kubernetes.is_answer(problem)


def _incomplete(module: str, platform: Platform) -> str | None:
    name = stacks.stack_name(platform.environment.suffix, module)
    resources = stacks.resources(platform.client("cloudformation"), name)
    bad = [
        f"{r['LogicalResourceId']} {r['ResourceStatus']}" for r in resources if "COMPLETE" not in r["ResourceStatus"]
    ]
    return None if resources and not bad else f"stack {name}: {', '.join(bad) or 'holds no resource'}"


def _untagged(module: str, platform: Platform) -> str | None:
    """What the template tags and nothing is found for. Names are counted: a cluster and its subnet group share one."""
    environment = platform.environment.suffix
    tags, template = stacks.tags(environment, module), templates.read(module)
    wanted = {
        resource["LogicalResourceId"]: _name(resource["PhysicalResourceId"])
        for resource in stacks.resources(platform.client("cloudformation"), stacks.stack_name(environment, module))
        if resource["LogicalResourceId"] in template.tagged and resource["ResourceType"] not in _NOT_FOUND_BY_TAGS
    }
    pages = platform.client("resourcegroupstaggingapi").get_paginator("get_resources")
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    arns = [
        each["ResourceARN"] for page in pages.paginate(TagFilters=filters) for each in page["ResourceTagMappingList"]
    ]
    missing = Counter(wanted.values()) - Counter(map(_name, arns))
    if not missing:
        return None
    who = ", ".join(f"{resource} ({name})" for resource, name in wanted.items() if name in missing)
    others = [arn for arn in arns if _name(arn) in missing]
    return f"not found by the tags {tags}: {who}" + (f"; of that name is only {', '.join(others)}" if others else "")


def _name(identifier: str) -> str:
    """The name in an ARN or in a queue's URL; CloudFormation knows a resource by one of these, or by the name."""
    if identifier.startswith("arn:"):
        return re.sub(r"^/?[\w-]+[:/]", "", identifier.split(":", 5)[5], count=1)
    return identifier.rpartition("/")[2] if "://" in identifier else identifier


def _unhealthy(service: HttpService, platform: Platform) -> str | None:
    import urllib3

    url = f"{platform.endpoint(service.entrance)}{service.health_path}"
    with urllib3.PoolManager(timeout=_ANSWER_S, retries=False) as pool:
        status = pool.request("GET", url).status
    return None if status == 200 else f"{url} answers {status}"


def _targets(service: HttpService, platform: Platform) -> str | None:
    arn = platform.output(service.key("TargetGroupArn"))
    described = platform.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    healthy = sum(target["TargetHealth"]["State"] == "healthy" for target in described)
    sizes = platform.environment.parameters()
    wanted = int(next((sizes[key] for each in _COUNTS if (key := service.key(each)) in sizes), _FEWEST))
    return None if healthy >= wanted else f"{healthy} healthy targets of {len(described)}, at least {wanted} wanted"


def _cache(platform: Platform) -> str | None:
    """PING where it can be reached from here; on AWS the cache lies in private subnets, and ElastiCache is asked."""
    import redis

    if platform.target == "aws":
        name = platform.output("CacheReplicationGroupId")
        found = platform.client("elasticache").describe_replication_groups(ReplicationGroupId=name)
        status = found["ReplicationGroups"][0]["Status"]
        return None if status == "available" else f"replication group {name} is {status}"
    for store in ("elasticache", "memorydb"):
        with redis.Redis.from_url(platform.endpoint(store), socket_timeout=_ANSWER_S) as client:
            client.ping()
    return None


def _database(platform: Platform) -> str | None:
    """One writer, the rest readers, all available; and they say so themselves, but on AWS lie in private subnets."""
    import psycopg

    name, wanted = platform.output("AuroraClusterIdentifier"), len(platform.output("AuroraInstanceIds").split(","))
    cluster = platform.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    members, status = cluster["DBClusterMembers"], cluster["Status"]
    writers = sum(member["IsClusterWriter"] for member in members)
    if (status, writers, len(members)) != ("available", 1, wanted):
        return f"the cluster is {status} with {writers} writers among {len(members)} members"
    if platform.target == "aws":
        return None
    login = platform.database_login()
    for endpoint, is_read_only in (("aurora_writer", "off"), ("aurora_reader", "on")):
        url = platform.endpoint(endpoint)
        with psycopg.connect(
            url, user=login.username, password=login.password, connect_timeout=_ANSWER_S
        ) as connection:
            found = connection.execute("SHOW transaction_read_only").fetchone()
        if found != (is_read_only,):
            return f"{url}: transaction_read_only is {found}, not {is_read_only}"
    return None


def _documents(platform: Platform) -> str | None:
    """One primary, the rest replicas, all available; and they greet so, but on AWS lie in private subnets."""
    import pymongo

    name, wanted = platform.output("DocumentDbClusterIdentifier"), platform.output("DocumentDbInstanceIds").split(",")
    cluster = platform.client("docdb").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    members, status = cluster["DBClusterMembers"], cluster["Status"]
    writers = sum(member["IsClusterWriter"] for member in members)
    if (status, writers, len(members)) != ("available", 1, len(wanted)):
        return f"the cluster is {status} with {writers} primaries among {len(members)} members"
    if platform.target == "aws":
        return None
    url = platform.endpoint("documentdb")
    with pymongo.MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=_ANSWER_S * 1000) as client:
        greeting = client.admin.command("hello")
        client.admin.command("listDatabases")
    hosts = len(greeting["hosts"])
    return None if greeting["isWritablePrimary"] and hosts == len(wanted) else f"the set greets with {hosts} members"


def _warehouse(platform: Platform) -> str | None:
    """The cluster is available, and answers a statement through the Data API."""
    name = platform.output("WarehouseClusterIdentifier")
    status = platform.client("redshift").describe_clusters(ClusterIdentifier=name)["Clusters"][0]["ClusterStatus"]
    if status != "available":
        return f"the cluster {name} is {status}"
    client = platform.client("redshift-data")
    where = {"ClusterIdentifier": name, "Database": platform.output("WarehouseDatabaseName")}
    asked = client.execute_statement(Sql="SELECT 1", SecretArn=platform.output("WarehouseSecretArn"), **where)["Id"]
    ended = client.describe_statement(Id=asked, WaitTimeSeconds=_ANSWER_S)
    return (
        None if ended["Status"] == "FINISHED" else f"SELECT 1 is {ended['Status']}: {ended.get('Error', 'no reason')}"
    )


def _nodes(platform: Platform) -> str | None:
    """The node group is active, has the nodes that it is to have, and they are ready."""
    name, group = platform.output("EksClusterName"), platform.output("EksNodegroupName")
    found = platform.client("eks").describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"]
    nodes = platform.kubernetes().core.list_node(label_selector=f"eks.amazonaws.com/nodegroup={group}").items
    ready = sum(each.type == "Ready" and each.status == "True" for node in nodes for each in node.status.conditions)
    wanted = found["scalingConfig"]["desiredSize"]
    if found["status"] == "ACTIVE" and ready >= wanted:
        return None
    told = "".join(f"; {each['message']}" for each in found["health"]["issues"])
    return f"node group {group} is {found['status']} with {ready} ready nodes of {wanted}{told}"


def _manifests(platform: Platform) -> str | None:
    return "; ".join(platform.manifest_problems()) or None


def _source(platform: Platform) -> str | None:
    identifier = platform.output("PaymentEventSourceId")
    state = platform.client("lambda").get_event_source_mapping(UUID=identifier)["State"]
    return None if state == "Enabled" else f"the event source mapping {identifier} is {state}"


def _function(platform: Platform) -> str | None:
    """Asked after its health, the function says that it is well."""
    name = platform.output("PaymentFunctionName")
    answer = platform.client("lambda").invoke(FunctionName=name, Payload=b'{"health": true}')
    payload = answer["Payload"].read().decode(errors="replace")
    is_well = "FunctionError" not in answer and json.loads(payload).get("status") == "ok"
    return None if is_well else f"{name} says {payload}"


CHECKS: tuple[Check, ...] = (
    *(Check(module=each, name="stack is complete", problem=partial(_incomplete, each)) for each in MODULES),
    *(Check(module=each, name="resources exist and are tagged", problem=partial(_untagged, each)) for each in MODULES),
    Check(module="databases", name="database answers in its roles", problem=_database),
    Check(module="databases", name="documents answer in their roles", problem=_documents),
    Check(module="databases", name="warehouse answers", problem=_warehouse),
    Check(module="databases", name="nobody gets in without a password", problem=closed.databases),
    Check(module="databases", name="nobody reads documents without a password", problem=closed.documents),
    Check(module="caching", name="cache answers", problem=_cache),
    Check(module="caching", name="nobody gets in without a password", problem=closed.caches),
    Check(module="compute", name="nothing runs as root that need not", problem=closed.processes),
    *(
        Check(module="loadbalancing", name=f"{service.name}'s targets are healthy", problem=partial(_targets, service))
        for service in http_services()
    ),
    Check(module="compute", name="nodes are ready", problem=_nodes),
    Check(module="compute", name="manifests fit the cluster's schemas", problem=_manifests),
    *(
        Check(module="compute", name=f"{service.name} answers", problem=partial(_unhealthy, service))
        for service in http_services()
    ),
    Check(module="serverless", name="event source is enabled", problem=_source),
    Check(module="serverless", name="payment answers", problem=_function),
)
"""Every check there is, by module in the order of deployment within each kind."""


def of(module: str) -> tuple[Check, ...]:
    """The checks of one module."""
    return tuple(check for check in CHECKS if check.module == module)

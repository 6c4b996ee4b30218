"""Each resource is created, read, changed and deleted with the calls that Terraform's AWS provider makes of it.

Source of the sequences: hashicorp/terraform-provider-aws, `internal/service/*`: the create, read, update and delete
functions of each resource, with their waits, tags and attributes.
"""

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.tests.conformance.world import World
from infrastructure.embedded.tests.in_process import Clients

TAGS = [{"Key": "a", "Value": "b"}]
PLACE = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/c/s",
    "ScalableDimension": "ecs:service:DesiredCount",
}


class Account:
    """Clients by service, and what was made so far by name."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._made: dict[str, Any] = {}
        self.ids: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        name = service.replace("_", "-")
        return self._made.setdefault(name, self._made.get(name) or self._clients.client(name))

    def network(self) -> None:
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")
            for n, zone in enumerate("ab")
        ]
        self.ids |= {"vpc": vpc, "subnets": [each["Subnet"]["SubnetId"] for each in subnets]}

    def balanced(self) -> None:
        made = self.elbv2.create_load_balancer(Name="lb", Subnets=self.ids["subnets"], Tags=TAGS)["LoadBalancers"]
        group = self.elbv2.create_target_group(
            Name="tg", Protocol="HTTP", Port=80, VpcId=self.ids["vpc"], TargetType="ip", HealthCheckPath="/h"
        )["TargetGroups"]
        self.ids |= {"lb": made[0]["LoadBalancerArn"], "tg": group[0]["TargetGroupArn"]}
        forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": self.ids["tg"]}]}}
        wanted = {"LoadBalancerArn": self.ids["lb"], "Protocol": "HTTP", "Port": 80, "DefaultActions": [forward]}
        self.ids["listener"] = self.elbv2.create_listener(**wanted)["Listeners"][0]["ListenerArn"]

    def service(self) -> None:
        self.ecs.create_cluster(clusterName="c", settings=[{"name": "containerInsights", "value": "disabled"}])
        container = {"name": "order", "image": "order", "essential": True, "portMappings": [{"containerPort": 8080}]}
        definition = self.ecs.register_task_definition(
            family="order",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )["taskDefinition"]["taskDefinitionArn"]
        self.ids["definition"] = definition
        self.ecs.create_service(
            cluster="c",
            serviceName="s",
            taskDefinition=definition,
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": self.ids["subnets"]}},
            deploymentController={"type": "ECS"},
            tags=[{"key": "a", "value": "b"}],
        )


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """One resource's calls: `gone` must fail with `code`, or give a false value, once it is deleted."""

    make: Callable[[Account], Any]
    reads: tuple[Callable[[Account], Any], ...]
    delete: tuple[Callable[[Account], Any], ...]
    gone: Callable[[Account], Any]
    code: str = ""


def _archive() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("m.py", "def h(event, context): return event")
    return archive.getvalue()


def _function(a: Account) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = a.iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    runtime = f"python3.{sys.version_info.minor}"
    code = {"ZipFile": _archive()}
    a.lambda_.create_function(FunctionName="f", Runtime=runtime, Role=role, Handler="m.h", Code=code, Tags={"a": "b"})


def _aurora(a: Account) -> None:
    a.rds.create_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=a.ids["subnets"])
    wanted = {"Engine": "aurora-postgresql", "MasterUsername": "app", "MasterUserPassword": "secret-secret"}
    a.rds.create_db_cluster(DBClusterIdentifier="cl", DBSubnetGroupName="g", Tags=TAGS, **wanted)
    instance = {"DBInstanceClass": "db.r6g.large", "DBClusterIdentifier": "cl", "Engine": "aurora-postgresql"}
    a.rds.create_db_instance(DBInstanceIdentifier="cl-1", **instance)


def _scaled(a: Account) -> None:
    a.service()
    a.application_autoscaling.register_scalable_target(**PLACE, MinCapacity=1, MaxCapacity=3, Tags={"a": "b"})
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    tracking = {"TargetValue": 50.0, "PredefinedMetricSpecification": metric}
    given = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
    a.application_autoscaling.put_scaling_policy(PolicyName="p", **given, **PLACE)


def _first(call: Callable[..., Any], *path: str, **given: Any) -> Any:
    found = call(**given)
    for name in path:
        found = found[name]
    return found


SEQUENCES = {
    "aws_lb": Sequence(
        make=Account.balanced,
        reads=(
            lambda a: a.elbv2.describe_load_balancers(LoadBalancerArns=[a.ids["lb"]])["LoadBalancers"][0]["DNSName"],
            lambda a: a.elbv2.describe_load_balancer_attributes(LoadBalancerArn=a.ids["lb"])["Attributes"],
            lambda a: a.elbv2.describe_tags(ResourceArns=[a.ids["lb"]])["TagDescriptions"][0]["Tags"],
            lambda a: a.elbv2.describe_target_groups(TargetGroupArns=[a.ids["tg"]])["TargetGroups"],
            lambda a: a.elbv2.describe_target_group_attributes(TargetGroupArn=a.ids["tg"])["Attributes"],
            lambda a: a.elbv2.describe_listeners(ListenerArns=[a.ids["listener"]])["Listeners"],
            lambda a: a.elbv2.describe_listener_attributes(ListenerArn=a.ids["listener"]),
        ),
        delete=(
            lambda a: a.elbv2.delete_listener(ListenerArn=a.ids["listener"]),
            lambda a: a.elbv2.delete_target_group(TargetGroupArn=a.ids["tg"]),
            lambda a: a.elbv2.delete_load_balancer(LoadBalancerArn=a.ids["lb"]),
        ),
        gone=lambda a: a.elbv2.describe_load_balancers(LoadBalancerArns=[a.ids["lb"]]),
        code="LoadBalancerNotFound",
    ),
    "aws_ecs_service": Sequence(
        make=Account.service,
        reads=(
            lambda a: a.ecs.describe_clusters(clusters=["c"], include=["TAGS", "CONFIGURATIONS", "SETTINGS"])[
                "clusters"
            ],
            lambda a: a.ecs.describe_task_definition(taskDefinition=a.ids["definition"], include=["TAGS"]),
            lambda a: a.ecs.describe_services(cluster="c", services=["s"], include=["TAGS"])["services"][0]["tags"],
        ),
        delete=(
            lambda a: a.ecs.update_service(cluster="c", service="s", desiredCount=0),
            lambda a: a.ecs.delete_service(cluster="c", service="s"),
            lambda a: a.ecs.deregister_task_definition(taskDefinition=a.ids["definition"]),
        ),
        gone=lambda a: (
            a.ecs.list_services(cluster="c")["serviceArns"]
            and a.ecs.describe_services(cluster="c", services=["s"])["services"][0]["status"] == "ACTIVE"
        ),
    ),
    "aws_appautoscaling_policy": Sequence(
        make=_scaled,
        reads=(
            lambda a: a.application_autoscaling.describe_scalable_targets(
                ServiceNamespace="ecs", ResourceIds=[PLACE["ResourceId"]]
            )["ScalableTargets"],
            lambda a: a.application_autoscaling.describe_scaling_policies(PolicyNames=["p"], **PLACE)[
                "ScalingPolicies"
            ],
        ),
        delete=(
            lambda a: a.application_autoscaling.delete_scaling_policy(PolicyName="p", **PLACE),
            lambda a: a.application_autoscaling.deregister_scalable_target(**PLACE),
        ),
        gone=lambda a: a.application_autoscaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"],
    ),
    "aws_rds_cluster_instance": Sequence(
        make=_aurora,
        reads=(
            lambda a: a.rds.describe_db_clusters(DBClusterIdentifier="cl")["DBClusters"][0]["Endpoint"],
            lambda a: a.rds.describe_db_instances(DBInstanceIdentifier="cl-1")["DBInstances"][0]["EngineVersion"],
            lambda a: a.rds.describe_db_subnet_groups(DBSubnetGroupName="g")["DBSubnetGroups"],
            lambda a: a.rds.list_tags_for_resource(
                ResourceName=_first(a.rds.describe_db_clusters, "DBClusters")[0]["DBClusterArn"]
            )["TagList"],
        ),
        delete=(
            lambda a: a.rds.delete_db_instance(DBInstanceIdentifier="cl-1", SkipFinalSnapshot=True),
            lambda a: a.rds.delete_db_cluster(DBClusterIdentifier="cl", SkipFinalSnapshot=True),
        ),
        gone=lambda a: a.rds.describe_db_instances(DBInstanceIdentifier="cl-1"),
        code="DBInstanceNotFound",
    ),
    "aws_lambda_function": Sequence(
        make=_function,
        reads=(
            lambda a: a.lambda_.get_function(FunctionName="f")["Code"]["Location"],
            lambda a: a.lambda_.list_versions_by_function(FunctionName="f")["Versions"],
            lambda a: a.lambda_.get_function_code_signing_config(FunctionName="f")["FunctionName"],
            lambda a: a.iam.get_role(RoleName="r")["Role"]["Arn"],
        ),
        delete=(lambda a: a.lambda_.delete_function(FunctionName="f"),),
        gone=lambda a: a.lambda_.get_function(FunctionName="f"),
        code="ResourceNotFoundException",
    ),
    "aws_elasticache_replication_group": Sequence(
        make=lambda a: a.elasticache.create_replication_group(
            ReplicationGroupId="rg",
            ReplicationGroupDescription="d",
            CacheNodeType="cache.t4g.small",
            NumCacheClusters=2,
            AutomaticFailoverEnabled=True,
            Tags=TAGS,
        ),
        reads=(
            lambda a: a.elasticache.describe_replication_groups(ReplicationGroupId="rg")["ReplicationGroups"][0]["ARN"],
            lambda a: a.elasticache.describe_cache_clusters(CacheClusterId="rg-001", ShowCacheNodeInfo=True)[
                "CacheClusters"
            ][0]["EngineVersion"],
        ),
        delete=(lambda a: a.elasticache.delete_replication_group(ReplicationGroupId="rg"),),
        gone=lambda a: (
            _first(a.elasticache.describe_replication_groups, "ReplicationGroups")[0]["Status"] != "deleting"
        ),
    ),
    "aws_memorydb_cluster": Sequence(
        make=lambda a: a.memorydb.create_cluster(ClusterName="m", NodeType="db.r6g.large", ACLName="open-access"),
        reads=(
            lambda a: a.memorydb.describe_clusters(ClusterName="m", ShowShardDetails=True)["Clusters"][0]["Shards"],
            lambda a: a.memorydb.list_tags(ResourceArn=_first(a.memorydb.describe_clusters, "Clusters")[0]["ARN"]),
        ),
        delete=(lambda a: a.memorydb.delete_cluster(ClusterName="m"),),
        gone=lambda a: _first(a.memorydb.describe_clusters, "Clusters")[0]["Status"] != "deleting",
    ),
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    world = World(tmp_path, is_kept=True)
    clients = Clients(world.plane())
    made = Account(clients)
    made.network()
    yield made
    clients.run(world.close())
    clients.close()


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_resource_is_created_read_and_deleted(account: Account, name: str) -> None:
    sequence = SEQUENCES[name]
    sequence.make(account)
    for number, read in enumerate(sequence.reads):
        assert read(account), f"read {number}"
    for delete in sequence.delete:
        delete(account)
    if not sequence.code:
        assert not sequence.gone(account)
        return
    with pytest.raises(ClientError) as refused:
        sequence.gone(account)
    assert refused.value.response["Error"]["Code"] == sequence.code

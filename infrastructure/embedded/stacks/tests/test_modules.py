"""The platform's own stacks: made whole, changed without an interruption, and gone without a trace."""

import json
from functools import partial
from typing import Any

import pytest

from infrastructure.embedded.stacks import engine, template
from infrastructure.embedded.stacks.tests.world import (
    MODULES,
    ORDER,
    deployed,
    is_gone,
    stack_of,
    until,
)
from infrastructure.embedded.tests.control import run


def _left(backends: Any) -> dict[str, int]:
    """How many there are of what the platform's stacks make, without what belongs to the default VPC."""
    ec2 = backends.ec2
    default = {vpc.id for vpc in ec2.vpcs.values() if vpc.is_default == "true" or vpc.is_default is True}
    from infrastructure.embedded.moto.imports import backend

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
        "memory": len(backends.memorydb.clusters) + len(backends.memorydb.subnet_groups.keys() - {"default"}),
        "balancers": len(backends.elbv2.load_balancers) + len(backends.elbv2.target_groups),
        "databases": len(backends.rds.clusters) + len(backends.rds.databases) + len(backends.rds.subnet_groups),
        "warehouses": len(backends.redshift.clusters) + len(backends.redshift.subnet_groups),
        "parameter groups": len(backends.rds.db_cluster_parameter_groups),
        "services": sum(service.status != "INACTIVE" for service in backends.ecs.services.values()),
        "clusters": sum(cluster.status != "INACTIVE" for cluster in backends.ecs.clusters.values()),
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
            for warehouse in stacks.backends.redshift.clusters.values():
                warehouse.status = "available"  # Redshift deletes no cluster that it is still making
            await stacks.call("DeleteStack", StackName=module)
            # What a controller would do: a drained service is inactive, a cache without servers has no record.
            for service in stacks.backends.ecs.services.values():
                service.status = "INACTIVE" if module == "compute" else service.status
            if module == "caching":
                stacks.backends.elasticache.replication_groups.clear()
                stacks.backends.elasticache.cache_clusters.clear()
                stacks.backends.memorydb.clusters.clear()
            if module == "databases":
                stacks.warehouses.forget("cafe-test")
            if module == "serverless":
                stacks.empty(outputs["ArtifactBucketName"])
            await until(partial(is_gone, stacks, module))
        assert {kind: count for kind, count in _left(stacks.backends).items() if count} == {}

    run(scenario())


def test_a_deletion_waits_for_what_drains_and_tells_the_controllers() -> None:
    async def scenario() -> None:
        stacks, _ = await deployed()
        await stacks.call("DeleteStack", StackName="compute")
        assert await stacks.status("compute") == "DELETE_IN_PROGRESS"
        assert "cafe-test" in stacks.backends.ecs.clusters
        steps = iter(range(3))
        await until(lambda: next(steps) == 2)
        assert await stacks.status("compute") == "DELETE_IN_PROGRESS"
        for service in stacks.backends.ecs.services.values():
            service.status = "INACTIVE"
        await until(partial(is_gone, stacks, "compute"))
        assert stacks.backends.ecs.clusters["cafe-test"].status == "INACTIVE"

    run(scenario())


def test_a_deletion_that_never_ends_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        stacks, _ = await deployed()
        monkeypatch.setattr(engine, "LONGEST_S", 0.0)
        await stacks.call("DeleteStack", StackName="compute")
        await until(lambda: stack_of(stacks, "compute").status != "DELETE_IN_PROGRESS")
        assert await stacks.status("compute") == "DELETE_FAILED"
        failed = {name for name, status, _ in await stacks.events("compute") if status == "DELETE_FAILED"}
        assert failed == {"OrderService", "Cluster", "compute"}, "a cluster with a service cannot be deleted"

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


def test_a_stack_that_is_being_changed_cannot_be_deleted() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed()
        body = (MODULES / "compute.yaml").read_text()
        parsed = template.parse(body)
        given = {name: value for name, value in outputs.items() if name in parsed["Parameters"]}
        gone = _dependants(parsed["Resources"], "OrderService")
        resources = {name: each for name, each in parsed["Resources"].items() if name not in gone}
        shown = {name: each for name, each in parsed["Outputs"].items() if not gone & set(template.references(each))}
        smaller = json.dumps({**parsed, "Resources": resources, "Outputs": shown})
        await stacks.call("UpdateStack", StackName="compute", TemplateBody=smaller, parameters=given)
        under_way = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        assert await stacks.status("compute") == under_way, "the service drains"
        refusal = await stacks.refusal("DeleteStack", StackName="compute")
        assert refusal == f"ValidationError: Stack [compute] cannot be deleted while in status {under_way}"

    run(scenario())


def _dependants(resources: dict[str, Any], name: str) -> set[str]:
    """`name`, and everything that refers to it."""
    found = {name}
    while more := {
        each for each in resources if each not in found and found & set(template.references(resources[each]))
    }:
        found |= more
    return found

"""What a changed property of the platform's templates does to the record: it is there, on the same resource."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from infrastructure.embedded.gateway import operations
from infrastructure.embedded.stacks import template
from infrastructure.embedded.stacks.tests.records import buckets, logs, only, payment_function, token
from infrastructure.embedded.stacks.tests.world import MODULES, Stacks, deployed
from infrastructure.embedded.tests.control import run


@dataclass(frozen=True, kw_only=True)
class Change:
    """One edit of a platform template and where it must show; `of` is the resource that it is an edit of."""

    module: str
    old: str
    new: str
    seen: Callable[[Any], Any]
    expected: Any
    of: str = ""

    def made(self, body: str) -> str:
        """The template after it; the text must be once in its resource, or in the whole."""
        before, name, rest = body.partition(f"\n  {self.of}:\n") if self.of else ("", "", body)
        resource = re.split(r"\n  \w", rest, maxsplit=1)[0] if self.of else body
        assert resource.count(self.old) == 1, f"{self.old!r} is not once in {self.of} of {self.module}.yaml"
        return f"{before}{name}{resource.replace(self.old, self.new)}{rest[len(resource) :]}"


def _group(backends: Any, name: str) -> Any:
    return only(group for group in backends.elbv2.target_groups.values() if group.name == name)


def _rule(backends: Any) -> Any:
    """The one that takes the orders."""
    balancer = only(each for each in backends.elbv2.load_balancers.values() if each.name == "cafe-test")
    rules = [rule for rule in only(balancer.listeners.values()).rules.values() if not rule.is_default]
    return only(rule for rule in rules if "order-test" in str(rule.actions[0].data))


CHANGES = {
    "alarm": Change(
        module="messaging",
        old="PaymentDeadLetterQueue.QueueName }\n      Statistic: Maximum\n",
        new="PaymentDeadLetterQueue.QueueName }\n      Statistic: Minimum\n",
        seen=lambda b: b.cloudwatch.alarms["cafe-dead-letters-test"].statistic,
        expected="Minimum",
    ),
    "target group": Change(
        module="loadbalancing",
        old="HealthCheckIntervalSeconds: 10",
        new="HealthCheckIntervalSeconds: 7",
        of="OrderTargetGroup",
        seen=lambda b: int(_group(b, "order-test").health_check_interval_seconds),
        expected=7,
    ),
    "target group attribute": Change(
        module="loadbalancing",
        old='deregistration_delay.timeout_seconds, Value: "30"',
        new='deregistration_delay.timeout_seconds, Value: "9"',
        of="OrderTargetGroup",
        seen=lambda b: _group(b, "order-test").attributes["deregistration_delay.timeout_seconds"],
        expected="9",
    ),
    "rule": Change(
        module="loadbalancing",
        old="Priority: 10",
        new="Priority: 99",
        of="OrderRule",
        seen=lambda b: int(_rule(b).priority),
        expected=99,
    ),
    "rule's condition": Change(
        module="loadbalancing",
        old='Values: ["/api/orders", "/api/orders/*"]',
        new='Values: ["/api/*"]',
        seen=lambda b: _rule(b).conditions[0]["PathPatternConfig"]["Values"],
        expected=["/api/*"],
    ),
    "replication group": Change(
        module="caching",
        old="ReplicationGroupDescription: Cache and coordination of the services",
        new="ReplicationGroupDescription: other",
        seen=lambda b: b.elasticache.replication_groups["cafe-test"].description,
        expected="other",
    ),
    "scalable target": Change(
        module="compute",
        old="OrderTaskCountMax:\n    Type: Number\n    Default: 4\n",
        new="OrderTaskCountMax:\n    Type: Number\n    Default: 6\n",
        seen=lambda b: (
            b.applicationautoscaling.targets["ecs:service:DesiredCount"]["service/cafe-test/order"].max_capacity
        ),
        expected=6,
    ),
    "group's tag": Change(
        module="compute",
        old="{ Key: Module, Value: compute, PropagateAtLaunch: true }\n\nOutputs",
        new="{ Key: Module, Value: other, PropagateAtLaunch: false }\n\nOutputs",
        seen=lambda b: [
            (tag["Value"], tag["PropagateAtLaunch"])
            for tag in b.operations.call("autoscaling", "DescribeTags")["Tags"]
            if tag["Key"] == "Module"
        ],
        expected=[("compute", True), ("other", False)],
    ),
    "scaling policy": Change(
        module="compute",
        old="TargetValue: 70",
        new="TargetValue: 55",
        seen=lambda b: only(b.applicationautoscaling.policies.values()).target_tracking_scaling_policy_configuration[
            "TargetValue"
        ],
        expected=55,
    ),
    "secret": Change(
        module="compute",
        old="Description: Bearer token of the operators' endpoints (stress runs)",
        new="Description: other",
        seen=lambda b: token(b).description,
        expected="other",
    ),
    "log group": Change(
        module="compute",
        old="Default: 7\n",
        new="Default: 30\n",
        seen=lambda b: only(logs(b).groups.values()).retention_in_days,
        expected=30,
    ),
    "expiry of rows": Change(
        module="databases",
        old="TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }",
        new="TimeToLiveSpecification: { AttributeName: expires_at, Enabled: false }",
        seen=lambda b: b.dynamodb.tables["orders-test"].ttl["TimeToLiveStatus"],
        expected="DISABLED",
    ),
    "bucket": Change(
        module="databases",
        old="RestrictPublicBuckets: true",
        new="RestrictPublicBuckets: false",
        seen=lambda b: only(buckets(b)).public_access_block.restrict_public_buckets,
        expected=False,
    ),
    "database cluster": Change(
        module="databases",
        old="BackupRetentionPeriod: 7",
        new="BackupRetentionPeriod: 9",
        seen=lambda b: b.rds.clusters["cafe-test"].backup_retention_period,
        expected=9,
    ),
    "database's parameters": Change(
        module="databases",
        old='idle_in_transaction_session_timeout: "60000"',
        new='idle_in_transaction_session_timeout: "5000"',
        seen=lambda b: b.rds.db_cluster_parameter_groups["cafe-test"].parameters["idle_in_transaction_session_timeout"][
            "ParameterValue"
        ],
        expected="5000",
    ),
    "database instances": Change(
        module="databases",
        old="AuroraInstanceClass:\n    Type: String\n    Default: db.t4g.medium",
        new="AuroraInstanceClass:\n    Type: String\n    Default: db.r8g.large",
        seen=lambda b: {each.db_instance_class for each in b.rds.databases.values()},
        expected={"db.r8g.large"},
    ),
    "database's subnets": Change(
        module="databases",
        old="DBSubnetGroupDescription: The private subnets",
        new="DBSubnetGroupDescription: other",
        seen=lambda b: b.rds.subnet_groups["cafe-test"].description,
        expected="other",
    ),
    "function's settings": Change(
        module="serverless",
        old="Timeout: 10",
        new="Timeout: 8",
        seen=lambda _: payment_function()["Configuration"]["Timeout"],
        expected=8,
    ),
    "function's variables": Change(
        module="serverless",
        old="Default: 20\n",
        new="Default: 35\n",
        seen=lambda _: payment_function()["Configuration"]["Environment"]["Variables"]["CARD_LATENCY_MS"],
        expected="35",
    ),
    "function's reserved concurrency": Change(
        module="serverless",
        old='ReservedConcurrency:\n    Type: String\n    Default: ""',
        new='ReservedConcurrency:\n    Type: String\n    Default: "7"',
        seen=lambda _: payment_function()["Concurrency"]["ReservedConcurrentExecutions"],
        expected=7,
    ),
    "event source": Change(
        module="serverless",
        old="!Ref PaymentQueueArn\n      FunctionName: !Ref PaymentFunction\n      BatchSize: 10",
        new="!Ref PaymentQueueArn\n      FunctionName: !Ref PaymentFunction\n      BatchSize: 4",
        seen=lambda _: sorted(
            each["BatchSize"]
            for each in operations.current().call("lambda", "ListEventSourceMappings")["EventSourceMappings"]
        ),
        expected=[4, 10],
    ),
    "queue": Change(
        module="messaging",
        old="VisibilityTimeout: !If [IsPatient, 60, 10]",
        new="VisibilityTimeout: 90",
        seen=lambda b: b.sqs.queues["payments-test.fifo"].visibility_timeout,
        expected=90,
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_property_changes_the_record_in_place(change: Change) -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed(change.module)
        before = await _physical_ids(stacks, change.module)
        body = (MODULES / f"{change.module}.yaml").read_text()
        body = change.made(body)
        given = {name: value for name, value in outputs.items() if name in template.parse(body)["Parameters"]}
        await stacks.call("UpdateStack", StackName=change.module, TemplateBody=body, parameters=given)
        assert await stacks.status(change.module) == "UPDATE_COMPLETE", await stacks.events(change.module)
        assert change.expected == change.seen(stacks.backends)
        assert before == await _physical_ids(stacks, change.module)

    run(scenario())


async def _physical_ids(stacks: Stacks, name: str) -> dict[str, str]:
    found = await stacks.call("DescribeStackResources", StackName=name)
    return {
        str(each.findtext("LogicalResourceId")): str(each.findtext("PhysicalResourceId"))
        for each in found.iter("member")
        if each.find("LogicalResourceId") is not None
    }


@pytest.mark.parametrize(("named", "expected"), [(True, 2), (False, 4)], ids=["named", "left out"])
def test_an_update_of_a_service_sends_the_desired_count_that_its_template_names(named: bool, expected: int) -> None:
    """Scaling may have moved it; a change of anything else in the service puts it back, as on AWS."""

    async def scenario() -> None:
        stacks, outputs = await deployed("compute")
        body = (MODULES / "compute.yaml").read_text()
        line = "      DesiredCount: !Ref OrderTaskCount\n"
        assert body.count(line) == 1
        body = body if named else body.replace(line, "")
        given = {name: value for name, value in outputs.items() if name in template.parse(body)["Parameters"]}
        if not named:
            await stacks.call("UpdateStack", StackName="compute", TemplateBody=body, parameters=given)
        where = {"cluster": "cafe-test", "service": "order"}
        stacks.backends.operations.call("ecs", "UpdateService", **where, desiredCount=4)
        service = stacks.backends.ecs.services["cafe-test:order"]
        deployments = [each["id"] for each in service.deployments]
        changed = body.replace("HealthCheckGracePeriodSeconds: ", "HealthCheckGracePeriodSeconds: 1")
        assert changed != body
        await stacks.call("UpdateStack", StackName="compute", TemplateBody=changed, parameters=given)
        assert await stacks.status("compute") == "UPDATE_COMPLETE", await stacks.events("compute")
        assert service.desired_count == expected
        assert [each["id"] for each in service.deployments] == deployments, "what is sent again is no deployment"

    run(scenario())

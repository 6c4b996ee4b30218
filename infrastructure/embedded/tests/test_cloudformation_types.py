"""The added resource types: what a changed property does to the record, and what Ref and GetAtt give."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from infrastructure.embedded import native
from infrastructure.embedded.cloudformation import template
from infrastructure.embedded.cloudformation.resource import Api, Properties, Refused, Resource
from infrastructure.embedded.cloudformation.secret import Secret
from infrastructure.embedded.cloudformation.security_group_rules import permission_of
from infrastructure.embedded.tests.cloudformation_world import MODULES, Stacks, deployed
from infrastructure.embedded.tests.control import run


@dataclass(frozen=True, kw_only=True)
class Change:
    """One edit of a platform template and where it must show."""

    module: str
    old: str
    new: str
    seen: Callable[[Any], Any]
    expected: Any


def _only(records: Any) -> Any:
    found = list(records)
    assert len(found) == 1
    return found[0]


def _token(backends: Any) -> Any:
    """The operators' token; the other secret is the database's."""
    return backends.secretsmanager.secrets["cafe-operator-token-test"]


def _function() -> Any:
    return native.call("lambda", "GetFunction", FunctionName="payment-test")


def _group(backends: Any, name: str) -> Any:
    return _only(group for group in backends.elbv2.target_groups.values() if group.name == name)


def _rule(backends: Any) -> Any:
    balancer = _only(backends.elbv2.load_balancers.values())
    return _only(rule for rule in _only(balancer.listeners.values()).rules.values() if not rule.is_default)


CHANGES = {
    "alarm": Change(
        module="messaging",
        old="Threshold: 0",
        new="Threshold: 3",
        seen=lambda b: b.cloudwatch.alarms["cafe-dead-letters-test"].threshold,
        expected=3.0,
    ),
    "target group": Change(
        module="loadbalancing",
        old="HealthCheckIntervalSeconds: 10",
        new="HealthCheckIntervalSeconds: 7",
        seen=lambda b: int(_group(b, "order-test").health_check_interval_seconds),
        expected=7,
    ),
    "target group attribute": Change(
        module="loadbalancing",
        old='deregistration_delay.timeout_seconds, Value: "30"',
        new='deregistration_delay.timeout_seconds, Value: "9"',
        seen=lambda b: _group(b, "order-test").attributes["deregistration_delay.timeout_seconds"],
        expected="9",
    ),
    "rule": Change(
        module="loadbalancing",
        old="Priority: 10",
        new="Priority: 20",
        seen=lambda b: int(_rule(b).priority),
        expected=20,
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
        old="Default: 4\n",
        new="Default: 6\n",
        seen=lambda b: (
            b.applicationautoscaling.targets["ecs:service:DesiredCount"]["service/cafe-test/order"].max_capacity
        ),
        expected=6,
    ),
    "scaling policy": Change(
        module="compute",
        old="TargetValue: 70",
        new="TargetValue: 55",
        seen=lambda b: _only(b.applicationautoscaling.policies.values()).target_tracking_scaling_policy_configuration[
            "TargetValue"
        ],
        expected=55,
    ),
    "secret": Change(
        module="compute",
        old="Description: Bearer token of the operators' endpoints (stress runs)",
        new="Description: other",
        seen=lambda b: _token(b).description,
        expected="other",
    ),
    "log group": Change(
        module="compute",
        old="Default: 7\n",
        new="Default: 30\n",
        seen=lambda b: _only(_logs(b).groups.values()).retention_in_days,
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
        seen=lambda b: _only(_buckets(b)).public_access_block.restrict_public_buckets,
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
        old="Default: db.t4g.medium",
        new="Default: db.r8g.large",
        seen=lambda b: {each.db_instance_class for each in b.rds.databases.values()},
        expected={"db.r8g.large"},
    ),
    "database's subnets": Change(
        module="databases",
        old="DBSubnetGroupDescription: The private subnets",
        new="DBSubnetGroupDescription: other",
        seen=lambda b: _only(b.rds.subnet_groups.values()).description,
        expected="other",
    ),
    "function's settings": Change(
        module="serverless",
        old="Timeout: 10",
        new="Timeout: 8",
        seen=lambda _: _function()["Configuration"]["Timeout"],
        expected=8,
    ),
    "function's variables": Change(
        module="serverless",
        old="Default: 20\n",
        new="Default: 35\n",
        seen=lambda _: _function()["Configuration"]["Environment"]["Variables"]["CARD_LATENCY_MS"],
        expected="35",
    ),
    "function's reserved concurrency": Change(
        module="serverless",
        old='ReservedConcurrency:\n    Type: String\n    Default: ""',
        new='ReservedConcurrency:\n    Type: String\n    Default: "7"',
        seen=lambda _: _function()["Concurrency"]["ReservedConcurrentExecutions"],
        expected=7,
    ),
    "event source": Change(
        module="serverless",
        old="BatchSize: 10",
        new="BatchSize: 4",
        seen=lambda _: _only(native.call("lambda", "ListEventSourceMappings")["EventSourceMappings"])["BatchSize"],
        expected=4,
    ),
    "queue": Change(
        module="messaging",
        old="VisibilityTimeout: !If [IsPatient, 60, 10]",
        new="VisibilityTimeout: 90",
        seen=lambda b: b.sqs.queues["payments-test.fifo"].visibility_timeout,
        expected=90,
    ),
}


def _logs(backends: Any) -> Any:
    from infrastructure.embedded.moto_import import backend

    return backend("logs", account=backends.account, region=backends.region)


def _buckets(backends: Any) -> Any:
    return backends.s3.buckets.values()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_property_changes_the_record_in_place(change: Change) -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed(change.module)
        before = await _physical_ids(stacks, change.module)
        body = (MODULES / f"{change.module}.yaml").read_text()
        assert body.count(change.old) == 1, f"{change.old!r} is not once in {change.module}.yaml"
        body = body.replace(change.old, change.new)
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


def test_every_resource_has_the_tags_of_its_template() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed()
        backends = stacks.backends
        wanted = {"Project": "cloudcafe", "Environment": "test"}
        ec2 = {tag["key"]: tag["value"] for tag in backends.ec2.describe_tags({"resource-id": [outputs["VpcId"]]})}
        balancer = backends.elbv2.tagging_service.get_tag_dict_for_resource(outputs["AlbArn"])
        cache = backends.elasticache.tagging_service.get_tag_dict_for_resource(
            backends.elasticache.replication_groups["cafe-test"].arn
        )
        alarm = backends.cloudwatch.tagger.get_tag_dict_for_resource(
            backends.cloudwatch.alarms["cafe-dead-letters-test"].alarm_arn
        )
        secret = {tag["Key"]: tag["Value"] for tag in _token(backends).tags}
        for tags in (ec2, balancer, cache, alarm, secret, dict(backends.sqs.queues["payments-test.fifo"].tags)):
            assert wanted.items() <= tags.items()

    run(scenario())


def test_a_bucket_is_private_encrypted_and_deleted_only_when_empty() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed("databases")
        name = outputs["ArtifactBucketName"]
        bucket = _only(_buckets(stacks.backends))
        assert (bucket.name, bucket.ownership_rule) == (name, "BucketOwnerEnforced")
        assert bucket.encryption["Rule"]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        stacks.put(name, "key", module="")
        await stacks.call("DeleteStack", StackName="databases")
        assert await stacks.status("databases") == "DELETE_FAILED"
        stacks.empty(name)
        await stacks.call("DeleteStack", StackName="databases")
        assert not list(_buckets(stacks.backends))

    run(scenario())


def test_a_function_is_made_with_all_its_properties() -> None:
    async def scenario() -> None:
        _, outputs = await deployed()
        function = _function()
        configuration = function["Configuration"]
        assert (configuration["Handler"], configuration["Runtime"], configuration["MemorySize"]) == (
            "services.payment.handler.handle",
            "python3.11",
            512,
        )
        variables = configuration["Environment"]["Variables"]
        assert variables["CAFE_AURORA_WRITER_URL"].startswith(f"postgresql://127.0.0.1:{outputs['AuroraPort']}/cafe")
        assert (variables["PAYMENTS_TABLE"], variables["CARD_DECLINE_RATE"]) == ("payments-test", "0")
        assert len(configuration["VpcConfig"]["SubnetIds"]) == 2
        assert [layer["Arn"].split(":")[-2:] for layer in configuration["Layers"]] == [["cafe-payment-test", "1"]]
        assert function["Tags"]["Module"] == "serverless"
        assert "Concurrency" not in function
        mapping = _only(native.call("lambda", "ListEventSourceMappings")["EventSourceMappings"])
        assert (mapping["UUID"], mapping["ScalingConfig"]) == (
            outputs["PaymentEventSourceId"],
            {"MaximumConcurrency": 10},
        )

    run(scenario())


def test_another_package_is_another_layer_and_other_code_of_the_same_function() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed()
        before = _function()["Configuration"]
        code, layer = (f"payment-{kind}/{1:032x}.zip" for kind in ("code", "layer"))
        for key in (code, layer):
            stacks.put(outputs["ArtifactBucketName"], key, handler="changed = True")
        body = (MODULES / "serverless.yaml").read_text()
        given = {name: value for name, value in outputs.items() if name in template.parse(body)["Parameters"]}
        given |= {"PaymentCodeKey": code, "PaymentLayerKey": layer}
        await stacks.call("UpdateStack", StackName="serverless", TemplateBody=body, parameters=given)
        assert await stacks.status("serverless") == "UPDATE_COMPLETE", await stacks.events("serverless")
        after = _function()["Configuration"]
        assert (before["CodeSha256"] != after["CodeSha256"], before["FunctionArn"]) == (True, after["FunctionArn"])
        assert after["Layers"][0]["Arn"].endswith(":cafe-payment-test:2")
        left = native.call("lambda", "ListLayerVersions", LayerName="cafe-payment-test")["LayerVersions"]
        assert [each["Version"] for each in left] == [2]

    run(scenario())


def test_a_cluster_is_made_with_a_managed_password_and_a_zone_for_each_instance() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed("databases")
        rds = stacks.backends.rds
        cluster = rds.clusters["cafe-test"]
        assert (cluster.storage_encrypted, cluster.database_name, cluster.master_username) == (True, "cafe", "cafe")
        assert outputs["AuroraClusterArn"] == cluster.db_cluster_arn
        secret = await stacks.control.ask("secretsmanager", "GetSecretValue", SecretId=outputs["AuroraSecretArn"])
        assert json.loads(secret["SecretString"])["username"] == "cafe"
        zones = {name: rds.databases[name].availability_zone for name in outputs["AuroraInstanceIds"].split(",")}
        assert zones == {"cafe-test-1": "us-east-1a", "cafe-test-2": "us-east-1b"}

    run(scenario())


GENERATED = """
Resources:
  Token:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: token
      GenerateSecretString: {SecretStringTemplate: '{"user": "cafe"}', GenerateStringKey: password, PasswordLength: 40}
Outputs:
  Arn: {Value: !Ref Token}
  Id: {Value: !GetAtt Token.Id}
"""


def test_a_secret_is_generated_once_and_kept() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="s", TemplateBody=GENERATED)
        outputs = await stacks.outputs("s")
        assert outputs["Arn"] == outputs["Id"]
        first = (await stacks.control.ask("secretsmanager", "GetSecretValue", SecretId="token"))["SecretString"]
        value = json.loads(first)
        assert (value["user"], len(value["password"])) == ("cafe", 40)
        body = GENERATED.replace("Name: token", "Name: token\n      Description: other")
        await stacks.call("UpdateStack", StackName="s", TemplateBody=body)
        assert (await stacks.control.ask("secretsmanager", "GetSecretValue", SecretId="token"))["SecretString"] == first
        longer = body.replace("PasswordLength: 40", "PasswordLength: 50")
        await stacks.call("UpdateStack", StackName="s", TemplateBody=longer)
        other = (await stacks.control.ask("secretsmanager", "GetSecretValue", SecretId="token"))["SecretString"]
        assert len(json.loads(other)["password"]) == 50
        await stacks.call("DeleteStack", StackName="s")
        await stacks.call("CreateStack", StackName="s", TemplateBody=GENERATED)
        assert await stacks.status("s") == "CREATE_COMPLETE"

    run(scenario())


@pytest.mark.parametrize(
    ("properties", "permission"),
    [
        (
            {"IpProtocol": "tcp", "FromPort": "80", "ToPort": 80, "CidrIp": "10.0.0.0/8", "Description": "d"},
            {
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 80,
                "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "d"}],
            },
        ),
        (
            {"IpProtocol": -1, "DestinationSecurityGroupId": "sg-1"},
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]},
        ),
        (
            {"IpProtocol": "tcp", "SourcePrefixListId": "pl-1", "CidrIpv6": "::/0"},
            {
                "IpProtocol": "tcp",
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
                "PrefixListIds": [{"PrefixListId": "pl-1"}],
            },
        ),
    ],
    ids=["range", "group", "prefix list"],
)
def test_a_rule_is_translated_to_a_permission(properties: dict[str, Any], permission: dict[str, Any]) -> None:
    assert permission_of(properties) == permission


def test_an_attribute_that_a_type_lacks_is_refused_by_name() -> None:
    with pytest.raises(Refused, match=r"AWS::SecretsManager::Secret has no attribute Colour; it has Id"):
        Secret("arn", {}, {"Id": "arn"}).get_cfn_attribute("Colour")


def test_a_type_that_cannot_be_deleted_is_refused_when_it_is_declared() -> None:
    def create(_cls: type, _api: Api, name: str, properties: Properties) -> Resource:
        raise AssertionError(name, properties)

    with pytest.raises(TypeError, match=r"Forever \(AWS::Test::Forever\) lacks delete"):
        type("Forever", (Resource,), {"TYPE": "AWS::Test::Forever", "create": classmethod(create)})

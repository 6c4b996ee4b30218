"""The added resource types: what they make of their properties, what Ref and GetAtt give, what is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.embedded.apis.ec2.resources import permission_of
from infrastructure.embedded.gateway import operations
from infrastructure.embedded.parity import table as parity_table
from infrastructure.embedded.stacks import plan, template
from infrastructure.embedded.stacks.calls import ApiCalls
from infrastructure.embedded.stacks.errors import Refused
from infrastructure.embedded.stacks.made import Made
from infrastructure.embedded.stacks.resource_type import ResourceType
from infrastructure.embedded.stacks.schemas import schema_of
from infrastructure.embedded.stacks.tests.records import buckets, only, payment_function, token
from infrastructure.embedded.stacks.tests.world import MODULES, RUNTIME, Stacks, deployed
from infrastructure.embedded.stacks.types import BY_NAME, TYPES
from infrastructure.embedded.tests.control import REGION, run


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
        secret = {tag["Key"]: tag["Value"] for tag in token(backends).tags}
        for tags in (ec2, balancer, cache, alarm, secret, dict(backends.sqs.queues["payments-test.fifo"].tags)):
            assert wanted.items() <= tags.items()

    run(scenario())


def test_a_bucket_is_private_encrypted_and_deleted_only_when_empty() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed("databases")
        name = outputs["ArtifactBucketName"]
        bucket = only(buckets(stacks.backends))
        assert (bucket.name, bucket.ownership_rule) == (name, "BucketOwnerEnforced")
        assert bucket.encryption["Rule"]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        stacks.put(name, "key", module="")
        await stacks.call("DeleteStack", StackName="databases")
        assert await stacks.status("databases") == "DELETE_FAILED"
        stacks.empty(name)
        await stacks.call("DeleteStack", StackName="databases")
        assert not list(buckets(stacks.backends))

    run(scenario())


def test_a_function_is_made_with_all_its_properties() -> None:
    async def scenario() -> None:
        _, outputs = await deployed()
        made = payment_function()
        configuration = made["Configuration"]
        assert (configuration["Handler"], configuration["Runtime"], configuration["MemorySize"]) == (
            "services.payment.handler.handle",
            RUNTIME,
            512,
        )
        variables = configuration["Environment"]["Variables"]
        assert variables["CAFE_AURORA_WRITER_URL"].startswith(f"postgresql://127.0.0.1:{outputs['AuroraPort']}/cafe")
        assert (variables["PAYMENTS_TABLE"], variables["CARD_DECLINE_RATE"]) == ("payments-test", "0")
        assert len(configuration["VpcConfig"]["SubnetIds"]) == 2
        assert [layer["Arn"].split(":")[-2:] for layer in configuration["Layers"]] == [["cafe-payment-test", "1"]]
        assert made["Tags"]["Module"] == "serverless"
        assert "Concurrency" not in made
        mappings = operations.current().call("lambda", "ListEventSourceMappings")["EventSourceMappings"]
        scaling = {mapping["UUID"]: mapping["ScalingConfig"] for mapping in mappings}
        assert scaling[outputs["PaymentEventSourceId"]] == {"MaximumConcurrency": 10}

    run(scenario())


def test_another_package_is_another_layer_and_other_code_of_the_same_function() -> None:
    async def scenario() -> None:
        stacks, outputs = await deployed()
        before = payment_function()["Configuration"]
        code, layer = (f"payment-{kind}/{1:032x}.zip" for kind in ("code", "layer"))
        for key in (code, layer):
            stacks.put(outputs["ArtifactBucketName"], key, handler="changed = True")
        body = (MODULES / "serverless.yaml").read_text()
        given = {name: value for name, value in outputs.items() if name in template.parse(body)["Parameters"]}
        given |= {"PaymentCodeKey": code, "PaymentLayerKey": layer}
        await stacks.call("UpdateStack", StackName="serverless", TemplateBody=body, parameters=given)
        assert await stacks.status("serverless") == "UPDATE_COMPLETE", await stacks.events("serverless")
        after = payment_function()["Configuration"]
        assert (before["CodeSha256"] != after["CodeSha256"], before["FunctionArn"]) == (True, after["FunctionArn"])
        assert after["Layers"][0]["Arn"].endswith(":cafe-payment-test:2")
        left = operations.current().call("lambda", "ListLayerVersions", LayerName="cafe-payment-test")["LayerVersions"]
        assert [each["Version"] for each in left] == [2]

    run(scenario())


FUNCTION = f"""
Resources:
  Work:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: work
      Handler: app.handle
      Runtime: {RUNTIME}
      Role: arn:aws:iam::123456789012:role/work
      Code: {{S3Bucket: artifacts, S3Key: work.zip}}
      ReservedConcurrentExecutions: 901
"""


def test_a_function_whose_reservation_is_refused_is_taken_back() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        stacks.backends.s3.create_bucket("artifacts", REGION)
        stacks.put("artifacts", "work.zip", app="def handle(event, context): ...")
        await stacks.call("CreateStack", StackName="work", TemplateBody=FUNCTION)
        assert await stacks.status("work") == "ROLLBACK_COMPLETE"
        reasons = [reason for _, status, reason in await stacks.events("work") if status == "CREATE_FAILED"]
        assert "ReservedConcurrentExecutions" in only(reasons)
        assert operations.current().call("lambda", "ListFunctions")["Functions"] == []

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
    secret = Made(
        kind=BY_NAME["AWS::SecretsManager::Secret"],
        logical_id="Token",
        name="token",
        call=ApiCalls(REGION),
        region=REGION,
        physical_resource_id="arn",
        properties={},
    )
    assert secret.get_cfn_attribute("Id") == "arn"
    with pytest.raises(Refused, match=r"AWS::SecretsManager::Secret has no attribute Colour; it has Id"):
        secret.get_cfn_attribute("Colour")


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.type)
def test_a_type_can_be_deleted_and_is_what_awss_schema_says(kind: ResourceType) -> None:
    schema = schema_of(kind.type).document
    assert kind.delete is not None or all(each.is_removed_first for each in kind.elements)
    known = set(schema["properties"])
    assert plan.changeable(kind) | ({kind.name} - {""}) <= known
    assert {name.partition(".")[0] for name in kind.attributes} <= known


def test_a_type_makes_no_call_that_the_embedded_cloud_refuses_or_answers_by_nothing() -> None:
    allowed = {
        parity.api.key: {
            *parity.effects,
            *parity.reads,
            *(name for names in parity.records.values() for name in names),
        }
        for parity in parity_table()
    }
    refused = {
        f"{kind.type}: {action}"
        for kind in TYPES
        for action in _actions(kind)
        if allowed[kind.api] and action not in allowed[kind.api]
    }
    assert refused == set()


def _actions(kind: ResourceType) -> Iterator[str]:
    steps = [kind.create, kind.describe, kind.delete, *kind.changes, *(step.without for step in kind.changes)]
    yield from (step.action for step in steps if step is not None)
    yield from (action for each in kind.elements for action in (each.add, each.remove))
    if kind.tags is not None:
        yield from (kind.tags.add, kind.tags.remove)


def test_a_service_whose_template_names_no_count_gets_one_task_and_keeps_what_it_has() -> None:
    body = """
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: c}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: order, ContainerDefinitions: [{Name: order, Image: order, Memory: 128}]}
  Service:
    Type: AWS::ECS::Service
    Properties: {Cluster: !Ref Cluster, ServiceName: s, TaskDefinition: !Ref Task, LaunchType: FARGATE}
"""

    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="s", TemplateBody=body)
        assert await stacks.status("s") == "CREATE_COMPLETE", await stacks.events("s")
        service = stacks.backends.ecs.services["c:s"]
        assert service.desired_count == 1
        stacks.backends.operations.call("ecs", "UpdateService", cluster="c", service="s", desiredCount=3)
        changed = body.replace("LaunchType: FARGATE", "LaunchType: FARGATE, HealthCheckGracePeriodSeconds: 9")
        await stacks.call("UpdateStack", StackName="s", TemplateBody=changed)
        assert await stacks.status("s") == "UPDATE_COMPLETE", await stacks.events("s")
        assert (service.desired_count, service.health_check_grace_period_seconds) == (3, 9)

    run(scenario())

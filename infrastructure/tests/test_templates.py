"""The templates fit together: what one needs another gives, all is tagged, and CloudFormation takes their size."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infrastructure import environment, templates
from infrastructure.artifacts import Uploads
from infrastructure.packages import Archive, Package
from infrastructure.templates import MODULES

API_LIMIT_BYTES = 51_200
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

UNTAGGABLE = frozenset(
    {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::AutoScaling::ScalingPolicy",
        "AWS::EC2::Route",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::EC2::LaunchTemplate",
        "AWS::IAM::InstanceProfile",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::Lambda::LayerVersion",
    }
)
"""Types whose CloudFormation schema has no tags."""

CONTRACT = frozenset(
    """
VpcId PublicSubnetIds PrivateSubnetIds LoadBalancerSecurityGroupId ServiceSecurityGroupId CacheSecurityGroupId
DatabaseSecurityGroupId PaymentSecurityGroupId OrdersTableName OrdersTableArn OutboxTableName OutboxTableArn
PaymentsTableName PaymentsTableArn ArtifactBucketName AuroraClusterIdentifier AuroraClusterArn AuroraWriterEndpoint
AuroraReaderEndpoint AuroraPort AuroraDatabaseName AuroraSecretArn AuroraInstanceIds
PaymentFunctionName PaymentFunctionArn PaymentEventSourceId CacheReplicationGroupId CacheEndpoint CachePort
MemoryClusterName MemoryEndpoint
PaymentQueueUrl PaymentQueueArn PaymentQueueName PaymentDeadLetterQueueUrl PaymentDeadLetterQueueArn
AccrualQueueUrl AccrualQueueArn AccrualQueueName AccrualDeadLetterQueueUrl AccrualDeadLetterQueueArn
AccrualEventSourceId OrderStreamName OrderStreamArn AlbArn AlbDnsName AlbFullName
ListenerArn OrderTargetGroupArn OrderTargetGroupFullName OrderRuleArn MaintenanceTargetGroupArn ClusterName ClusterArn
OrderServiceName OrderTaskDefinitionArn OperatorTokenSecretArn
LoyaltySecurityGroupId LoyaltyTargetGroupArn LoyaltyAutoScalingGroupName NlbArn NlbDnsName
AnalyticsSecurityGroupId AnalyticsTargetGroupArn AnalyticsTargetGroupFullName NlbFullName
AnalyticsAutoScalingGroupName StreamLeaseTableName
StreamLeaseTableArn WarehouseSecurityGroupId WarehouseClusterIdentifier WarehouseDatabaseName WarehouseSecretArn
WarehouseRoleArn
InventoryTargetGroupArn InventoryTargetGroupFullName MenuTargetGroupArn MenuTargetGroupFullName
EksClusterName EksNamespace EksNodegroupName EksSecurityGroupId
InventoryImage MenuImage
DocumentDbClusterIdentifier DocumentDbEndpoint DocumentDbInstanceIds DocumentDbPort DocumentDbReaderEndpoint
DocumentDbSecretArn DocumentSecurityGroupId
ServiceNetworkArn InternalLoadBalancerSecurityGroupId InternalAlbArn InternalAlbFullName
InventoryInternalTargetGroupArn InventoryLatticeTargetGroupId InventoryLatticeServiceId InventoryServiceUrl
MenuInternalTargetGroupArn MenuLatticeTargetGroupId MenuLatticeServiceId MenuServiceUrl
""".split()  # noqa: SIM905 - a list of names reads better than thirty quoted strings
)
"""What the layers above ask for by name."""


PACKAGE = Package(
    service="payment",
    code=Archive(name="payment-code", digest="0" * 32, file=Path("code.zip")),
    layer=Archive(name="payment-layer", digest="0" * 32, file=Path("layer.zip")),
    runtime="python3.11",
    architecture="x86_64",
)


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as nothing."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: _plain(loader, node))


def _plain(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


def document(module: str) -> Any:
    return yaml.load(templates.read(module).body, Loader=Loader)  # noqa: S506 - derived from the safe loader


def test_the_outputs_are_those_the_layers_above_ask_for() -> None:
    assert set(templates.output_names()) == CONTRACT


def test_every_parameter_has_a_value_from_somewhere() -> None:
    uploads = Uploads(packages=(PACKAGE,), s3=lambda: None, talk=lambda _line: None)
    given = {*environment.load("dev").parameters(), "DeployerArn", "MetricPeriodSeconds"} | uploads.parameters
    given.add("LatticePrefixListId")
    for template in templates.read_all():
        needed = {name for name, default in template.parameters.items() if default is None}
        assert needed <= given, f"{template.module} waits for {needed - given}"
        given |= set(template.outputs)


def test_every_size_of_an_environment_is_a_parameter_of_some_template() -> None:
    known = {name for template in templates.read_all() for name in template.parameters}
    assert set(environment.load("dev").parameters()) <= known


def test_the_order_of_modules_is_one_their_needs_allow() -> None:
    order = list(templates.order(templates.read_all()).static_order())
    assert sorted(order) == sorted(MODULES)
    for template in templates.read_all():
        for other in templates.read_all():
            if set(template.parameters) & set(other.outputs):
                assert MODULES.index(other.module) < MODULES.index(template.module)


@pytest.mark.parametrize("module", MODULES)
def test_every_resource_is_tagged_with_project_environment_and_module(module: str) -> None:
    for name, resource in document(module)["Resources"].items():
        if resource["Type"] in UNTAGGABLE:
            continue
        given = resource["Properties"].get("Tags", [])  # a mapping, in newer types
        tags = given if isinstance(given, dict) else {tag["Key"]: tag["Value"] for tag in given}
        wanted = {"Project": "cloudcafe", "Environment": "EnvironmentName", "Module": module}
        assert wanted.items() <= tags.items(), name


@pytest.mark.parametrize("module", MODULES)
def test_every_string_parameter_says_what_it_allows(module: str) -> None:
    for name, parameter in document(module)["Parameters"].items():
        if parameter["Type"] == "String":
            assert {"AllowedPattern", "AllowedValues"} & set(parameter), name


@pytest.mark.parametrize("module", MODULES)
def test_a_template_is_small_enough_to_be_sent_as_it_is(module: str) -> None:
    assert len(templates.read(module).body.encode()) <= API_LIMIT_BYTES


def test_the_queue_waits_six_times_as_long_as_the_function_may_take() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    text = templates.read("messaging").body
    timeout = document("serverless")["Resources"]["PaymentFunction"]["Properties"]["Timeout"]
    visibility = re.search(r"VisibilityTimeout: (?:!If \[IsPatient, )?(\d+)", text)
    assert visibility is not None
    assert int(visibility[1]) >= 6 * timeout


def test_what_a_package_says_is_what_the_template_takes() -> None:
    parameters = document("serverless")["Parameters"]
    for name, value in PACKAGE.parameters().items():
        allowed = parameters[name]
        assert value in allowed.get("AllowedValues", [value]), name
        assert re.fullmatch(allowed.get("AllowedPattern", ".*"), value), name

"""A check names what does not hold; every module has some."""

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from kubernetes.client import ApiException

from infrastructure import cloud, environment, validation
from infrastructure.cloud import Platform
from infrastructure.connection import Connection
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import Clusters
from infrastructure.templates import MODULES
from infrastructure.tests.fake_driver import FakeDriver
from infrastructure.validation import Check

DEV = environment.load("dev")
TAGGED = "resources exist and are tagged"
ARN = "arn:aws:{}:us-east-1:123456789012:{}"
Resource = tuple[str, str, str]
"""Logical id, type and physical id."""


class FakeClients:
    """CloudFormation's and the tagging API's answers: the resources of a stack, and what is found by the tags asked."""

    def __init__(self, resources: tuple[Resource, ...], found: dict[str, dict[str, str]], status: str) -> None:
        self._resources = resources
        self._found = found
        self._status = status

    def __call__(self, _service: str) -> "FakeClients":
        return self

    def get_paginator(self, operation: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=self._stack if operation == "list_stack_resources" else self._tagged)

    def _stack(self, *, StackName: str) -> list[dict[str, object]]:  # noqa: N803 - the API's spelling
        del StackName
        keys = ("LogicalResourceId", "ResourceType", "PhysicalResourceId")
        held = [dict(zip(keys, each, strict=True), ResourceStatus=self._status) for each in self._resources]
        return [{"StackResourceSummaries": [each]} for each in held]

    def _tagged(self, *, TagFilters: list[dict[str, Any]]) -> list[dict[str, object]]:  # noqa: N803 - the API's spelling
        """A page for each."""
        wanted = {(each["Key"], value) for each in TagFilters for value in each["Values"]}
        arns = (arn for arn, tags in self._found.items() if wanted <= tags.items())
        return [{"ResourceTagMappingList": [{"ResourceARN": arn}]} for arn in arns]


def platform(
    *resources: Resource, found: dict[str, dict[str, str]] | None = None, status: str = "CREATE_COMPLETE"
) -> Platform:
    clients = FakeClients(resources, found or {}, status)
    return Platform(
        environment=DEV,
        target="embedded",
        metric_period_s=1.0,
        state=cloud.state_folder(DEV),
        outputs={},
        is_new=False,
        _driver=FakeDriver(),
        _connection=Connection(region="us-east-1"),
        _clients=clients,
        _clusters=Clusters(clients, is_embedded=True),
    )


def check(module: str, name: str) -> Check:
    return next(each for each in validation.of(module) if each.name == name)


def tags(module: str) -> dict[str, str]:
    return {"Project": "cloudcafe", "Environment": "dev", "Module": module}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_checked_for_more_than_its_stack(module: str) -> None:
    assert len(validation.of(module)) > 1


QUEUE = ("PaymentQueue", "AWS::SQS::Queue", "https://sqs.us-east-1.amazonaws.com/123456789012/payments-dev.fifo")


@pytest.mark.parametrize(
    ("module", "resource", "arn"),
    [
        ("messaging", QUEUE, ARN.format("sqs", "payments-dev.fifo")),
        ("messaging", ("OrderStream", "AWS::Kinesis::Stream", "events"), ARN.format("kinesis", "stream/events")),
        ("networking", ("Vpc", "AWS::EC2::VPC", "vpc-1"), ARN.format("ec2", "vpc/vpc-1")),
        ("databases", ("ArtifactBucket", "AWS::S3::Bucket", "artifacts"), "arn:aws:s3:::artifacts"),
        ("databases", ("AuroraCluster", "AWS::RDS::DBCluster", "cafe"), ARN.format("rds", "cluster:cafe")),
        ("compute", ("OrderLogs", "AWS::Logs::LogGroup", "/cafe/order"), ARN.format("logs", "log-group:/cafe/order")),
        *(
            ("compute", ("OrderService", "AWS::ECS::Service", arn), arn)
            for arn in [ARN.format("ecs", "service/c/order")]
        ),
    ],
    ids=["queue URL", "name", "id", "bucket", "name after a colon", "path", "ARN"],
)
def test_a_resource_is_found_by_its_tags_whatever_cloudformation_calls_it(
    module: str, resource: Resource, arn: str
) -> None:
    found = {arn: {**tags(module), "Other": "x"}}
    assert check(module, TAGGED).problem(platform(resource, found=found)) is None
    assert check(module, TAGGED).problem(platform(resource)) is not None


@pytest.mark.parametrize("key", ["Project", "Environment", "Module"])
def test_a_resource_that_lacks_a_tag_is_named_with_the_tags_it_should_have(key: str) -> None:
    found = {ARN.format("sqs", "payments-dev.fifo"): {**tags("messaging"), key: "other"}}
    problem = check("messaging", TAGGED).problem(platform(QUEUE, found=found))
    assert problem is not None
    assert "PaymentQueue (payments-dev.fifo)" in problem
    assert str(tags("messaging")) in problem


def test_what_shares_a_name_does_not_stand_for_what_is_missing() -> None:
    """A function's log group ends in the function's name; a cluster's subnet group is called as it is."""
    payment = ("PaymentFunction", "AWS::Lambda::Function", "payment-dev")
    logs = {ARN.format("logs", "log-group:/cafe/payment-dev"): tags("serverless")}
    assert "PaymentFunction" in str(check("serverless", TAGGED).problem(platform(payment, found=logs)))

    cluster = ("AuroraCluster", "AWS::RDS::DBCluster", "cafe-dev")
    subnets = ("AuroraSubnetGroup", "AWS::RDS::DBSubnetGroup", "cafe-dev")
    group = {ARN.format("rds", "subgrp:cafe-dev"): tags("databases")}
    problem = str(check("databases", TAGGED).problem(platform(cluster, subnets, found=group)))
    assert "AuroraCluster (cafe-dev)" in problem
    assert "of that name is only arn:aws:rds:us-east-1:123456789012:subgrp:cafe-dev" in problem


@pytest.mark.parametrize(
    "resource",
    [
        ("Listener", "AWS::ElasticLoadBalancingV2::Listener", "listener/app/1"),
        ("NatAddressA", "AWS::EC2::EIP", "192.0.2.1"),
        ("PaymentRole", "AWS::IAM::Role", "cafe-payment-dev"),
    ],
    ids=["the template does not tag it", "its ARN has another id", "the API does not list it"],
)
def test_what_cannot_be_found_by_tags_is_not_asked_for(resource: Resource) -> None:
    for module in MODULES:
        assert check(module, TAGGED).problem(platform(resource)) is None


@pytest.mark.parametrize(
    ("status", "problem"),
    [("CREATE_COMPLETE", None), ("UPDATE_FAILED", "stack cafe-dev-messaging: PaymentQueue UPDATE_FAILED")],
    ids=["complete", "failed"],
)
def test_a_resource_that_is_not_complete_is_named(status: str, problem: str | None) -> None:
    assert check("messaging", "stack is complete").problem(platform(QUEUE, status=status)) == problem


def test_a_stack_that_holds_nothing_is_not_complete() -> None:
    assert check("messaging", "stack is complete").problem(platform()) == "stack cafe-dev-messaging: holds no resource"


class Gone:
    """boto3's answer where somebody has deleted the stack."""

    def __call__(self, _service: str) -> "Gone":
        return self

    def get_paginator(self, _operation: str) -> "Gone":
        return self

    def paginate(self, *, StackName: str) -> None:  # noqa: N803 - the API's spelling
        message = f"Stack with id {StackName} does not exist"
        raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "ListStackResources")


@pytest.mark.parametrize("name", ["stack is complete", TAGGED])
def test_what_an_api_refuses_is_a_problem_and_not_an_error(name: str) -> None:
    gone = dataclasses.replace(platform(), _clients=Gone())
    assert "cafe-dev-messaging does not exist" in str(check("messaging", name).found(gone))


@pytest.mark.parametrize(
    ("module", "name", "port"),
    [("compute", "order answers", "1"), ("caching", "cache answers", "2")],
    ids=["load balancer", "cache"],
)
def test_an_endpoint_that_refuses_is_a_problem_and_not_an_error(module: str, name: str, port: str) -> None:
    problem = str(check(module, name).found(platform()))
    assert "127.0.0.1" in problem
    assert port in problem
    assert "refused" in problem


REFUSAL = ApiException(status=503, reason="Service Unavailable")
REFUSAL.body = '{"message": "the cluster starts"}'


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (EnvironmentFault("the Kubernetes cluster does not answer"), "the Kubernetes cluster does not answer"),
        (REFUSAL, "ApiException: the cluster starts"),
        (ConnectionRefusedError("nobody"), "ConnectionRefusedError: nobody"),
    ],
    ids=["fault", "cluster", "socket"],
)
def test_a_check_that_meets_nobody_leaves_the_others_to_be_made(problem: Exception, told: str) -> None:
    assert Check(module="compute", name="it", problem=raising(problem)).found(platform()) == told


def test_a_check_that_is_wrong_itself_fails() -> None:
    with pytest.raises(KeyError):
        Check(module="compute", name="it", problem=raising(KeyError("it"))).found(platform())


def raising(problem: Exception) -> Callable[[Platform], None]:
    def ask(_platform: Platform) -> None:
        raise problem

    return ask

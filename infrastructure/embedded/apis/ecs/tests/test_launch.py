"""From a task's record to its process: environment, secrets, edges, size, stop time-out."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.embedded.apis.ecs.launch import (
    Allotment,
    CannotStart,
    service_of,
    stop_timeout_s,
    workload_of,
)
from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.embedded.pace import AWS, FAST

SECRETS = {"token": "t0ken", "arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf": json.dumps({"password": "p4ss"})}
KEYRING = Keyring("123456789012")
AROUND = Surroundings(
    region="us-east-1",
    url="http://127.0.0.1:4566",
    pace=FAST,
    edge=lambda service, upstream: Endpoint(LOOPBACK, len(service) * 1000 + len(upstream)),
    password=lambda upstream: f"{upstream}-pw",
    secret=SECRETS.__getitem__,
    credentials=KEYRING.workload,
)


def definition(**container: Any) -> SimpleNamespace:
    whole = {"name": "order", "image": "1.dkr.ecr.us-east-1.amazonaws.com/cloudcafe/order:latest", **container}
    return SimpleNamespace(family="order-test", cpu="512", memory="1024", container_definitions=[whole])


def task(**overrides: Any) -> SimpleNamespace:
    return SimpleNamespace(
        id="12345678-90ab", task_arn="arn:task/1", availability_zone="us-east-1b", overrides=overrides
    )


def environment(container: dict[str, Any], **overrides: Any) -> dict[str, str]:
    return dict(workload_of(task(**overrides), definition(**container), 4321, AROUND).process(AROUND).env)


def test_the_platforms_values_win_over_the_containers() -> None:
    configured = [{"name": "PORT", "value": "8080"}, {"name": "CAFE_ELASTICACHE_URL", "value": "rediss://far"}]
    env = environment({"environment": [*configured, {"name": "ORDERS_TABLE", "value": "orders"}]})
    assert env["ORDERS_TABLE"] == "orders"
    assert env["PORT"] == "4321"
    assert env["CAFE_ELASTICACHE_URL"] == f"redis://:elasticache-pw@{LOOPBACK}:5011/0"
    assert env["AWS_ENDPOINT_URL_DYNAMODB"] == f"http://{LOOPBACK}:5008"


def test_a_task_knows_who_and_where_it_is() -> None:
    assert {
        "AWS_REGION": "us-east-1",
        "ECS_CONTAINER_METADATA_URI_V4": "http://127.0.0.1:4566/_cafe/ecs-metadata/v4/12345678-90ab",
        "CAFE_AVAILABILITY_ZONE": "us-east-1b",
        "CAFE_VCPU": "0.5",
        "CAFE_METRIC_PERIOD_S": "1",
    }.items() <= environment({}).items()


def test_overrides_of_a_run_win_over_the_definition() -> None:
    overrides = [
        {"name": "order", "environment": [{"name": "MODE", "value": "new"}]},
        {"name": "other", "environment": [{"name": "MODE", "value": "wrong"}]},
    ]
    env = environment({"environment": [{"name": "MODE", "value": "old"}]}, containerOverrides=overrides)
    assert env["MODE"] == "new"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("token", "t0ken"),
        ("arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf", '{"password": "p4ss"}'),
        ("arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf:password::", "p4ss"),
    ],
    ids=["name", "arn", "one key of it"],
)
def test_secrets_are_resolved(source: str, expected: str) -> None:
    assert environment({"secrets": [{"name": "SECRET", "valueFrom": source}]})["SECRET"] == expected


@pytest.mark.parametrize("source", ["nothing", "arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf:user::"])
def test_a_secret_that_is_not_there_keeps_the_task_from_starting(source: str) -> None:
    with pytest.raises(CannotStart, match="ResourceInitializationError: unable to pull secrets"):
        environment({"secrets": [{"name": "SECRET", "valueFrom": source}]})


def test_an_unknown_image_cannot_be_pulled() -> None:
    with pytest.raises(CannotStart, match="CannotPullContainerError: no service is built into image 'nginx'"):
        service_of(definition(image="nginx"))


def test_several_containers_are_refused() -> None:
    several = definition()
    several.container_definitions *= 2
    with pytest.raises(CannotStart, match="one container per task"):
        service_of(several)


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        ("512", "1024", Allotment(vcpu=0.5, memory_bytes=1024**3)),
        (None, None, Allotment(vcpu=0.125, memory_bytes=256 * 1024**2)),
    ],
    ids=["the task's", "the container's"],
)
def test_a_task_is_allotted_its_own_size_or_its_containers(
    cpu: str | None, memory: str | None, expected: Allotment
) -> None:
    sized = definition(cpu=128, memory=256)
    sized.cpu, sized.memory = cpu, memory
    assert Allotment.of(sized) == expected


@pytest.mark.parametrize(
    ("container", "pace", "expected"),
    [
        ({"stopTimeout": 30}, FAST, 2.0),
        ({}, AWS, 30.0),
        ({"stopTimeout": 0}, AWS, 2.0),
        ({"stopTimeout": 900}, AWS, 120.0),
    ],
)
def test_the_stop_timeout_follows_the_pace_within_limits(container: dict[str, Any], pace: Any, expected: float) -> None:
    assert stop_timeout_s(definition(**container), pace) == expected

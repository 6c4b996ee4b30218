"""AWS is refused with all that is missing before anything is called, and never deployed into an account unlisted."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infrastructure import environment
from infrastructure.aws import target as targets
from infrastructure.aws.target import AwsTarget
from infrastructure.connection import Connection
from infrastructure.environment import Environment
from infrastructure.errors import EnvironmentFault

MOTO_ACCOUNT = "123456789012"
OUTPUTS = {
    "AlbDnsName": "alb.example",
    "NlbDnsName": "nlb.example",
    "AuroraDatabaseName": "cafe",
    "AuroraPort": "5432",
    "AuroraReaderEndpoint": "cafe.cluster-ro-1.us-east-1.rds.amazonaws.com",
    "AuroraWriterEndpoint": "cafe.cluster-1.us-east-1.rds.amazonaws.com",
    "CacheEndpoint": "cache.example",
    "CachePort": "6379",
    "DocumentDbEndpoint": "cafe-menu.cluster-1.us-east-1.docdb.amazonaws.com",
    "DocumentDbPort": "27017",
    "MemoryEndpoint": "memory.example",
}


def staging(*accounts: str) -> Environment:
    return environment.load("staging").model_copy(update={"accounts": accounts})


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell that knows nothing of AWS, on a machine that is not one of AWS's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def account() -> Iterator[None]:
    with mock_aws():
        yield


def test_everything_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(EnvironmentFault) as refusal:
        AwsTarget(staging()).open(detached=True)
    for missing in ("nothing was called", "credentials", "environments/staging.toml", "AWS_ENDPOINT_URL"):
        assert missing in str(refusal.value)


@pytest.mark.usefixtures("account")
def test_an_account_that_is_not_listed_is_refused() -> None:
    with pytest.raises(
        EnvironmentFault, match=rf"belong to account {MOTO_ACCOUNT}.*only be deployed into 999999999999"
    ):
        AwsTarget(staging("999999999999")).attach()


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("has_repository", [False, True], ids=["no-repository", "no-tag"])
def test_a_missing_image_is_a_fault_that_says_how_to_build_it(has_repository: bool) -> None:
    if has_repository:
        boto3.client("ecr", "us-east-1").create_repository(repositoryName="cloudcafe/order")
    with pytest.raises(EnvironmentFault) as refusal:
        AwsTarget(staging(MOTO_ACCOUNT)).open(detached=True)
    image = f"{MOTO_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/cloudcafe/order:latest"
    assert f"docker build -f services/order/Dockerfile -t {image} ." in str(refusal.value)
    assert f"docker push {image}" in str(refusal.value)


@pytest.mark.usefixtures("account")
def test_an_account_that_is_listed_is_taken() -> None:
    connection = AwsTarget(staging(MOTO_ACCOUNT)).attach()
    assert (connection.region, connection.endpoint_url) == ("us-east-1", None)


class Pods:
    """A cluster with one node and one pod, as the official client tells of them."""

    def list_node(self) -> Any:
        labels = {"topology.kubernetes.io/zone": "us-east-1a"}
        return SimpleNamespace(items=[SimpleNamespace(metadata=SimpleNamespace(name="node", labels=labels))])

    def list_namespaced_pod(self, namespace: str) -> Any:
        labels = {"app.kubernetes.io/name": "menu"}
        meta = SimpleNamespace(name="menu-1", namespace=namespace, labels=labels, deletion_timestamp=None)
        spec, status = SimpleNamespace(node_name="node"), SimpleNamespace(phase="Running")
        return SimpleNamespace(items=[SimpleNamespace(metadata=meta, spec=spec, status=status)])


class ManyTasks:
    """ECS with 250 tasks; AWS describes 100 at a time and refuses more."""

    arns = tuple(f"arn:aws:ecs:us-east-1:{MOTO_ACCOUNT}:task/cafe/{number}" for number in range(250))

    def get_paginator(self, _name: str) -> "ManyTasks":
        return self

    def paginate(self, **_asked: str) -> list[dict[str, Sequence[str]]]:
        return [{"taskArns": self.arns[:100]}, {"taskArns": self.arns[100:200]}, {"taskArns": self.arns[200:]}]

    def describe_tasks(self, *, cluster: str, tasks: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        assert cluster == "cafe"
        assert len(tasks) <= 100
        created = datetime(2026, 1, 1, tzinfo=UTC)
        return {"tasks": [{"taskArn": arn, "createdAt": created, "lastStatus": "RUNNING"} for arn in tasks]}


def test_the_status_shows_more_tasks_than_one_call_describes(monkeypatch: pytest.MonkeyPatch) -> None:
    target = AwsTarget(staging(MOTO_ACCOUNT))
    monkeypatch.setattr(target, "_client", {"ecs": ManyTasks()}.__getitem__)
    monkeypatch.setattr(targets, "Kubernetes", lambda *_given, **_more: SimpleNamespace(core=Pods()))
    outputs = {**OUTPUTS, "ClusterName": "cafe", "ClusterArn": "arn:cafe", "EksClusterName": "cafe"}
    shown = target.status(Connection(region="us-east-1"), outputs).processes
    assert ManyTasks.arns == tuple(process.resource for process in shown if process.kind == "ecs-task")
    [pod] = [process for process in shown if process.kind == "pod"]
    assert (pod.service, pod.resource, pod.az, pod.state) == ("menu", "cafe/menu-1", "us-east-1a", "running")


def test_the_databases_endpoints_are_what_psql_takes() -> None:
    found = AwsTarget(staging(MOTO_ACCOUNT)).endpoints(OUTPUTS)
    assert found["aurora_writer"] == "postgresql://cafe.cluster-1.us-east-1.rds.amazonaws.com:5432/cafe"
    assert found["aurora_reader"] == "postgresql://cafe.cluster-ro-1.us-east-1.rds.amazonaws.com:5432/cafe"
    documents = "mongodb://cafe-menu.cluster-1.us-east-1.docdb.amazonaws.com:27017/?replicaSet=rs0&tls=true"
    assert found["documentdb"] == documents

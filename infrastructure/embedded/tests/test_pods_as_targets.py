"""Pods behind a load balancer: each is found at its own address, and goes as late as a target of AWS does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infrastructure.embedded.apis.eks.target_groups import TargetGroups
from infrastructure.embedded.apis.elbv2.tests.load_balancing import Cloud, Machine, machine_on, status
from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.tests.manifests import binding, container, deployment, service
from infrastructure.embedded.kubernetes.tests.world import running, until
from infrastructure.embedded.lags import DEREGISTERED_TARGET
from infrastructure.embedded.tests.wire import request
from infrastructure.state import StateFolder

ROLE = "arn:aws:iam::123456789012:role/cluster"
TAG = {"Key": "eks:eks-cluster-name", "Value": "test"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_on(StateFolder.of("test", tmp_path_factory.mktemp("pods"))) as machine:
        yield machine


@asynccontextmanager
async def cluster_in(cloud: Cloud, folder: Path) -> AsyncIterator[Cluster]:
    """A cluster whose bindings are to the cloud's target groups; `web` is one that an ALB sends all requests to."""
    operations = cloud.context.backends.operations
    operations.changed = lambda _service, _name: cloud.wake()
    groups = TargetGroups(operations, cloud.elbv2, TAG["Value"], ROLE)
    cloud.group("web", deregistration_delay__timeout_seconds="10")
    cloud.rule(10, "*", cloud.forward("web"))
    state = StateFolder.of("cluster", folder)
    async with running(state, target_groups=groups) as cluster:
        yield cluster


def serve(cloud: Cloud, cluster: Cluster, **more: object) -> None:
    """Two pods behind a service, which is bound to the group."""
    cluster.registry.create(kinds.DEPLOYMENT, deployment(containers=[container(**more)]))
    cluster.registry.create(kinds.SERVICE, service())
    cluster.registry.create(kinds.TARGET_GROUP_BINDING, binding(cloud.groups["web"]))


def states(cloud: Cloud) -> dict[str, str]:
    described = cloud.call("DescribeTargetHealth", TargetGroupArn=cloud.groups["web"])["TargetHealthDescriptions"]
    return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in described}


def test_requests_reach_the_pods_at_their_own_addresses(machine: Machine, tmp_path: Path) -> None:
    async def test(cloud: Cloud) -> None:
        async with cluster_in(cloud, tmp_path) as cluster:
            cloud.elbv2.add_tags([cloud.groups["web"]], [TAG])
            serve(cloud, cluster)
            await cloud.answers(status(200))
            await until(lambda: list(states(cloud).values()) == ["healthy", "healthy"])
            assert all(each.startswith("127.") for each in states(cloud))

    machine.run(test)


@pytest.mark.parametrize(("hook", "failures"), [({"preStop": {"sleep": {"seconds": 15}}}, False), ({}, True)])
def test_a_pod_that_ends_before_the_balancer_knows_loses_requests(
    machine: Machine, tmp_path: Path, hook: dict[str, object], *, failures: bool
) -> None:
    async def test(cloud: Cloud) -> None:
        async with cluster_in(cloud, tmp_path) as cluster:
            cloud.elbv2.add_tags([cloud.groups["web"]], [TAG])
            serve(cloud, cluster, lifecycle=hook)
            await until(lambda: list(states(cloud).values()) == ["healthy", "healthy"])
            gone = cluster.registry.store.all(kinds.POD.id)[0]
            cluster.registry.delete(kinds.POD, objects.key(gone))
            answers, clock = [], asyncio.get_running_loop().time
            late = clock() + DEREGISTERED_TARGET.fast
            while clock() < late or cluster.registry.store.get(kinds.POD.id, objects.key(gone)) is not None:
                answers.append((await request(cloud.port)).status)
            assert {200} <= set(answers) <= {200, 502, 503}
            assert (set(answers) != {200}) is failures

    machine.run(test)


def test_a_group_without_the_clusters_tag_is_not_the_clusters_to_change(machine: Machine, tmp_path: Path) -> None:
    async def test(cloud: Cloud) -> None:
        async with cluster_in(cloud, tmp_path) as cluster:
            serve(cloud, cluster)

            def refused() -> bool:
                every = cluster.registry.store.all(kinds.EVENT.id)
                return any("AccessDenied" in each["message"] and TAG["Key"] in each["message"] for each in every)

            await until(refused)
            assert states(cloud) == {}

    machine.run(test)

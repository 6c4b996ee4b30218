"""A service's ready pods are a target group's targets, and nobody else is; what is wrong is told in events."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.controllers.target_groups import (
    Target,
    TargetGroup,
    TargetGroupError,
    TargetHealth,
)
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import binding, container, deployment, listed, service
from infrastructure.embedded.kubernetes.tests.world import create, pods, running, until
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"
AT = ("default", "web")


@dataclass(slots=True)
class Groups:
    """Target groups whose targets are healthy when a test says so."""

    known: dict[str, set[Target]] = field(default_factory=lambda: {ARN: set()})
    state: str = "healthy"
    type: str = "ip"

    def group(self, arn: str) -> TargetGroup:
        self.targets(arn)
        return TargetGroup(type=self.type, vpc="vpc-1")

    def targets(self, arn: str) -> Mapping[Target, TargetHealth]:
        if arn not in self.known:
            raise TargetGroupError(f"TargetGroupNotFound: One or more target groups not found: {arn}")
        return dict.fromkeys(self.known[arn], TargetHealth(state=self.state))

    def register(self, arn: str, targets: Collection[Target]) -> None:
        self.known[arn].update(targets)

    def deregister(self, arn: str, targets: Collection[Target]) -> None:
        self.known[arn].difference_update(targets)


@pytest.fixture
def groups() -> Groups:
    return Groups()


@pytest.fixture
async def cluster(state: StateFolder, groups: Groups) -> AsyncIterator[Cluster]:
    async with running(state, target_groups=groups) as made:
        yield made


def ready_targets(cluster: Cluster) -> set[Target]:
    ready = [each for each in pods(cluster) if objects.is_true(each, "Ready") and not objects.is_deleting(each)]
    return {Target(objects.status(each)["podIP"], 8080) for each in ready}


def events(cluster: Cluster) -> dict[str, str]:
    every = cluster.registry.store.all(kinds.EVENT.id)
    return {each["reason"]: each["message"] for each in every if each["involvedObject"]["kind"] == "TargetGroupBinding"}


async def bound(cluster: Cluster, groups: Groups, replicas: int = 2, **more: Any) -> None:
    create(cluster, deployment(replicas=replicas, containers=[container(**more)]), service(), binding(ARN))
    await until(lambda: len(groups.known[ARN]) == replicas)


async def test_ready_pods_are_targets_and_others_are_not(cluster: Cluster, groups: Groups) -> None:
    groups.known[ARN].add(Target("10.0.0.1", 80))
    await bound(cluster, groups)
    await until(lambda: groups.known[ARN] == ready_targets(cluster))
    assert events(cluster)["SuccessfullyReconciled"] == "Successfully reconciled"
    found = cluster.registry.get(kinds.TARGET_GROUP_BINDING, AT)
    assert found["spec"]["targetType"] == "ip"
    assert objects.status(found) == {"observedGeneration": objects.meta(found)["generation"]}


async def test_a_pod_leaves_the_group_while_it_still_serves(cluster: Cluster, groups: Groups) -> None:
    await bound(cluster, groups, replicas=1, lifecycle={"preStop": {"sleep": {"seconds": 1000}}})
    [gone] = pods(cluster)
    address = objects.status(gone)["podIP"]
    cluster.registry.delete(kinds.POD, objects.key(gone))
    await until(lambda: groups.known[ARN] and Target(address, 8080) not in groups.known[ARN])
    statuses = objects.status(cluster.registry.get(kinds.POD, objects.key(gone)))["containerStatuses"]
    assert "running" in statuses[0]["state"]


async def test_whom_somebody_takes_out_stays_out_until_the_endpoints_change(cluster: Cluster, groups: Groups) -> None:
    await bound(cluster, groups)
    taken, *_ = ready_targets(cluster)
    groups.known[ARN].discard(taken)
    cluster.registry.change(kinds.TARGET_GROUP_BINDING, AT, lambda of: of["metadata"].update(labels={"a": "b"}))
    create(cluster, deployment("other", replicas=1))
    await until(lambda: len(pods(cluster)) == 3)
    assert taken not in groups.known[ARN]
    cluster.registry.change(kinds.DEPLOYMENT, AT, lambda of: of["spec"].update(replicas=3))
    await until(lambda: len(groups.known[ARN]) == 3)


async def test_a_deleted_binding_takes_its_targets_out_first(cluster: Cluster, groups: Groups) -> None:
    await bound(cluster, groups)
    cluster.registry.delete(kinds.TARGET_GROUP_BINDING, AT)
    await until(lambda: cluster.registry.store.get(kinds.TARGET_GROUP_BINDING.id, AT) is None)
    assert groups.known[ARN] == set()


async def test_a_binding_whose_group_is_gone_says_so_and_can_be_deleted(cluster: Cluster, groups: Groups) -> None:
    await bound(cluster, groups)
    del groups.known[ARN]
    cluster.registry.change(kinds.DEPLOYMENT, AT, lambda of: of["spec"].update(replicas=3))
    await until(lambda: "TargetGroupNotFound" in events(cluster).get("FailedReconcile", ""))
    cluster.registry.delete(kinds.TARGET_GROUP_BINDING, AT)
    await until(lambda: cluster.registry.store.get(kinds.TARGET_GROUP_BINDING.id, AT) is None)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (binding(ARN, "other"), 'backend not found: services "other" not found'),
        (binding(ARN, port=81), "backend not found: unable to find port 81 on service default/web"),
        (binding(ARN, port="grpc"), "backend not found: unable to find port grpc on service default/web"),
    ],
    ids=["service", "number", "name"],
)
async def test_a_binding_without_a_backend_says_so(cluster: Cluster, made: dict[str, Any], message: str) -> None:
    create(cluster, service(), made)
    await until(lambda: events(cluster).get("BackendNotFound") == message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targetGroupARN": "arn:none"}, "unable to get target group: TargetGroupNotFound"),
        ({"targetType": "instance"}, "has targets of type ip, not instance"),
        ({"targetType": "none"}, 'supported values: "instance", "ip"'),
        ({"multiClusterTargetGroup": True}, "is not provided by the embedded cloud"),
    ],
    ids=["unknown", "other-type", "no-type", "shared"],
)
async def test_a_binding_that_cannot_be_is_refused(cluster: Cluster, change: Any, message: str) -> None:
    made = binding(ARN)
    made["spec"] |= change
    with pytest.raises(ApiError, match=message):
        create(cluster, made)


async def test_a_group_is_bound_once_and_the_binding_stays_with_it(cluster: Cluster, groups: Groups) -> None:
    groups.known["arn:other"] = set()
    create(cluster, binding(ARN))
    with pytest.raises(ApiError, match="is already bound to TargetGroupBinding default/web"):
        create(cluster, binding(ARN, "again"))
    with pytest.raises(ApiError, match=r"may not change these fields: spec\.targetGroupARN"):
        cluster.registry.change(
            kinds.TARGET_GROUP_BINDING, AT, lambda of: of["spec"].update(targetGroupARN="arn:other")
        )


async def test_a_gated_pod_is_ready_once_its_target_is_healthy(cluster: Cluster, groups: Groups) -> None:
    groups.state = "initial"
    gates = {"labels": {"eks.amazonaws.com/pod-readiness-gate-inject": "enabled"}}
    cluster.registry.change(kinds.NAMESPACE, ("", "default"), lambda of: of["metadata"].update(gates))
    create(cluster, service(), binding(ARN), deployment(replicas=1))
    await until(lambda: len(groups.known[ARN]) == 1)
    [pod] = pods(cluster)
    assert objects.spec(pod)["readinessGates"] == [{"conditionType": "target-health.eks.amazonaws.com/web"}]
    await until(lambda: objects.is_true(pods(cluster)[0], "ContainersReady"))
    ready = objects.condition(pods(cluster)[0], "Ready")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    groups.state = "healthy"
    await until(lambda: objects.is_true(pods(cluster)[0], "Ready"))


async def test_kubectl_handles_bindings_as_any_custom_resource(kube: Kubectl) -> None:
    assert "created" in await kube("apply", "-f", "-", given=listed(service(), binding(ARN)))
    assert "unchanged" in await kube("apply", "-f", "-", given=listed(service(), binding(ARN)))
    wide = await kube("get", "targetgroupbindings", "-o", "wide")
    assert wide.split()[:6] == ["NAME", "SERVICE-NAME", "SERVICE-PORT", "TARGET-TYPE", "ARN", "AGE"]
    assert ARN in wide
    await kube("label", "targetgroupbinding", "web", "team=coffee")
    named = {**binding("x", "other"), "spec": {**binding(ARN)["spec"], "targetGroupName": "web"}}
    assert 'unknown field "spec.targetGroupName"' in await kube("apply", "-f", "-", given=listed(named), fails=True)
    assert "415" in await kube("patch", "targetgroupbinding", "web", "-p", "{}", "-v=6", fails=True)
    await kube("delete", "targetgroupbinding", "web")

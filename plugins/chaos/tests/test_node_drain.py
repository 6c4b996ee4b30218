"""A drain as kubectl does it, on a cluster whose pods are processes: budgets hold, what nobody replaces is refused."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from infrastructure.embedded.kubernetes.tests import manifests
from infrastructure.embedded.kubernetes.tests.world import NODES
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import NAMESPACE
from plugins.chaos.fault import EmptyTargetError, Patience
from plugins.chaos.faults import fault
from plugins.chaos.faults.eks_node_drain import EksNodeDrain
from plugins.chaos.targets import eks
from plugins.chaos.tests.clouds import TestCloud
from plugins.chaos.tests.kubernetes import NAMES, TestKubernetes
from services.catalog import services_on

SPACE = "default"
"""Where a test makes what is none of the services'."""


def soon() -> Patience:
    """A deadline that comes after a few looks, on a clock that moves when it is waited for."""
    waits: list[float] = []
    return Patience(deadline_s=1.0, clock=lambda: sum(waits), pause=waits.append)


@contextmanager
def budget_of(kubernetes: TestKubernetes, name: str, least: int) -> Iterator[None]:
    def at_least(pods: int) -> None:
        kubernetes.unseen.policy.patch_namespaced_pod_disruption_budget(
            name, NAMESPACE, {"spec": {"minAvailable": pods}}
        )

    at_least(least)
    try:
        yield
    finally:
        at_least(1)


def test_a_budget_that_never_allows_it_ends_the_drain_which_is_taken_back(
    platform: TestCloud, kubernetes: TestKubernetes
) -> None:
    drain = EksNodeDrain(services=services_on("eks"), patience=soon())
    with budget_of(kubernetes, NAMES[0], 2):
        plan = drain.plan(platform, 0.0)
        with pytest.raises(EnvironmentFault) as blocked:
            drain.inject(platform, plan)
        [left] = [pod for pod in kubernetes.pods(NAMES[0]) if pod.spec.node_name == plan.saved("node")]
    words = f"The disruption budget {NAMES[0]} needs 2 healthy pods and has 2 currently"
    assert f"after 1 s still: pods on node {plan.saved('node')}: " in str(blocked.value)
    assert f"{eks.key(left)} (Cannot evict pod as it would violate the pod's disruption budget.; {words})" in str(
        blocked.value
    )
    assert eks.is_cordoned(kubernetes.unseen, plan.saved("node"))
    fault("eks-node-drain").rollback(platform, plan)
    assert not eks.is_cordoned(kubernetes.unseen, plan.saved("node"))


def test_a_pod_of_two_budgets_which_nobody_evicts_ends_the_drain_at_once(
    platform: TestCloud, kubernetes: TestKubernetes
) -> None:
    drain, policies = fault("eks-node-drain"), kubernetes.unseen.policy
    plan = drain.plan(platform, 0.0)
    labels = {"matchLabels": {"app": NAMES[0]}}
    second = {"metadata": {"name": "second"}, "spec": {"minAvailable": 1, "selector": labels}}
    policies.create_namespaced_pod_disruption_budget(NAMESPACE, second)
    try:
        with pytest.raises(
            EnvironmentFault, match=rf"pod cafe/{NAMES[0]}-\S+ is not evicted: This pod has more than one"
        ):
            drain.inject(platform, plan)
    finally:
        policies.delete_namespaced_pod_disruption_budget("second", NAMESPACE)
    drain.rollback(platform, plan)


def test_a_service_whose_pods_share_a_node_keeps_one_that_serves(
    platform: TestCloud, kubernetes: TestKubernetes
) -> None:
    served: list[int] = []

    def look(pause_s: float) -> None:
        served.append(len(kubernetes.pods(NAMES[0])))
        time.sleep(pause_s)

    drain = EksNodeDrain(services=services_on("eks"), patience=Patience(step_s=0.05, pause=look))
    first = drain.plan(platform, 0.0)
    drain.inject(platform, first)
    drain.rollback(platform, first)
    served.clear()

    every = len(NAMES) * 2
    second = drain.plan(platform, 0.0)
    assert second.radius == f"1 of 2 nodes, {every} of {every} pods of {', '.join(NAMES)}"
    drain.inject(platform, second)
    assert {pod.spec.node_name for name in NAMES for pod in kubernetes.pods(name)} == set(first.targets)
    drain.rollback(platform, second)
    assert min(served) >= 1


def test_what_nobody_would_replace_is_refused_by_its_name(platform: TestCloud, kubernetes: TestKubernetes) -> None:
    node = fault("eks-node-drain").plan(platform, 0.0).saved("node")
    core = kubernetes.unseen.core
    core.create_namespaced_pod(SPACE, manifests.pod("alone", nodeName=node))
    try:
        with pytest.raises(EmptyTargetError, match=f"nobody would replace default/alone of node {node}"):
            fault("eks-node-drain").plan(platform, 0.0)
    finally:
        core.delete_namespaced_pod("alone", SPACE, grace_period_seconds=0)


def test_pods_of_a_daemon_set_stay(platform: TestCloud, kubernetes: TestKubernetes) -> None:
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [manifests.sleeper()]}}
    agent = {"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    apps = kubernetes.unseen.apps
    apps.create_namespaced_daemon_set(SPACE, agent)

    def agents() -> set[str]:
        found = kubernetes.unseen.core.list_namespaced_pod(SPACE, label_selector="app=agent").items
        return {f"{pod.metadata.name} on {pod.spec.node_name}" for pod in found if eks.is_ready(pod)}

    try:
        Patience(step_s=0.05).until_clear(lambda: None if len(agents()) == len(NODES) else "agents are missing")
        before, drain = agents(), fault("eks-node-drain")
        plan = drain.plan(platform, 0.0)
        drain.inject(platform, plan)
        assert agents() == before
        drain.rollback(platform, plan)
    finally:
        apps.delete_namespaced_daemon_set("agent", SPACE)


def test_a_cluster_with_nowhere_to_go_is_refused(platform: TestCloud, kubernetes: TestKubernetes) -> None:
    eks.cordon(kubernetes.unseen, NODES[0], wanted=True)
    with pytest.raises(EmptyTargetError, match=rf"1 nodes take pods \({NODES[1]}\).*`cafe restore`"):
        fault("eks-node-drain").plan(platform, 0.0)


def test_a_service_that_is_not_there_is_refused_by_its_name(platform: TestCloud) -> None:
    strange = replace(services_on("eks")[0], name="strange")
    with pytest.raises(EmptyTargetError, match="runs no service strange"):
        EksNodeDrain(services=(strange,)).plan(platform, 0.0)


def test_a_node_that_is_gone_is_no_cordoned_one(kubernetes: TestKubernetes) -> None:
    assert eks.is_cordoned(kubernetes.api, "nobody") is None


def test_a_symptom_is_more_than_a_cordon(platform: TestCloud, kubernetes: TestKubernetes) -> None:
    drain = fault("eks-node-drain")
    plan = drain.plan(platform, 0.0)
    eks.cordon(kubernetes.unseen, plan.saved("node"), wanted=True)
    assert drain.symptom(platform, plan) is None

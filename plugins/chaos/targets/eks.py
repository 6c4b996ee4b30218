"""A Kubernetes cluster as the faults see it: where the services' pods run, and how a node is drained.

A service's pods are those that its Deployment selects; the Deployment has the service's name.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import NAMESPACE, Kubernetes, is_answer, said
from plugins.chaos.fault import Cloud, EmptyTargetError, Patience
from plugins.chaos.targets import ecs
from services.catalog import Service

Pod = Any  # the client publishes no types
Node = Any

_MIRROR = "kubernetes.io/config.mirror"


def pods_of(cluster: Kubernetes, services: Iterable[Service]) -> tuple[Pod, ...]:
    """The services' pods that are on a node; one that is ending is none of them."""
    found: list[Pod] = []
    for service in services:
        labels = _deployment(cluster, service.name).spec.selector.match_labels
        selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
        found += cluster.core.list_namespaced_pod(NAMESPACE, label_selector=selector).items
    return tuple(pod for pod in found if pod.spec.node_name and not is_ending(pod))


def busiest(pods: Iterable[Pod], nodes: Iterable[str]) -> str | None:
    """That of `nodes` on which most of the pods are, the first by name of several; None where none has any."""
    hosts = [pod.spec.node_name for pod in pods]
    return min((each for each in nodes if each in hosts), key=lambda each: (-hosts.count(each), each), default=None)


def schedulable(cluster: Kubernetes) -> tuple[str, ...]:
    """The names of the nodes that are ready and take pods, sorted."""
    nodes = cluster.core.list_node().items
    return tuple(sorted(each.metadata.name for each in nodes if not each.spec.unschedulable and is_ready(each)))


def node_groups(cloud: Cloud, services: Sequence[Service]) -> tuple[str, ...]:
    """The names of the Auto Scaling groups of the nodes for the services' pods; none without any services."""
    if not services:
        return ()
    api, cluster = cloud.client("eks"), cloud.output("EksClusterName")
    names = api.list_nodegroups(clusterName=cluster)["nodegroups"]
    found = [api.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"] for name in names]
    return tuple(each["name"] for group in found for each in group["resources"]["autoScalingGroups"])


def behind(cloud: Cloud, services: Iterable[Service]) -> dict[str, str]:
    """The ARN of the target group behind the public load balancer, by the service's name."""
    return {service.name: cloud.output(service.key("TargetGroupArn")) for service in services}


def is_ready(one: Pod | Node) -> bool:
    """Whether a pod or a node says so itself."""
    return any(each.type == "Ready" and each.status == "True" for each in one.status.conditions or ())


def is_cordoned(cluster: Kubernetes, node: str) -> bool | None:
    """Whether a node takes no pods; None when it is gone."""
    try:
        return bool(cluster.core.read_node(node).spec.unschedulable)
    except Exception as error:
        if is_answer(error, 404):
            return None
        raise


def cordon(cluster: Kubernetes, node: str, *, wanted: bool) -> None:
    """Let a node take no more pods, or take them again."""
    cluster.core.patch_node(node, {"spec": {"unschedulable": wanted}})


def evictable(cluster: Kubernetes, node: str) -> tuple[Pod, ...]:
    """What a drain takes from a node: all pods but those of DaemonSets, which would come back, and mirror pods, which
    are the kubelet's own.

    Source: `kubectl drain --ignore-daemonsets --delete-emptydir-data`
    """
    found = cluster.core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={node}").items
    return tuple(pod for pod in found if _owner(pod) != "DaemonSet" and _MIRROR not in (pod.metadata.annotations or {}))


def unmanaged(pods: Iterable[Pod]) -> tuple[str, ...]:
    """Those that nobody would replace: for these kubectl wants `--force`, and we have none."""
    return tuple(key(pod) for pod in pods if _owner(pod) is None and pod.status.phase not in ("Succeeded", "Failed"))


def drain(cluster: Kubernetes, node: str, patience: Patience) -> None:
    """Evict every pod of the node and wait until it is gone, its grace included; what a budget refuses is asked again.

    `EnvironmentFault` after the deadline names the pods that are left, and what the budget says.
    """

    def left() -> str | None:
        words = [f"{key(pod)} ({_evict(cluster, pod)})" for pod in evictable(cluster, node)]
        return f"pods on node {node}: {', '.join(words)}" if words else None

    patience.until_clear(left)


def missing(cloud: Cloud, groups: Mapping[str, str]) -> str | None:
    """What is still missing of whole services, given the target group of each by its name: as many ready pods as each
    wants, and all of them healthy behind the load balancer.
    """
    for name, group in groups.items():
        made = _deployment(cloud.kubernetes(), name)
        wanted, ready = made.spec.replicas, made.status.ready_replicas or 0
        there = len(ecs.healthy(cloud, group))
        if min(ready, there) < wanted:
            return f"service {name} wants {wanted} pods: {ready} are ready, {there} are healthy"
    return None


def key(pod: Pod) -> str:
    """`namespace/name`."""
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _evict(cluster: Kubernetes, pod: Pod) -> str:
    """Ask for its end, unless it is ending; why it is still there."""
    name, namespace = pod.metadata.name, pod.metadata.namespace
    if is_ending(pod):
        return "ending"
    try:
        cluster.core.create_namespaced_pod_eviction(
            name, namespace, {"metadata": {"name": name, "namespace": namespace}}
        )
    except Exception as error:
        if is_answer(error, 404):
            return "gone"
        if is_answer(error, 429):
            return said(error)
        if is_answer(error):
            raise EnvironmentFault(f"pod {key(pod)} is not evicted: {said(error)}") from error
        raise
    return "evicted"


def is_ending(pod: Pod) -> bool:
    """Whether it has been told to end."""
    return pod.metadata.deletion_timestamp is not None


def _owner(pod: Pod) -> str | None:
    """The kind of its controller."""
    return next((str(each.kind) for each in pod.metadata.owner_references or () if each.controller), None)


def _deployment(cluster: Kubernetes, name: str) -> Any:
    try:
        return cluster.apps.read_namespaced_deployment(name, NAMESPACE)
    except Exception as error:
        if is_answer(error, 404):
            raise EmptyTargetError(f"cluster {cluster.cluster} runs no service {name}: {said(error)}") from error
        raise

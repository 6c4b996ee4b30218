"""The official client, which holds every answer against the models of all kinds, finds nothing missing."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from kubernetes import client, config, watch

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.tests.manifests import budget, container, deployment, service, sleeper
from infrastructure.embedded.kubernetes.tests.world import NODES, processes, until

pytestmark = pytest.mark.anyio
Result = TypeVar("Result")
SPACE = "default"


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Any]:
    with config.new_client_from_config(str(cluster.kubeconfig)) as made:
        yield made


async def ask(call: Callable[..., Result], *given: Any, **more: Any) -> Result:
    """A call of the client, which blocks, beside the cluster's event loop."""
    return await asyncio.to_thread(call, *given, **more)


def follow(api: Any, replicas: int) -> int:
    """Watch until so many are ready; how many events that took."""
    seen, watching = 0, watch.Watch()
    for event in watching.stream(client.AppsV1Api(api).list_namespaced_deployment, SPACE, timeout_seconds=20):
        seen += 1
        if (event["object"].status.ready_replicas or 0) == replicas:
            watching.stop()
    return seen


async def test_workloads_are_made_watched_scaled_and_deleted(api: Any, cluster: Cluster) -> None:
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    await ask(apps.create_namespaced_deployment, SPACE, deployment(replicas=2))
    assert await ask(follow, api, 2) > 1
    await ask(apps.patch_namespaced_deployment_scale, "web", SPACE, {"spec": {"replicas": 3}})
    await ask(follow, api, 3)
    assert len(processes(cluster)) == 3
    found = await ask(core.list_namespaced_pod, SPACE, label_selector="app=web")
    assert {each.status.phase for each in found.items} <= {"Pending", "Running"}
    name = found.items[0].metadata.name
    assert "hello from" in await ask(core.read_namespaced_pod_log, name, SPACE)
    made = await ask(apps.read_namespaced_deployment, "web", SPACE)
    made.spec.replicas = 1
    await ask(apps.replace_namespaced_deployment, "web", SPACE, made)
    await until(lambda: len(processes(cluster)) == 1)
    await ask(apps.delete_namespaced_deployment, "web", SPACE)
    await until(lambda: not processes(cluster))


async def test_a_drain_by_the_client_meets_the_budget(api: Any, cluster: Cluster) -> None:
    core, policy = client.CoreV1Api(api), client.PolicyV1Api(api)
    await ask(client.AppsV1Api(api).create_namespaced_deployment, SPACE, deployment(replicas=2))
    await ask(policy.create_namespaced_pod_disruption_budget, SPACE, budget(minAvailable=2))
    await ask(follow, api, 2)
    node = await ask(core.patch_node, NODES[0], {"spec": {"unschedulable": True}})
    assert node.spec.unschedulable is True
    on_it = await ask(core.list_namespaced_pod, SPACE, field_selector=f"spec.nodeName={NODES[0]}")
    name = on_it.items[0].metadata.name
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace=SPACE))
    with pytest.raises(client.ApiException) as refused:
        await ask(core.create_namespaced_pod_eviction, name, SPACE, eviction)
    assert refused.value.status == 429
    await ask(policy.delete_namespaced_pod_disruption_budget, "web", SPACE)
    await ask(core.create_namespaced_pod_eviction, name, SPACE, eviction)
    await until(lambda: {process.spec.az for process in processes(cluster)} == {"us-east-1b"})
    left = (await ask(core.list_namespaced_pod, SPACE)).items[0].metadata.name
    gone = await ask(core.delete_namespaced_pod, left, SPACE)
    assert gone.kind == "Pod"


async def test_every_kind_is_read_as_the_client_models_it(api: Any) -> None:
    core, apps, batch = client.CoreV1Api(api), client.AppsV1Api(api), client.BatchV1Api(api)
    rbac, scaling = client.RbacAuthorizationV1Api(api), client.AutoscalingV2Api(api)
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    metrics = [{"type": "Resource", "resource": cpu}]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [container()]}}
    once = {"spec": {"restartPolicy": "Never", "containers": [sleeper()]}}
    named = {"metadata": {"name": "x"}}
    await ask(apps.create_namespaced_deployment, SPACE, deployment())
    await ask(core.create_namespaced_service, SPACE, service())
    await ask(core.create_namespaced_config_map, SPACE, {**named, "data": {"a": "b"}})
    await ask(core.create_namespaced_secret, SPACE, {**named, "stringData": {"a": "b"}})
    spec = {"scaleTargetRef": target, "maxReplicas": 4, "metrics": metrics}
    await ask(scaling.create_namespaced_horizontal_pod_autoscaler, SPACE, {**named, "spec": spec})
    await ask(batch.create_namespaced_job, SPACE, {**named, "spec": {"template": once}})
    cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": once}}}
    await ask(batch.create_namespaced_cron_job, SPACE, {**named, "spec": cron})
    daemon = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
    await ask(apps.create_namespaced_daemon_set, SPACE, {**named, "spec": daemon})
    await ask(follow, api, 2)
    for read in (
        core.list_namespace,
        core.list_node,
        core.list_pod_for_all_namespaces,
        core.list_service_for_all_namespaces,
        core.list_config_map_for_all_namespaces,
        core.list_secret_for_all_namespaces,
        core.list_service_account_for_all_namespaces,
        core.list_event_for_all_namespaces,
        apps.list_replica_set_for_all_namespaces,
        apps.list_daemon_set_for_all_namespaces,
        batch.list_job_for_all_namespaces,
        batch.list_cron_job_for_all_namespaces,
        scaling.list_horizontal_pod_autoscaler_for_all_namespaces,
        client.DiscoveryV1Api(api).list_endpoint_slice_for_all_namespaces,
        client.CoordinationV1Api(api).list_lease_for_all_namespaces,
        rbac.list_cluster_role,
        rbac.list_cluster_role_binding,
    ):
        assert (await ask(read)).items, read.__name__
    nodes = await ask(client.CustomObjectsApi(api).list_cluster_custom_object, "metrics.k8s.io", "v1beta1", "nodes")
    assert {each["metadata"]["name"] for each in nodes["items"]} == set(NODES)

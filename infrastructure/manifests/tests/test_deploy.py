"""What is applied is there once `deploy` returns; and what keeps it from being there is said, with a log's end."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import anyio.to_thread
import pytest
import yaml
from kubernetes import client

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.tests.manifests import container, deployment
from infrastructure.embedded.kubernetes.tests.world import running
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import Kubernetes
from infrastructure.manifests import Manifest, check, deploy
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
VALUES = {"EksNamespace": "cafe"}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cafe"}}

AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "cafe"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 4,
    },
}


@pytest.fixture
async def cluster(state: StateFolder) -> AsyncIterator[Cluster]:
    async with running(state) as made:
        yield made


def reached(cluster: Cluster, by: type[client.ApiClient] = client.ApiClient, token: str = "") -> Kubernetes:
    """As its own administrator, or with this token."""
    configuration = client.Configuration(host=cluster.url, ca_cert_data=cluster.authority.decode())
    token = token or yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
    configuration.api_key["authorization"] = f"Bearer {token}"
    return cast("Kubernetes", SimpleNamespace(api=by(configuration)))


def manifests(*documents: Mapping[str, Any]) -> tuple[Manifest, ...]:
    return tuple(Manifest(file="menu/k8s/it.yaml", document=each) for each in (NAMESPACE, *documents))


def web(**more: Any) -> dict[str, Any]:
    made = deployment(containers=[container(**more)])
    return {
        **made,
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**made["metadata"], "namespace": "cafe"},
    }


def available(cluster: Cluster) -> int:
    """Of as many pods as are wanted."""
    [made] = cluster.registry.store.all(kinds.DEPLOYMENT.id, "cafe")
    assert objects.status(made)["availableReplicas"] == objects.spec(made)["replicas"]
    return int(objects.spec(made)["replicas"])


def owners(of: objects.Object, field: str) -> list[str]:
    """Who applied it."""
    entries = [each for each in objects.meta(of)["managedFields"] if each["operation"] == "Apply"]
    return [each["manager"] for each in entries if f"f:{field}" in each["fieldsV1"].get("f:spec", {})]


async def deployed(cluster: Cluster, *documents: Mapping[str, Any], within_s: float = 20.0) -> list[str]:
    """What is said of it."""
    said: list[str] = []
    call = partial(deploy, reached(cluster), manifests(*documents), VALUES, within_s, said.append)
    await anyio.to_thread.run_sync(call)
    return said


async def test_a_deployment_is_rolled_out_when_it_is_said_to_be(cluster: Cluster) -> None:
    [said] = await deployed(cluster, web())
    assert said.startswith("manifests: 2 objects applied")
    [made] = cluster.registry.store.all(kinds.DEPLOYMENT.id, "cafe")
    assert objects.status(made)["availableReplicas"] == objects.spec(made)["replicas"]
    assert [each["manager"] for each in objects.meta(made)["managedFields"] if each["operation"] == "Apply"] == ["cafe"]


async def test_the_same_again_changes_nothing(cluster: Cluster) -> None:
    await deployed(cluster, web())
    [before] = cluster.registry.store.all(kinds.DEPLOYMENT.id, "cafe")
    await deployed(cluster, web())
    [after] = cluster.registry.store.all(kinds.DEPLOYMENT.id, "cafe")
    assert objects.meta(before)["generation"] == objects.meta(after)["generation"]


async def test_the_number_of_pods_is_the_autoscalers(cluster: Cluster) -> None:
    """It begins with the least one, whenever that looks; an apply leaves alone what became of it."""
    wanted = web(resources={})  # whose use of CPU is no reason to scale
    del wanted["spec"]["replicas"]
    await deployed(cluster, wanted, AUTOSCALER)
    assert available(cluster) == 2
    [made] = cluster.registry.store.all(kinds.DEPLOYMENT.id, "cafe")
    assert owners(made, "replicas") == ["cafe-handover"]
    cluster.registry.change(kinds.DEPLOYMENT, ("cafe", "web"), lambda of: of["spec"].update(replicas=3))
    await deployed(cluster, wanted, AUTOSCALER)
    assert available(cluster) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image": "nobody/knows:1"}, r"Deployment web .* pod web-\w+-\w+: ImagePullBackOff: .*nobody/knows"),
        (
            {"command": ["/bin/sh", "-c", "echo no table; exit 3"]},
            r"CrashLoopBackOff, it ended with 3(.|\n)*\| no table",
        ),
        ({"resources": {"requests": {"cpu": "64"}}}, r"within 2 s: .*Unschedulable: 0/2 nodes are available"),
    ],
    ids=["image", "crash", "no-room"],
)
async def test_what_holds_a_rollout_up_is_said(cluster: Cluster, change: dict[str, Any], told: str) -> None:
    with pytest.raises(EnvironmentFault, match=told):
        await deployed(cluster, web(**change), within_s=2.0 if "resources" in change else 20.0)


async def test_a_refusal_names_the_file_the_object_and_the_field(cluster: Cluster) -> None:
    with pytest.raises(EnvironmentFault, match=r"Deployment web \(menu/k8s/it.yaml\) is refused.*spec.replicaz"):
        await deployed(cluster, {**web(), "spec": {**web()["spec"], "replicaz": 3}})


async def test_a_check_says_what_would_be_refused_and_changes_nothing(cluster: Cluster) -> None:
    cluster.registry.create(kinds.NAMESPACE, {"metadata": {"name": "cafe"}})
    bad = {**web(), "spec": {**web()["spec"], "replicaz": 3}}
    call = partial(check, reached(cluster), manifests(bad))
    [problem] = await anyio.to_thread.run_sync(call)
    assert "spec.replicaz" in problem
    assert cluster.registry.store.all(kinds.DEPLOYMENT.id) == []


async def test_a_watch_may_be_silent_for_longer_than_an_answer(cluster: Cluster) -> None:
    """It has a time-out of its own, to read by: for as long as the rollout may take."""
    watches: list[Any] = []

    class Noting(client.ApiClient):  # type: ignore[misc]  # the client publishes no types
        def call_api(self, method: str, url: str, *given: Any, _request_timeout: Any = None, **more: Any) -> Any:
            if "watch=true" in url.lower():
                watches.append(_request_timeout)
            return super().call_api(method, url, *given, _request_timeout=_request_timeout, **more)

    call = partial(deploy, reached(cluster, Noting), manifests(web()), VALUES, 20.0, lambda _line: None)
    await anyio.to_thread.run_sync(call)
    assert len(watches) == 2
    assert all(read_s > 20.0 for _, read_s in watches)


async def test_who_is_not_known_is_told_the_next_step(cluster: Cluster) -> None:
    """The environment's fault, from the first question on."""
    stranger = reached(cluster, token="nobody's")
    for call in (partial(deploy, stranger, manifests(), VALUES, 20.0, print), partial(check, stranger, manifests())):
        with pytest.raises(EnvironmentFault, match="aws eks create-access-entry"):
            await anyio.to_thread.run_sync(call)

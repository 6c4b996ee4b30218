"""A real kubectl cannot tell the cluster from a small real one; what it does has its effect on processes."""

import asyncio
import json
from typing import Any

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import (
    budget,
    container,
    deployment,
    listed,
    pod,
    service,
    sleeper,
)
from infrastructure.embedded.kubernetes.tests.world import COMMAND, NODES, processes, until

pytestmark = pytest.mark.anyio


async def rolled_out(kube: Kubectl, name: str = "web") -> None:
    await kube("rollout", "status", f"deployment/{name}", "--timeout=20s")


async def applied(kube: Kubectl, *items: dict[str, Any]) -> None:
    await kube("apply", "-f", "-", given=listed(*items))
    for each in items:
        if each["kind"] == "Deployment":
            await rolled_out(kube, each["metadata"]["name"])


async def test_get_shows_tables_and_documents(kube: Kubectl, cluster: Cluster) -> None:
    await applied(kube, deployment(), service())
    table = (await kube("get", "deployments")).splitlines()
    assert table[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table[1].split()[:4] == ["web", "2/2", "2", "2"]
    wide = await kube("get", "pods", "-o", "wide", "--sort-by=.metadata.name")
    assert all(node in wide for node in NODES), "spread over the zones"
    assert await kube("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"
    assert "kind: Service" in await kube("get", "svc", "web", "-o", "yaml")
    everything = await kube("get", "all")
    assert "deployment.apps/web" in everything
    assert "replicaset.apps/web-" in everything
    slices = await kube("get", "endpointslices")
    assert "8080" in slices
    assert len(processes(cluster)) == 2


async def test_applying_twice_changes_nothing_and_a_change_is_seen(kube: Kubectl) -> None:
    first = deployment()
    assert "created" in await kube("apply", "-f", "-", given=listed(first))
    assert "unchanged" in await kube("apply", "-f", "-", given=listed(first))
    assert (await kube.say("diff", "-f", "-", given=listed(first))).code == 0
    second = deployment(containers=[container(env=[{"name": "GREETING", "value": "good day"}])])
    differs = await kube.say("diff", "-f", "-", given=listed(second))
    assert differs.code == 1
    assert "good day" in differs.out
    assert "configured" in await kube("apply", "-f", "-", given=listed(second))
    await rolled_out(kube)
    assert "greeting good day" in await kube("logs", "deployment/web")


async def test_what_was_read_as_a_list_can_be_applied_again(kube: Kubectl) -> None:
    await applied(kube, deployment(), service())
    listed_again = await kube("get", "deployments,services", "-o", "yaml")
    assert "kind: List" in listed_again
    assert "deployment.apps/web" in await kube("apply", "-f", "-", given=listed_again)
    wrong = listed_again.replace("replicas: 2", "replicaz: 2")
    assert 'unknown field "replicaz"' in await kube("apply", "-f", "-", given=wrong, fails=True)


async def test_server_side_apply_takes_away_what_is_not_applied_any_more(kube: Kubectl) -> None:
    first = deployment(containers=[container(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])])
    assert "serverside-applied" in await kube("apply", "--server-side", "-f", "-", given=listed(first))
    second = deployment(containers=[container(env=[{"name": "B", "value": "3"}])])
    await kube("apply", "--server-side", "-f", "-", given=listed(second))
    env = json.loads(await kube("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].env}"))
    assert env == [{"name": "B", "value": "3"}]
    other = ["apply", "--server-side", "--field-manager=other", "-f", "-"]
    told = await kube(*other, given=listed(first), fails=True)
    assert 'conflict with "kubectl"' in told
    assert "serverside-applied" in await kube(*other, "--force-conflicts", given=listed(first))


async def test_scale_starts_and_ends_processes(kube: Kubectl, cluster: Cluster) -> None:
    await applied(kube, deployment(replicas=1))
    assert len(processes(cluster)) == 1
    await kube("scale", "deployment/web", "--replicas=4")
    await rolled_out(kube)
    assert len(processes(cluster)) == 4
    await kube("scale", "deployment/web", "--replicas=0")
    await until(lambda: not processes(cluster))


async def test_a_rollout_has_a_history_and_an_undo(kube: Kubectl, cluster: Cluster) -> None:
    await applied(kube, deployment())
    first = {process.pid for process in processes(cluster)}
    await kube("set", "env", "deployment/web", "GREETING=moin")
    await rolled_out(kube)
    await until(lambda: len(processes(cluster)) == 2)
    assert not first & {process.pid for process in processes(cluster)}
    await kube("set", "image", "deployment/web", f"web={COMMAND}:2")
    await rolled_out(kube)
    history = await kube("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2", "3"]
    await kube("rollout", "undo", "deployment/web", "--to-revision=1")
    await rolled_out(kube)
    history = await kube("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3", "4"]
    assert await kube("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].env}") == ""
    before = {process.pid for process in processes(cluster)}
    await kube("rollout", "restart", "deployment/web")
    await rolled_out(kube)
    await until(lambda: len(processes(cluster)) == 2)
    assert not before & {process.pid for process in processes(cluster)}


async def test_a_paused_rollout_waits(kube: Kubectl) -> None:
    await applied(kube, deployment())
    await kube("rollout", "pause", "deployment/web")
    await kube("set", "image", "deployment/web", f"web={COMMAND}:2")
    sets = json.loads(await kube("get", "rs", "-o", "json"))
    assert len(sets["items"]) == 1
    await kube("rollout", "resume", "deployment/web")
    await rolled_out(kube)
    images = await kube("get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].image}")
    assert f"{COMMAND}:2" in images


async def test_logs_are_followed_to_their_end(kube: Kubectl) -> None:
    talk = "for i in 1 2 3; do echo line $i; sleep 0.2; done"
    await applied(kube, pod(containers=[sleeper() | {"command": ["sh", "-c", talk]}], restartPolicy="Never"))
    await kube("wait", "--for=jsonpath={.status.phase}=Running", "pod/one", "--timeout=10s")
    following = await kube.begin("logs", "-f", "one")
    async with asyncio.timeout(10):
        out, _ = await following.communicate()
    assert out.decode().splitlines() == ["line 1", "line 2", "line 3"]
    assert await kube("logs", "one", "--tail=1") == "line 3\n"
    assert "Completed" in await kube("get", "pod", "one")


async def test_a_drain_keeps_the_budget_and_moves_the_pods(kube: Kubectl, cluster: Cluster) -> None:
    await applied(kube, deployment(replicas=4), budget(minAvailable=3))
    node = NODES[0]
    told = await kube("drain", node, "--ignore-daemonsets", "--timeout=25s")
    assert f"node/{node} drained" in told
    assert "SchedulingDisabled" in await kube("get", "node", node)
    await rolled_out(kube)
    assert {process.spec.az for process in processes(cluster)} == {"us-east-1b"}
    await kube("uncordon", node)
    assert "SchedulingDisabled" not in await kube("get", "node", node)


async def test_an_eviction_that_a_budget_forbids_is_refused_in_its_words(kube: Kubectl) -> None:
    await applied(kube, deployment(replicas=2), budget(minAvailable=2))
    told = await kube("drain", NODES[0], "--ignore-daemonsets", "--timeout=1s", fails=True)
    assert "Cannot evict pod as it would violate the pod's disruption budget." in told


async def test_delete_waits_until_the_process_has_ended(kube: Kubectl, cluster: Cluster) -> None:
    await applied(kube, pod())
    await kube("wait", "--for=condition=Ready", "pod/one", "--timeout=10s")
    assert len(processes(cluster)) == 1
    assert 'pod "one" deleted' in await kube("delete", "pod", "one")
    assert not processes(cluster)
    assert "NotFound" in await kube("get", "pod", "one", fails=True)


async def test_deleting_a_deployment_deletes_all_below_it(kube: Kubectl, cluster: Cluster) -> None:
    await applied(kube, deployment())
    await kube("delete", "deployment", "web", "--cascade=foreground")
    assert await kube("get", "rs,pods", "-o", "name") == ""
    assert not processes(cluster)


async def test_an_orphan_lives_on(kube: Kubectl, cluster: Cluster) -> None:
    await applied(kube, deployment())
    await kube("delete", "deployment", "web", "--cascade=orphan")
    assert len(processes(cluster)) == 2
    owners = await kube("get", "rs", "-o", "jsonpath={.items[*].metadata.ownerReferences}")
    assert owners in ("", "[]")


async def test_a_namespace_takes_everything_with_it(kube: Kubectl, cluster: Cluster) -> None:
    await kube("create", "namespace", "shop")
    await kube("-n", "shop", "create", "configmap", "prices", "--from-literal=espresso=2.50")
    await kube("-n", "shop", "create", "deployment", "idle", f"--image={COMMAND}", "--", "sleep", "1000")
    await kube("-n", "shop", "rollout", "status", "deployment/idle", "--timeout=20s")
    assert len(processes(cluster)) == 1
    await kube("delete", "namespace", "shop")
    await until(lambda: not processes(cluster))
    told = await kube("-n", "shop", "create", "configmap", "prices", "--from-literal=a=b", fails=True)
    assert 'namespaces "shop" not found' in told


async def test_top_shows_what_pods_and_nodes_use(kube: Kubectl) -> None:
    burn = {"command": ["sh", "-c", "while :; do :; done"]}
    await applied(kube, pod(containers=[sleeper() | burn]))
    await kube("wait", "--for=condition=Ready", "pod/one", "--timeout=10s")

    async def cpu() -> int:
        said = await kube.say("top", "pod", "one", "--no-headers")
        return int(said.out.split()[1].rstrip("m")) if said.code == 0 and said.out else 0

    async with asyncio.timeout(15):
        while await cpu() < 100:
            pass
    assert len((await kube("top", "nodes")).splitlines()) == 3


async def test_describe_tells_the_story(kube: Kubectl) -> None:
    await applied(kube, deployment(), budget(maxUnavailable=1))
    name = await kube("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}")
    told = await kube("describe", "pod", name)
    for words in ("Controlled By:  ReplicaSet/web-", "Successfully assigned", "Started container web", "QoS Class:"):
        assert words in told
    told = await kube("describe", "deployment", "web")
    for words in ("NewReplicaSetAvailable", "Scaled up replica set", "2 desired | 2 updated | 2 total | 2 available"):
        assert words in told
    assert "Allocated resources" in await kube("describe", "node", NODES[0])
    assert "Allowed disruptions:  1" in await kube("describe", "pdb", "web")


async def test_labels_taints_and_patches(kube: Kubectl) -> None:
    await kube("label", "node", NODES[0], "disk=fast")
    assert await kube("get", "nodes", "-l", "disk=fast", "-o", "name") == f"node/{NODES[0]}\n"
    await kube("taint", "nodes", NODES[0], "only=batch:NoSchedule")
    await applied(kube, deployment(replicas=3))
    nodes = await kube("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert set(nodes.split()) == {NODES[1]}
    await kube("taint", "nodes", NODES[0], "only=batch:NoSchedule-")
    for kind, patch in (
        ("merge", '{"spec":{"replicas":1}}'),
        ("json", '[{"op":"replace","path":"/spec/replicas","value":2}]'),
        (
            "strategic",
            '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"X","value":"1"}]}]}}}}',
        ),
    ):
        await kube("patch", "deployment", "web", f"--type={kind}", "-p", patch)
    assert await kube("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"
    image = await kube("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
    assert image == f"{COMMAND}:1", "a strategic merge keeps the container's other members"


async def test_what_kubectl_writes_in_protobuf_is_read(kube: Kubectl, cluster: Cluster) -> None:
    await kube("create", "deployment", "idle", f"--image={COMMAND}", "--replicas=2", "--", "sleep", "1000")
    await rolled_out(kube, "idle")
    assert len(processes(cluster)) == 2
    await kube("autoscale", "deployment", "idle", "--min=2", "--max=5", "--cpu=50%")
    assert "Deployment/idle" in await kube("get", "hpa")
    await kube("create", "serviceaccount", "robot")
    await kube("create", "secret", "generic", "key", "--from-literal=token=abc")
    assert await kube("get", "secret", "key", "-o", "jsonpath={.data.token}") == "YWJj"
    await kube("create", "poddisruptionbudget", "idle", "--selector=app=idle", "--min-available=1")
    assert await kube("get", "pdb", "idle", "-o", "jsonpath={.spec.minAvailable}") == "1"
    await kube("create", "job", "once", f"--image={COMMAND}", "--", "echo", "done")
    await kube("wait", "--for=condition=complete", "job/once", "--timeout=10s")
    assert await kube("logs", "job/once") == "done\n"
    assert await kube("auth", "can-i", "delete", "pods") == "yes\n"


async def test_who_is_bound_to_a_role_may_do_what_it_says(kube: Kubectl) -> None:
    await kube("create", "role", "reader", "--verb=get,list", "--resource=pods")
    await kube("create", "rolebinding", "readers", "--role=reader", "--group=people")
    assert "reader" in await kube("get", "rolebindings")
    assert "Role/reader" in await kube("get", "rolebindings")


async def test_watching_shows_changes_as_they_happen(kube: Kubectl) -> None:
    await applied(kube, pod("there"))
    watching = await kube.begin("get", "pods", "-w", "--no-headers")
    assert watching.stdout is not None
    try:
        async with asyncio.timeout(10):
            await watching.stdout.readline()  # what there is: from there on it watches
        await applied(kube, pod(containers=[sleeper() | {"command": ["true"]}], restartPolicy="Never"))
        seen: list[str] = []
        async with asyncio.timeout(10):
            while not seen or seen[-1] != "Completed":
                name, _, status, *_ = (await watching.stdout.readline()).decode().split()
                seen += [status] if name == "one" else []
    finally:
        watching.kill()
        await watching.wait()
    assert seen[0] == "Pending"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"spec": {"replicaz": 2}}, 'unknown field "spec.replicaz"'),
        ({"spec": {"replicas": "two"}}, "cannot unmarshal string into Go struct field"),
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "`selector` does not match template `labels`"),
        ({"metadata": {"name": "Web"}}, "a lowercase RFC 1123 subdomain must consist of"),
    ],
    ids=["unknown", "type", "selector", "name"],
)
async def test_a_manifest_that_is_wrong_is_refused_with_the_field(kube: Kubectl, change: Any, told: str) -> None:
    made = deployment()
    for part, members in change.items():
        made[part] = {**made[part], **members}
    assert told in await kube(
        "apply",
        "--validate=ignore" if "unknown" not in told else "--validate=strict",
        "-f",
        "-",
        given=listed(made),
        fails=True,
    )


async def test_an_image_that_does_not_exist_is_said_so(kube: Kubectl) -> None:
    await kube("run", "lost", "--image=example.com/nothing:1")
    await kube(
        "wait", "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff", "pod/lost"
    )
    told = await kube("describe", "pod", "lost")
    assert 'failed to pull image "example.com/nothing:1"' in told
    assert "is waiting to start" in await kube("logs", "lost", fails=True) or "image" in await kube(
        "logs", "lost", fails=True
    )

"""A command in a container: beside its process, as its user; what it writes and how it ends comes back."""

import asyncio
import json
import os

import pytest
from kubernetes import client, config
from kubernetes.stream import stream

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.kubelet.execution import KIND
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import listed, pod, sleeper
from infrastructure.embedded.kubernetes.tests.world import processes, until

pytestmark = pytest.mark.anyio
GREETING = [{"name": "GREETING", "value": "good day"}]


@pytest.fixture
async def one(kube: Kubectl, cluster: Cluster) -> Kubectl:
    """A pod called `one` that runs."""
    await kube("apply", "-f", "-", given=listed(pod(containers=[sleeper(env=GREETING)])))
    await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")
    assert len(processes(cluster)) == 1
    return kube


def commands(cluster: Cluster) -> list[str]:
    return [each.spec.id for each in cluster.supervisor.processes.values() if each.spec.kind == KIND]


async def test_a_command_has_the_containers_environment_and_user(one: Kubectl, cluster: Cluster) -> None:
    assert await one("exec", "one", "--", "sh", "-c", "echo $GREETING from $HOSTNAME") == "good day from one\n"
    [beside] = processes(cluster)
    user = os.stat(f"/proc/{beside.pid}").st_uid  # noqa: PTH116 - of a process, not a file
    assert await one("exec", "one", "--", "id", "-u") == f"{user}\n"
    await until(lambda: not commands(cluster))


async def test_a_commands_two_outputs_and_its_end_are_told_apart(one: Kubectl) -> None:
    said = await one.say("exec", "one", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (said.out, said.code) == ("out\n", 3)
    assert said.err == "err\ncommand terminated with exit code 3\n"


async def test_a_command_reads_what_the_client_sends_until_its_end(one: Kubectl) -> None:
    many = "a line of some length\n" * 20_000
    assert (await one.say("exec", "-i", "one", "--", "wc", "-c", given=many)).out.strip() == str(len(many))


async def by_client(cluster: Cluster, *command: str, **more: bool) -> tuple[str, int]:
    """What a command writes, and its end, for the official client, which leaves its socket open."""
    given = {"stdin": False, "stdout": True, "stderr": True, "tty": False} | more

    def run() -> tuple[str, int]:
        with config.new_client_from_config(str(cluster.kubeconfig)) as api:
            call = client.CoreV1Api(api).connect_get_namespaced_pod_exec
            talk = stream(call, "one", "default", command=list(command), **given, _preload_content=False)
            talk.run_forever(timeout=10)
            talk.sock.shutdown()
            return talk.read_stdout(), talk.returncode

    return await asyncio.to_thread(run)


async def test_a_command_may_have_a_terminal(cluster: Cluster, one: Kubectl) -> None:
    """kubectl asks for one only where it has one; the official client whenever it is told."""
    del one
    out, code = await by_client(
        cluster, "sh", "-c", "tty && test -t 1 && stty size", stdin=True, stderr=False, tty=True
    )
    assert out.startswith("/dev/")
    assert code == 0


async def test_the_official_client_runs_commands(cluster: Cluster, one: Kubectl) -> None:
    del one
    assert await by_client(cluster, "echo", "hello") == ("hello\n", 0)


async def test_a_command_does_not_outlive_its_container(one: Kubectl, cluster: Cluster) -> None:
    begun = await one.begin("exec", "one", "--", "sleep", "1000")
    await until(lambda: commands(cluster))
    await one("delete", "pod", "one", "--grace-period=0", "--force")
    await asyncio.wait_for(begun.communicate(), 10)
    assert begun.returncode != 0
    assert not commands(cluster)


async def test_a_command_ends_with_its_client(one: Kubectl, cluster: Cluster) -> None:
    begun = await one.begin("exec", "one", "--", "sleep", "1000")
    await until(lambda: commands(cluster))
    begun.kill()
    await begun.communicate()
    await until(lambda: not commands(cluster))


async def test_what_a_container_writes_can_be_followed_from_now_on(kube: Kubectl, cluster: Cluster) -> None:
    script = "echo before; while ! test -e $FILE; do sleep 0.05; done; echo after; sleep 0.3"
    file = f"/tmp/{os.getpid()}-attach"
    made = sleeper(env=[{"name": "FILE", "value": file}]) | {"command": ["sh", "-c", script]}
    await kube("apply", "-f", "-", given=listed(pod(containers=[made], restartPolicy="Never")))
    await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")
    begun = await kube.begin("attach", "one")
    assert begun.stderr is not None
    await kube("exec", "one", "--", "touch", file)
    out, _ = await asyncio.wait_for(begun.communicate(), 20)
    await asyncio.to_thread(os.unlink, file)
    assert b"before" not in out
    del cluster


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("exec", "one", "--", "no-such-program"), "needs the program 'no-such-program'"),
        (("exec", "one", "-c", "other", "--", "true"), "container other is not valid for pod one"),
        (("exec", "none", "--", "true"), 'pods "none" not found'),
        (("attach", "-i", "one"), "reads no stdin"),
    ],
    ids=["program", "container", "pod", "stdin"],
)
async def test_what_cannot_be_is_refused_in_words(one: Kubectl, words: tuple[str, ...], told: str) -> None:
    assert told in await one(*words, fails=True)


async def test_who_may_not_create_pods_exec_runs_nothing(one: Kubectl) -> None:
    rules = await one("auth", "can-i", "create", "pods/exec")
    assert rules.strip() == "yes"
    found = json.loads(await one("get", "--raw", "/api/v1"))
    assert {"pods/exec", "pods/attach", "pods/portforward"} <= {each["name"] for each in found["resources"]}

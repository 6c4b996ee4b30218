"""What happens to objects happens to processes, and the other way round."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.network.endpoints import slices_of
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.registry import Deletion
from infrastructure.embedded.kubernetes.tests.manifests import budget, container, deployment, pod, service, sleeper
from infrastructure.embedded.kubernetes.tests.world import NODES, create, machine, pods, processes, running, until
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
ONE = ("default", "one")


def shell(script: str, **more: Any) -> dict[str, Any]:
    return sleeper() | {"command": ["sh", "-c", script]} | more


def found(cluster: Cluster, name: str = "one", kind: kinds.Kind = kinds.POD) -> Object:
    return cluster.registry.get(kind, ("default", name))


def phase(cluster: Cluster, name: str = "one") -> str:
    return str(objects.status(found(cluster, name)).get("phase"))


def state_of(cluster: Cluster, name: str = "one") -> Any:
    statuses = objects.status(found(cluster, name)).get("containerStatuses")
    return statuses[0] if statuses else {"state": {}, "restartCount": 0, "ready": False}


def reason(cluster: Cluster, name: str = "one") -> str:
    return str((state_of(cluster, name)["state"].get("waiting") or {}).get("reason", ""))


def ready(cluster: Cluster) -> int:
    return sum(objects.is_true(each, "Ready") and not objects.is_deleting(each) for each in pods(cluster))


def events(cluster: Cluster, about: str) -> list[str]:
    every = cluster.registry.store.all(kinds.EVENT.id)
    return [each["reason"] for each in every if each["involvedObject"]["name"] == about]


async def test_a_killed_process_comes_back_in_its_pod(cluster: Cluster) -> None:
    create(cluster, pod())
    await until(lambda: ready(cluster) == 1)
    [first] = processes(cluster)
    os.kill(first.pid, signal.SIGKILL)
    await until(lambda: state_of(cluster)["restartCount"] == 1 and ready(cluster) == 1)
    [second] = processes(cluster)
    assert second.pid != first.pid
    assert state_of(cluster)["lastState"]["terminated"]["exitCode"] == 128 + signal.SIGKILL


async def test_a_deleted_pod_of_a_deployment_is_made_anew(cluster: Cluster) -> None:
    create(cluster, deployment(replicas=2))
    await until(lambda: ready(cluster) == 2)
    gone = pods(cluster)[0]
    cluster.registry.delete(kinds.POD, objects.key(gone))
    await until(lambda: ready(cluster) == 2 and objects.uid(gone) not in map(objects.uid, pods(cluster)))
    assert len(processes(cluster)) == 2


async def test_who_crashes_at_start_waits_ever_longer(cluster: Cluster) -> None:
    create(cluster, pod(containers=[shell("echo broken; exit 3")]))
    await until(lambda: reason(cluster) == "CrashLoopBackOff" and state_of(cluster)["restartCount"] >= 2)
    assert state_of(cluster)["lastState"]["terminated"]["exitCode"] == 3
    assert "BackOff" in events(cluster, "one")


async def test_who_fails_may_say_why_with_the_end_of_its_log(cluster: Cluster) -> None:
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    create(cluster, pod(containers=[shell("echo the table is missing; exit 78", **policy)], restartPolicy="Never"))
    await until(lambda: phase(cluster) == "Failed")
    ended = state_of(cluster)["state"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (78, "the table is missing")


@pytest.mark.parametrize(
    ("policy", "code", "ends"),
    [("Never", 0, "Succeeded"), ("Never", 1, "Failed"), ("OnFailure", 0, "Succeeded")],
)
async def test_a_pod_ends_as_its_policy_has_it(cluster: Cluster, policy: str, code: int, ends: str) -> None:
    create(cluster, pod(containers=[shell(f"exit {code}")], restartPolicy=policy))
    await until(lambda: phase(cluster) == ends)
    assert not processes(cluster)


async def test_init_containers_run_one_after_the_other_and_first(cluster: Cluster, open_folder: Path) -> None:
    log = open_folder / "log"
    log.touch()
    log.chmod(0o666)
    inits = [shell(f"sleep 0.1; echo {name} >> {log}", name=name) for name in ("first", "second")]
    create(cluster, pod(containers=[shell(f"echo main >> {log}; sleep 1000")], initContainers=inits))
    await until(lambda: phase(cluster) == "Running")
    await until(lambda: log.read_text().split() == ["first", "second", "main"])


async def test_an_init_container_that_fails_keeps_the_pod_from_starting(cluster: Cluster) -> None:
    create(cluster, pod(initContainers=[shell("exit 1", name="init")], restartPolicy="Never"))
    await until(lambda: phase(cluster) == "Failed")
    assert "Started" in events(cluster, "one")
    assert not processes(cluster)


async def test_a_pod_is_ready_when_its_probe_says_so(cluster: Cluster, open_folder: Path) -> None:
    file = open_folder / "ready"
    probe = {"exec": {"command": ["test", "-e", str(file)]}, "periodSeconds": 5, "failureThreshold": 1}
    create(cluster, pod(containers=[sleeper(readinessProbe=probe)]))
    await until(lambda: "Unhealthy" in events(cluster, "one"))
    assert (phase(cluster), ready(cluster)) == ("Running", 0)
    file.touch()
    await until(lambda: ready(cluster) == 1)
    file.unlink()
    await until(lambda: ready(cluster) == 0)


async def test_a_probe_is_asked_as_its_containers_user(cluster: Cluster, open_folder: Path) -> None:
    """So it may read what the container wrote for itself alone."""
    file = open_folder / "user"
    probe = {"exec": {"command": ["sh", "-c", f"id -u > {file}"]}, "periodSeconds": 5}
    create(cluster, pod(containers=[sleeper(readinessProbe=probe)]))
    await until(lambda: ready(cluster) == 1)
    [beside] = processes(cluster)
    assert int(file.read_text()) == os.stat(f"/proc/{beside.pid}").st_uid  # noqa: PTH116 - of a process, not a file


async def test_a_container_that_lives_no_more_is_restarted(cluster: Cluster) -> None:
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 5, "failureThreshold": 2}
    create(cluster, pod(containers=[sleeper(livenessProbe=probe)]))
    await until(lambda: state_of(cluster)["restartCount"] >= 1)
    assert {"Unhealthy", "Killing"} <= set(events(cluster, "one"))


async def test_nothing_else_is_asked_before_the_start_is_over(cluster: Cluster) -> None:
    probes = {
        "startupProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1, "failureThreshold": 100},
        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5, "failureThreshold": 1},
    }
    late = [sys.executable, "-c", "import time; time.sleep(0.5)\n" + container()["command"][2]]
    create(cluster, pod(containers=[container(**probes, command=late)]))
    await until(lambda: ready(cluster) == 1)
    assert state_of(cluster)["restartCount"] == 0
    assert state_of(cluster)["started"] is True


async def test_a_hook_runs_before_the_end_and_is_part_of_the_grace(cluster: Cluster, open_folder: Path) -> None:
    file = open_folder / "drained"
    hook = {"preStop": {"exec": {"command": ["touch", str(file)]}}}
    create(cluster, pod(containers=[sleeper(lifecycle=hook)]))
    await until(lambda: ready(cluster) == 1)
    cluster.registry.delete(kinds.POD, ONE)
    await until(lambda: not pods(cluster))
    assert file.exists()
    assert not processes(cluster)


async def test_who_does_not_listen_is_killed_when_the_grace_is_over(cluster: Cluster) -> None:
    create(
        cluster, pod(containers=[shell("trap '' TERM; while :; do sleep 0.1; done")], terminationGracePeriodSeconds=1)
    )
    await until(lambda: ready(cluster) == 1)
    cluster.registry.delete(kinds.POD, ONE)
    assert objects.is_deleting(found(cluster))
    await until(lambda: not pods(cluster) and not processes(cluster))


async def test_a_forced_deletion_does_not_wait(cluster: Cluster) -> None:
    create(cluster, pod(containers=[shell("trap '' TERM; while :; do sleep 0.1; done")]))
    await until(lambda: ready(cluster) == 1)
    cluster.registry.delete(kinds.POD, ONE, Deletion(grace_s=0))
    assert not pods(cluster)
    await until(lambda: not processes(cluster))


async def test_the_environment_comes_from_maps_secrets_and_the_pod(cluster: Cluster) -> None:
    create(
        cluster,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": "default"},
            "data": {"A": "1"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", "namespace": "default"},
            "stringData": {"B": "2"},
        },
    )
    env = [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "B"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "JOINED", "value": "$(NAME)-$(SECRET)-$$(A)"},
    ]
    main = shell(
        "echo $A $NAME $IP $SECRET $CPU $JOINED; sleep 1000", env=env, envFrom=[{"configMapRef": {"name": "c"}}]
    )
    create(cluster, pod(containers=[{**main, "resources": {"limits": {"cpu": "1500m"}}}]))
    await until(lambda: ready(cluster) == 1)
    [process] = processes(cluster)
    await until(lambda: cluster.supervisor.tail(process.spec.id))
    [line] = cluster.supervisor.tail(process.spec.id)
    assert line == f"1 one {objects.status(found(cluster))['podIP']} 2 2 one-2-$(A)"


async def test_a_map_that_is_missing_keeps_the_container_from_starting(cluster: Cluster) -> None:
    create(cluster, pod(containers=[sleeper(envFrom=[{"configMapRef": {"name": "late"}}])]))
    await until(lambda: reason(cluster) == "CreateContainerConfigError")
    assert 'configmap "late" not found' in state_of(cluster)["state"]["waiting"]["message"]
    create(cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "namespace": "default"}})
    await until(lambda: ready(cluster) == 1)


async def test_a_pod_that_fits_nowhere_waits_and_says_why(cluster: Cluster) -> None:
    create(cluster, pod(containers=[sleeper(resources={"requests": {"cpu": "64"}})]))
    await until(lambda: "FailedScheduling" in events(cluster, "one"))
    told = objects.condition(found(cluster), "PodScheduled")
    assert told is not None
    assert told["message"] == "0/2 nodes are available: 2 Insufficient cpu."


async def test_cordoned_nodes_take_nothing_and_those_let_in_again_do(cluster: Cluster) -> None:
    def cordon(name: str, *, on: bool) -> None:
        cluster.registry.change(kinds.NODE, ("", name), lambda made: made["spec"].update(unschedulable=on))

    for name in NODES:
        cordon(name, on=True)
    create(cluster, pod())
    await until(lambda: "FailedScheduling" in events(cluster, "one"))
    cordon(NODES[1], on=False)
    await until(lambda: ready(cluster) == 1)
    assert objects.spec(found(cluster))["nodeName"] == NODES[1]


@pytest.mark.parametrize(
    "constraint",
    [
        {
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"app": "web"}},
                }
            ]
        },
        {},
    ],
    ids=["asked", "by-itself"],
)
async def test_pods_of_one_kind_are_spread_over_zones(cluster: Cluster, constraint: Any) -> None:
    made = deployment(replicas=6)
    made["spec"]["template"]["spec"] |= constraint
    create(cluster, made)
    await until(lambda: ready(cluster) == 6)
    nodes = [objects.spec(each)["nodeName"] for each in pods(cluster)]
    assert sorted(nodes.count(each) for each in NODES) == [3, 3]


async def test_anti_affinity_keeps_pods_apart(cluster: Cluster) -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    made = deployment(replicas=3)
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    made["spec"]["template"]["spec"]["affinity"] = affinity
    create(cluster, made)
    await until(lambda: ready(cluster) == 2)
    [waiting] = [each for each in pods(cluster) if not objects.spec(each).get("nodeName")]
    told = objects.condition(waiting, "PodScheduled")
    assert told is not None
    assert "didn't match pod affinity/anti-affinity rules" in told["message"]


async def test_pods_of_a_dead_node_are_made_anew_elsewhere(cluster: Cluster) -> None:
    create(cluster, deployment(replicas=4))
    await until(lambda: ready(cluster) == 4)
    cluster.fail(NODES[0])
    await until(lambda: len(processes(cluster)) == 2)
    lost = [each for each in pods(cluster) if objects.spec(each)["nodeName"] == NODES[0]]
    await until(lambda: not any(objects.is_true(each, "Ready") for each in pods(cluster) if each in lost))
    await until(lambda: ready(cluster) == 4, within_s=20.0)
    assert {process.spec.az for process in processes(cluster)} == {"us-east-1b"}
    assert not objects.is_true(found_node(cluster), "Ready")
    cluster.leave(NODES[0])
    await until(lambda: len(pods(cluster)) == 4)


def found_node(cluster: Cluster) -> Object:
    return cluster.registry.get(kinds.NODE, ("", NODES[0]))


async def test_a_node_that_joins_takes_what_waits(cluster: Cluster) -> None:
    create(cluster, pod(nodeSelector={"kubernetes.io/hostname": "node-c"}))
    await until(lambda: "FailedScheduling" in events(cluster, "one"))
    cluster.join(machine("node-c", "a"))
    await until(lambda: ready(cluster) == 1)


async def test_a_service_knows_who_is_ready_and_who_is_going(cluster: Cluster) -> None:
    create(cluster, service(), deployment(replicas=2))
    await until(lambda: ready(cluster) == 2)

    def slices() -> list[Object]:
        return list(slices_of(service(), cluster.registry.store))

    def endpoints() -> list[Any]:
        return [endpoint for each in slices() for endpoint in each["endpoints"]]

    await until(lambda: sum(each["conditions"]["ready"] for each in endpoints()) == 2)
    [made] = slices()
    assert made["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert {each["zone"] for each in endpoints()} == {"us-east-1a", "us-east-1b"}
    going = pods(cluster)[0]
    cluster.registry.delete(kinds.POD, objects.key(going))
    address = objects.status(going)["podIP"]
    await until(lambda: all(not each["conditions"]["ready"] for each in endpoints() if each["addresses"] == [address]))


async def test_a_budget_counts_what_is_healthy(cluster: Cluster) -> None:
    create(cluster, budget(maxUnavailable="50%"), deployment(replicas=4))
    await until(lambda: ready(cluster) == 4)

    def counts() -> tuple[int, ...]:
        status = objects.status(found(cluster, "web", kinds.BUDGET))
        return tuple(
            status.get(each, 0) for each in ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed")
        )

    await until(lambda: counts() == (4, 4, 2, 2))
    cluster.registry.delete(kinds.POD, objects.key(pods(cluster)[0]))
    await until(lambda: counts() == (4, 4, 2, 2))


async def test_a_job_retries_and_gives_up(cluster: Cluster) -> None:
    spec = {"backoffLimit": 1, "template": {"spec": {"restartPolicy": "Never", "containers": [shell("exit 1")]}}}
    create(
        cluster,
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "default"}, "spec": spec},
    )
    await until(lambda: objects.is_true(found(cluster, "j", kinds.JOB), "Failed"))
    told = objects.condition(found(cluster, "j", kinds.JOB), "Failed")
    assert told is not None
    assert told["reason"] == "BackoffLimitExceeded"


async def test_a_job_runs_so_many_beside_each_other(cluster: Cluster) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [shell("sleep 0.2")]}}
    spec = {"parallelism": 2, "completions": 4, "ttlSecondsAfterFinished": 1, "template": template}
    create(
        cluster,
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "default"}, "spec": spec},
    )
    most = 0

    def is_gone() -> bool:
        nonlocal most
        most = max(most, len(processes(cluster)))
        return cluster.registry.store.get(kinds.JOB.id, ("default", "j")) is None

    await until(is_gone)
    assert most == 2
    await until(lambda: not pods(cluster))


async def test_an_autoscaler_adds_pods_for_work_and_takes_them_away_again(cluster: Cluster) -> None:
    burn = shell("while :; do :; done", resources={"requests": {"cpu": "100m"}})
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    ]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2, "metrics": metrics}
    named = {"metadata": {"name": "web", "namespace": "default"}}
    create(
        cluster,
        deployment(replicas=1, containers=[burn]),
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", **named, "spec": spec},
    )
    await until(lambda: ready(cluster) == 2, within_s=20.0)
    idle = sleeper(resources={"requests": {"cpu": "100m"}})
    cluster.registry.change(
        kinds.DEPLOYMENT,
        ("default", "web"),
        lambda made: made["spec"]["template"]["spec"].update(containers=[{**idle, "imagePullPolicy": "Always"}]),
    )
    await until(lambda: objects.spec(found(cluster, "web", kinds.DEPLOYMENT))["replicas"] == 1, within_s=30.0)


async def test_an_agent_is_on_every_node_and_renewed_node_by_node(cluster: Cluster) -> None:
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [sleeper()]}}
    named = {"metadata": {"name": "agent", "namespace": "default"}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    create(cluster, {"apiVersion": "apps/v1", "kind": "DaemonSet", **named, "spec": spec})

    def nodes() -> list[str]:
        return sorted(objects.spec(each)["nodeName"] for each in pods(cluster) if objects.is_true(each, "Ready"))

    await until(lambda: nodes() == sorted(NODES))
    cluster.join(machine("node-c", "a"))
    await until(lambda: len(nodes()) == 3)
    first = {process.pid for process in processes(cluster)}
    cluster.registry.change(
        kinds.DAEMON_SET,
        ("default", "agent"),
        lambda made: made["spec"]["template"]["spec"]["containers"][0].update(env=[{"name": "A", "value": "1"}]),
    )
    await until(lambda: len(nodes()) == 3 and not first & {process.pid for process in processes(cluster)})
    status = objects.status(found(cluster, "agent", kinds.DAEMON_SET))
    await until(lambda: objects.status(found(cluster, "agent", kinds.DAEMON_SET))["updatedNumberScheduled"] == 3)
    assert status["desiredNumberScheduled"] == 3


async def test_a_job_is_made_when_it_is_due_and_not_twice(state: StateFolder) -> None:
    now = [1_800_000_030.0]
    async with running(state, clock=lambda: now[0]) as cluster:
        template = {"spec": {"restartPolicy": "Never", "containers": [shell("true")]}}
        spec = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}
        named = {"metadata": {"name": "tick", "namespace": "default"}}
        create(cluster, {"apiVersion": "batch/v1", "kind": "CronJob", **named, "spec": spec})

        def jobs() -> list[Object]:
            return cluster.registry.store.all(kinds.JOB.id)

        def look() -> None:
            labels = {"metadata": {"labels": {"looked": str(now[0])}}}
            cluster.registry.change(
                kinds.CRON_JOB, ("default", "tick"), lambda made: made["metadata"].update(labels["metadata"])
            )

        look()
        await until(lambda: not jobs() and objects.labels(found(cluster, "tick", kinds.CRON_JOB)))
        now[0] += 60.0
        look()
        await until(lambda: [objects.is_true(each, "Complete") for each in jobs()] == [True])
        look()
        status = objects.status(found(cluster, "tick", kinds.CRON_JOB))
        assert status["lastScheduleTime"] == objects.stamp(1_800_000_060.0)
        assert len(jobs()) == 1


async def test_what_cannot_be_mounted_is_refused_and_not_left_out(cluster: Cluster) -> None:
    mounts = [{"name": "v", "mountPath": "/config"}]
    create(cluster, pod(containers=[sleeper(volumeMounts=mounts)], volumes=[{"name": "v", "hostPath": {"path": "/"}}]))
    await until(lambda: reason(cluster) == "RunContainerError")
    assert "volume v" in state_of(cluster)["state"]["waiting"]["message"]


async def test_a_closed_cluster_leaves_nothing(cluster: Cluster) -> None:
    create(cluster, deployment(replicas=3))
    await until(lambda: ready(cluster) == 3)
    await cluster.close()
    assert not processes(cluster)
    assert not cluster.kubeconfig.exists()

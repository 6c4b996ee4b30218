"""Whether Deployments are rolled out, told by watches; and what holds one up, for a person.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from infrastructure.errors import EnvironmentFault
from infrastructure.manifests.cluster import ClusterClient

Object = Mapping[str, Any]
_WATCHED = (("apps/v1", "Deployment"), ("v1", "Pod"))
_HOPELESS = frozenset({"ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "RunContainerError"})
"""Why a container waits that will not start by itself."""
_SHOWN = 2
"""Pods, and warnings, that a message tells of."""
_CRASHES = 5
"""So often may one end at its start before its rollout is given up."""


def wait(client: ClusterClient, namespace: str, deployments: Sequence[Object], within_s: float) -> None:
    """Until every one of them is there as it was applied. `EnvironmentFault` with what holds it up, and a log's end."""
    wanted = {each["metadata"]["name"]: each["metadata"]["generation"] for each in deployments}
    found: dict[tuple[str, str], Object] = {}
    events: queue.Queue[tuple[str, Object] | Exception] = queue.Queue()
    for version, kind in _WATCHED:
        arguments = (client, version, kind, namespace, within_s, events)
        threading.Thread(target=_follow, args=arguments, name=f"watch {kind}", daemon=True).start()
    deadline = time.monotonic() + within_s
    while missing := _missing(wanted, found):
        try:
            event = events.get(timeout=max(deadline - time.monotonic(), 0.0))
        except queue.Empty:
            raise _fault(client, namespace, missing, found, f"within {within_s:g} s") from None
        if isinstance(event, Exception):
            raise EnvironmentFault(f"the rollout of {', '.join(missing)} cannot be followed: {event}") from event
        _note(found, *event)
        if any(_is_hopeless(pod) for name in missing for pod in _pods(found, name)):
            raise _fault(client, namespace, missing, found, "and will not")


def _follow(
    client: ClusterClient, version: str, kind: str, namespace: str, within_s: float, events: "queue.Queue[Any]"
) -> None:
    try:
        for change, seen in client.watch(version, kind, namespace, within_s):
            events.put((change, {**seen, "kind": kind}))
    except EnvironmentFault as problem:
        events.put(problem)


def _note(found: dict[tuple[str, str], Object], change: str, seen: Object) -> None:
    at = (str(seen["kind"]), str(seen["metadata"]["name"]))
    if change == "DELETED":
        found.pop(at, None)
    else:
        found[at] = seen


def _missing(wanted: Mapping[str, int], found: Mapping[tuple[str, str], Object]) -> list[str]:
    now = {name: found.get(("Deployment", name)) for name in wanted}
    return [name for name, generation in wanted.items() if not _is_rolled_out(now[name], generation)]


def _is_rolled_out(deployment: Object | None, generation: int) -> bool:
    """As `kubectl rollout status` has it."""
    if deployment is None:
        return False
    status, replicas = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= generation and counts == [replicas] * len(counts)


# --- what holds it up -------------------------------------------------------------------------------------------------


def _pods(found: Mapping[tuple[str, str], Object], deployment: str) -> list[Object]:
    """Those that the Deployment's selector takes."""
    of = found.get(("Deployment", deployment))
    if of is None:
        return []
    labels = (of["spec"]["selector"].get("matchLabels") or {}).items()
    pods = (each for (kind, _), each in found.items() if kind == "Pod")
    return [each for each in pods if labels <= (each["metadata"].get("labels") or {}).items()]


def _containers(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _is_hopeless(pod: Object) -> bool:
    return any(
        (reason := _waiting(each).get("reason")) in _HOPELESS
        or (reason == "CrashLoopBackOff" and each.get("restartCount", 0) >= _CRASHES)
        for each in _containers(pod)
    )


def _waiting(container: Object) -> Mapping[str, str]:
    waiting: Mapping[str, str] = (container.get("state") or {}).get("waiting") or {}
    return waiting


def _fault(
    client: ClusterClient, namespace: str, missing: Sequence[str], found: Mapping[tuple[str, str], Object], how: str
) -> EnvironmentFault:
    name = missing[0]
    status = (found.get(("Deployment", name)) or {}).get("status") or {}
    ready = f"{status.get('availableReplicas', 0)} of {status.get('replicas', 0)} pods are available"
    stuck = [pod for pod in _pods(found, name) if not _is_ready(pod)]
    told = "".join(f"; pod {pod['metadata']['name']}: {_why(pod)}" for pod in stuck[:_SHOWN])
    told += "".join(f"; {warning}" for warning in _warnings(client, namespace, name))
    text = f"Deployment {name} did not become ready {how}: {ready}{told}"
    return EnvironmentFault(text, log=_log(client, namespace, stuck))


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _why(pod: Object) -> str:
    """The first reason that is told: of a container that waits, of one that ended, of the scheduler, of readiness."""
    for each in _containers(pod):
        waiting, ended = _waiting(each), (each.get("lastState") or {}).get("terminated")
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            last = f", it ended with {ended['exitCode']}" if ended else ""
            return f"{waiting['reason']}{last}{_after(waiting.get('message'))}"
    conditions = (pod.get("status") or {}).get("conditions") or ()
    bad = next((each for each in conditions if each["status"] != "True" and each.get("reason")), None)
    return f"{bad['reason']}{_after(bad.get('message'))}" if bad else str((pod.get("status") or {}).get("phase"))


def _warnings(client: ClusterClient, namespace: str, name: str) -> list[str]:
    """The latest warnings about what is called as the Deployment is, or begins so: its bindings, its pods."""
    try:
        events = client.list("v1", "Event", namespace)
    except EnvironmentFault:
        return []
    told = [each for each in events if each["type"] == "Warning" and each["involvedObject"]["name"].startswith(name)]
    told.sort(key=lambda each: str(each.get("lastTimestamp") or ""))
    texts = (f"{each['involvedObject']['kind']} {each['involvedObject']['name']}: {each['message']}" for each in told)
    return list(dict.fromkeys(texts))[-_SHOWN:]


def _after(message: str | None) -> str:
    return f": {message}" if message else ""


def _log(client: ClusterClient, namespace: str, pods: Sequence[Object]) -> tuple[str, ...]:
    """The end of the first log that there is, of the run that ended if one has."""
    for pod in pods:
        for each in _containers(pod):
            has_ended = bool((each.get("lastState") or {}).get("terminated"))
            name = pod["metadata"]["name"]
            lines = client.log(namespace, name, each["name"], previous=has_ended and not each["state"].get("running"))
            if lines:
                return lines
    return ()

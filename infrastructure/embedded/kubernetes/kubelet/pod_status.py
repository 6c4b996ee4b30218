"""A pod's status from the state of its containers. Pure.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from collections.abc import Sequence
from typing import Any

from infrastructure.embedded.kubernetes.kubelet.container import Container
from infrastructure.embedded.kubernetes.store import objects, quantity
from infrastructure.embedded.kubernetes.store.objects import Draft, Object


def status(
    pod: Object, inits: Sequence[Container], containers: Sequence[Container], *, address: str, host: str, now: str
) -> Draft:
    """The whole status. `address` is the pod's, `host` its node's."""
    phase = _phase(pod, inits, containers)
    has_ended = phase in ("Succeeded", "Failed")
    waits = [each.name for each in containers if not (each.is_ready or each.succeeded)]
    is_initialised = all(each.succeeded for each in inits)
    conditions: list[Any] = list(objects.status(pod).get("conditions") or ())
    ended = {"reason": "PodCompleted"} if has_ended else {}
    unready = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(waits)}]"}
    is_fit = not waits and is_initialised and not has_ended
    why = {} if is_fit else ended or unready
    gated = _closed_gates(pod) if is_fit else {}
    for kind, is_true, told in (
        ("PodReadyToStartContainers", not has_ended, {}),
        ("Initialized", is_initialised, ended if has_ended else {} if is_initialised else _uninitialised(inits)),
        ("Ready", is_fit and not gated, why or gated),
        ("ContainersReady", is_fit, why),
    ):
        new = {"type": kind, "status": "True" if is_true else "False", **told}
        conditions = objects.with_condition(conditions, new, now, probed=True)
    kept = {name: value for name, value in objects.status(pod).items() if name in ("startTime", "nominatedNodeName")}
    return {
        "startTime": now,
        **kept,
        "phase": phase,
        "observedGeneration": objects.meta(pod).get("generation", 1),
        "conditions": conditions,
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        **({"initContainerStatuses": [each.status(is_init=True) for each in inits]} if inits else {}),
        "containerStatuses": [each.status() for each in containers],
        "qosClass": quality(pod),
    }


def _phase(pod: Object, inits: Sequence[Container], containers: Sequence[Container]) -> str:
    policy = objects.spec(pod).get("restartPolicy")
    if any(each.ended and not each.succeeded for each in inits) and policy == "Never":
        return "Failed"
    if not all(each.succeeded for each in inits):
        return "Pending"
    is_over = all(each.ended is not None and not each.is_running for each in containers)
    if is_over and (
        policy == "Never"
        or objects.is_deleting(pod)
        or (policy == "OnFailure" and all(c.succeeded for c in containers))
    ):
        return "Succeeded" if all(each.succeeded for each in containers) else "Failed"
    if any(each.process is not None or each.ended is not None for each in containers):
        return "Running"
    return "Pending"


def _uninitialised(inits: Sequence[Container]) -> dict[str, str]:
    waits = " ".join(each.name for each in inits if not each.succeeded)
    return {"reason": "ContainersNotInitialized", "message": f"containers with incomplete status: [{waits}]"}


def _closed_gates(pod: Object) -> dict[str, str]:
    """Why it is not ready although its containers are; empty when every condition that it waits for is true.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
    """
    told = []
    for gate in objects.spec(pod).get("readinessGates") or ():
        kind = gate["conditionType"]
        found = objects.condition(pod, kind)
        if found is None:
            told.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found["status"] != "True":
            told.append(f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}')
    return {"reason": "ReadinessGatesNotReady", "message": ", ".join(told)} if told else {}


def quality(pod: Object) -> str:
    """Its class of service, by requests and limits.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
    """
    every = [each.get("resources") or {} for each in objects.spec(pod).get("containers") or ()]
    if not any(each.get("requests") or each.get("limits") for each in every):
        return "BestEffort"
    is_fixed = all(
        what in (each.get("limits") or {})
        and quantity.value(each["limits"][what])
        == quantity.value((each.get("requests") or each["limits"]).get(what, 0))
        for each in every
        for what in ("cpu", "memory")
    )
    return "Guaranteed" if is_fixed else "Burstable"

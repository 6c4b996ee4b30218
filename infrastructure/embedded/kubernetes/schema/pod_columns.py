"""What `kubectl get pods` shows. Source: k8s.io/kubernetes, pkg/printers/internalversion/printers.go"""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.kubernetes.schema.column import AGE, NAME, NONE, UNKNOWN, Column, column, since
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Object


def pod_reason(of: Object) -> str:
    """The one word under STATUS: what keeps the pod from running, else its phase."""
    state = objects.status(of)
    reason = str(state.get("reason") or state.get("phase") or UNKNOWN)
    initialising = _init_reason(of)
    if initialising:
        reason = initialising
    else:
        for each in reversed(state.get("containerStatuses") or ()):
            reason = _container_reason(each) or reason
        if reason == "Completed" and any(each.get("ready") for each in state.get("containerStatuses") or ()):
            reason = "Running" if objects.is_true(of, "Ready") else "NotReady"
    if objects.is_deleting(of):
        return "Unknown" if state.get("reason") == "NodeLost" else "Terminating"
    return reason


def _container_reason(of: Mapping[str, Any]) -> str:
    state = of.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting:
        return str(waiting.get("reason", ""))
    if ended:
        return str(ended.get("reason") or f"{'Signal' if ended.get('signal') else 'ExitCode'}:{ended.get('exitCode')}")
    return ""


def _init_reason(of: Object) -> str:
    statuses = objects.status(of).get("initContainerStatuses") or ()
    total = len(objects.spec(of).get("initContainers") or ())
    for number, each in enumerate(statuses):
        ended = (each.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode") == 0:
            continue
        reason = _container_reason(each)
        return f"Init:{reason}" if reason and reason != "PodInitializing" else f"Init:{number}/{total}"
    return ""


def _ready(of: Object) -> str:
    statuses = objects.status(of).get("containerStatuses") or ()
    return f"{sum(bool(each.get('ready')) for each in statuses)}/{len(objects.spec(of).get('containers') or ())}"


def _restarts(of: Object, now: float) -> str:
    statuses = objects.status(of).get("containerStatuses") or ()
    count = sum(int(each.get("restartCount", 0)) for each in statuses)
    ends = [(each.get("lastState") or {}).get("terminated", {}).get("finishedAt") for each in statuses]
    last = max(filter(None, ends), default=None)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def _gates(of: Object) -> str:
    gates = objects.spec(of).get("readinessGates") or ()
    return f"{sum(objects.is_true(of, each['conditionType']) for each in gates)}/{len(gates)}" if gates else NONE


PODS = (
    NAME,
    column("Ready", _ready),
    column("Status", pod_reason),
    Column(name="Restarts", value=_restarts),
    AGE,
    column("IP", lambda of: objects.status(of).get("podIP") or NONE, wide=True),
    column("Node", lambda of: objects.spec(of).get("nodeName") or NONE, wide=True),
    column("Nominated Node", lambda of: objects.status(of).get("nominatedNodeName") or NONE, wide=True),
    column("Readiness Gates", _gates, wide=True),
)

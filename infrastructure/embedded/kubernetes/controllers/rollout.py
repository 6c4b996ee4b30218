"""How far an update of a Deployment is: its status and conditions. Pure.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from collections.abc import Sequence
from typing import Any

from infrastructure.embedded.kubernetes.controllers.parts import percent
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.pace import Pace

_LEAST_DEADLINE_S = 5.0
"""Of an update at any pace: a process needs its time to start."""
_COMPLETE, _TIMED_OUT = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"


def progress(
    of: Object, sets: Sequence[Object], new: Object | None, now: float, pace: Pace
) -> tuple[Draft, float | None]:
    """The status, and the seconds until the update would be given up."""
    counts = _counts(sets, new)
    stamp = objects.stamp(now)
    conditions: list[Any] = list(objects.status(of).get("conditions") or ())
    conditions = objects.with_condition(conditions, _available(of, counts), stamp)
    wait_s: float | None = None
    if objects.spec(of).get("paused"):
        paused = {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}
        told = {**paused, "message": "Deployment is paused", "lastUpdateTime": stamp}
    else:
        told, wait_s = _progressing(of, counts, new, now, pace)
    conditions = objects.with_condition(conditions, told, stamp)
    observed = {"observedGeneration": objects.meta(of)["generation"], "conditions": conditions}
    return {**{name: value for name, value in counts.items() if value}, **observed}, wait_s


def _counts(sets: Sequence[Object], new: Object | None) -> dict[str, int]:
    def total(name: str) -> int:
        return sum(objects.status(each).get(name, 0) for each in sets)

    available = total("availableReplicas")
    wanted = sum(int(objects.spec(each)["replicas"]) for each in sets)
    return {
        "replicas": total("replicas"),
        "updatedReplicas": objects.status(new).get("replicas", 0) if new is not None else 0,
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(wanted - available, 0),
        "terminatingReplicas": total("terminatingReplicas"),
    }


def _available(of: Object, counts: dict[str, int]) -> dict[str, Any]:
    spec = objects.spec(of)
    wanted = int(spec["replicas"])
    rolling = spec["strategy"].get("rollingUpdate")
    least = wanted - (percent(rolling["maxUnavailable"], wanted, up=False) if rolling else 0)
    if counts["availableReplicas"] >= least:
        text = "Deployment has minimum availability."
        return {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": text}
    text = "Deployment does not have minimum availability."
    return {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": text}


def _progressing(
    of: Object, counts: dict[str, int], new: Object | None, now: float, pace: Pace
) -> tuple[dict[str, Any], float | None]:
    former = objects.condition(of, "Progressing") or {}
    name = objects.name(new) if new is not None else ""
    wanted = int(objects.spec(of)["replicas"])
    is_complete = counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted
    if is_complete and new is not None:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        return _condition(of, "True", _COMPLETE, text, now, is_new=former.get("reason") != _COMPLETE), None
    moved = any(
        objects.status(of).get(each, 0) != counts[each]
        for each in ("updatedReplicas", "readyReplicas", "replicas", "availableReplicas")
    )
    is_new_update = former.get("reason") == _COMPLETE or not former
    if moved or is_new_update or former.get("reason") == "DeploymentPaused":
        text = f'ReplicaSet "{name}" is progressing.'
        return _condition(of, "True", "ReplicaSetUpdated", text, now, is_new=True), _deadline(of, pace)
    since = objects.seconds(former.get("lastUpdateTime") or objects.stamp(now))
    left = since + _deadline(of, pace) - now
    if left <= 0:
        text = f'ReplicaSet "{name}" has timed out progressing.'
        return _condition(of, "False", _TIMED_OUT, text, now, is_new=former.get("reason") != _TIMED_OUT), None
    return dict(former), left


def _deadline(of: Object, pace: Pace) -> float:
    return pace.seconds(float(objects.spec(of)["progressDeadlineSeconds"]), at_least=_LEAST_DEADLINE_S)


def _condition(of: Object, status: str, reason: str, message: str, now: float, *, is_new: bool) -> dict[str, Any]:
    former = objects.condition(of, "Progressing") or {}
    at = objects.stamp(now) if is_new else former.get("lastUpdateTime", objects.stamp(now))
    return {"type": "Progressing", "status": status, "reason": reason, "message": message, "lastUpdateTime": at}

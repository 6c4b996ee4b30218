"""Jobs: pods that run to their end, so many at a time, so often again.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, is_active, is_ready, pod_from
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion
from infrastructure.embedded.kubernetes.store.store import Change

_LABELS = "batch.kubernetes.io/"
_SOURCE = "job-controller"


def admit(made: Draft) -> None:
    """A new Job selects its pods by its own uid, which the pods are labelled with."""
    uid, name = made["metadata"]["uid"], made["metadata"]["name"]
    template = made["spec"]["template"]
    meta = template.setdefault("metadata", {})
    named = {f"{_LABELS}controller-uid": uid, f"{_LABELS}job-name": name, "controller-uid": uid, "job-name": name}
    meta["labels"] = {**(meta.get("labels") or {}), **named}
    if not made["spec"].get("manualSelector"):
        made["spec"]["selector"] = {"matchLabels": {f"{_LABELS}controller-uid": uid}}


def has_ended(job: Object) -> bool:
    """Whether it makes no more pods, having succeeded or failed."""
    return objects.is_true(job, "Complete") or objects.is_true(job, "Failed")


class Jobs(ObjectController):
    """Makes the pods, counts how they ended."""

    name: ClassVar[str] = "jobs"
    kind: ClassVar[Kind] = kinds.JOB

    def touched(self, change: Change) -> Iterable[Key]:
        return self._owner_keys(change) if change.kind == kinds.POD.id else ()

    def follow(self, of: Object) -> float | None:
        if has_ended(of):
            return self._expire(of)
        pods, spec = self._parts.pods_of(of), objects.spec(of)
        ended = {
            phase: [each for each in pods if objects.status(each).get("phase") == phase]
            for phase in ("Succeeded", "Failed")
        }
        active = [each for each in pods if is_active(each)]
        status = dict(objects.status(of))
        status.setdefault("startTime", self._registry.now)
        verdict = self._verdict(of, len(ended["Succeeded"]), len(ended["Failed"]), bool(active), status)
        if verdict is not None:
            self._end(active)
            active = []
        elif not objects.is_deleting(of):
            active = self._level(of, active, len(ended["Succeeded"]))
        counts = {"active": len(active), "ready": sum(map(is_ready, active))}
        counts |= {"succeeded": len(ended["Succeeded"]), "failed": len(ended["Failed"])}
        status = {name: value for name, value in status.items() if name not in counts}
        status |= {name: value for name, value in counts.items() if value or name == "ready"}
        self._registry.set_status(kinds.JOB, of, self._concluded(of, status, verdict))
        return self._deadline(of, status) if spec.get("activeDeadlineSeconds") and verdict is None else None

    def _verdict(
        self, of: Object, succeeded: int, failed: int, is_active: bool, status: Draft
    ) -> tuple[str, str, str] | None:
        """Type, reason and message of the condition that ends the Job; None while it goes on."""
        spec = objects.spec(of)
        wanted = spec.get("completions")
        if failed > spec["backoffLimit"]:
            return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        if spec.get("activeDeadlineSeconds") and self._deadline(of, status) <= 0:
            return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
        if succeeded >= wanted if wanted is not None else (succeeded > 0 and not is_active):
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        return None

    def _deadline(self, of: Object, status: Draft) -> float:
        allowed = self._parts.pace.seconds(float(objects.spec(of)["activeDeadlineSeconds"]), at_least=1.0)
        return objects.seconds(status["startTime"]) + allowed - self._parts.now

    def _level(self, of: Object, active: list[Object], succeeded: int) -> list[Object]:
        """As many as may run beside each other, and as are still to succeed."""
        spec = objects.spec(of)
        wanted, left = int(spec["parallelism"]), spec.get("completions")
        if spec.get("suspend"):
            wanted = 0
        elif left is not None:
            wanted = min(wanted, left - succeeded)
        elif succeeded:
            wanted = len(active)
        self._end(active[wanted:])
        made = active[:wanted]
        while len(made) < wanted:
            pod = self._registry.create(kinds.POD, pod_from(spec["template"], of, prefix=f"{objects.name(of)}-"))
            self._parts.events.tell(of, "SuccessfulCreate", f"Created pod: {objects.name(pod)}", source=_SOURCE)
            made.append(pod)
        return made

    def _end(self, pods: Sequence[Object]) -> None:
        for each in pods:
            self._registry.delete(kinds.POD, objects.key(each))

    def _concluded(self, of: Object, status: Draft, verdict: tuple[str, str, str] | None) -> dict[str, Any]:
        if verdict is None:
            return status
        kind, reason, message = verdict
        first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        conditions: list[Draft] = list(status.get("conditions") or ())
        for each in (first, kind):
            told = {
                "type": each,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastProbeTime": self._registry.now,
            }
            conditions = objects.with_condition(conditions, told, self._registry.now)
        self._parts.events.tell(
            of, "Completed" if kind == "Complete" else reason, message, source=_SOURCE, warning=kind != "Complete"
        )
        ended = {"completionTime": self._registry.now} if kind == "Complete" else {}
        return {**status, **ended, "conditions": conditions}

    def _expire(self, of: Object) -> float | None:
        kept_s = objects.spec(of).get("ttlSecondsAfterFinished")
        if kept_s is None:
            return None
        done = objects.condition(of, "Complete") or objects.condition(of, "Failed") or {}
        left = objects.seconds(done["lastTransitionTime"]) + self._parts.pace.seconds(float(kept_s)) - self._parts.now
        if left > 0:
            return left
        self._registry.delete(kinds.JOB, objects.key(of), Deletion(propagation="Foreground"))
        return None

"""CronJobs: a Job whenever one is due. A schedule is the wall's at any pace.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from infrastructure.embedded.control.schedules import Cron
from infrastructure.embedded.kubernetes.controllers.jobs import has_ended
from infrastructure.embedded.kubernetes.controllers.parts import ObjectController
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.cron import schedule_of
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion
from infrastructure.embedded.kubernetes.store.store import Change

_SOURCE = "cronjob-controller"
_MINUTE = 60


class CronJobs(ObjectController):
    """Makes Jobs when they are due, forgets those that ended long ago."""

    name: ClassVar[str] = "cronjobs"
    kind: ClassVar[Kind] = kinds.CRON_JOB

    def touched(self, change: Change) -> Iterable[Key]:
        return self._owner_keys(change) if change.kind == kinds.JOB.id else ()

    def follow(self, of: Object) -> float | None:
        spec, now = objects.spec(of), self._parts.now
        jobs = [each for each in self._parts.owned.of(objects.uid(of), kinds.JOB) if objects.owned_by(each, of)]
        self._forget(of, jobs)
        if objects.is_deleting(of) or spec["suspend"]:
            self._report(of, {})
            return None
        try:
            schedule = schedule_of(spec["schedule"], spec.get("timeZone", ""))
        except ValueError as problem:
            self._parts.events.tell(of, "UnparseableSchedule", str(problem), source=_SOURCE, warning=True)
            return None
        last = objects.seconds(objects.status(of).get("lastScheduleTime") or objects.meta(of)["creationTimestamp"])
        due = self._due(schedule, last, now)
        more: Draft = {}
        if due is not None and self._may_start(of, jobs, due, now):
            self._start(of, due)
            more["lastScheduleTime"] = objects.stamp(due)
        self._report(of, more)
        following = schedule.following(now)
        return following - now if following is not None else None

    @staticmethod
    def _due(schedule: Cron, last: float, now: float) -> float | None:
        """The latest moment that was due and not served."""
        due, following = None, schedule.following(last)
        while following is not None and following <= now:
            due, following = following, schedule.following(following)
        return due

    def _may_start(self, of: Object, jobs: Sequence[Object], due: float, now: float) -> bool:
        spec = objects.spec(of)
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None and now - due > deadline:
            return False
        active = [each for each in jobs if not has_ended(each)]
        if active and spec["concurrencyPolicy"] == "Forbid":
            told = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._parts.events.tell(of, "JobAlreadyActive", told, source=_SOURCE)
            return False
        if spec["concurrencyPolicy"] == "Replace":
            for each in active:
                self._registry.delete(kinds.JOB, objects.key(each), Deletion(propagation="Background"))
        return True

    def _start(self, of: Object, due: float) -> None:
        template = objects.draft(objects.spec(of)["jobTemplate"])
        name = f"{objects.name(of)}-{int(due) // _MINUTE}"
        if self._store.get(kinds.JOB.id, (objects.namespace(of), name)) is not None:
            return
        meta = {
            "name": name,
            "namespace": objects.namespace(of),
            "labels": objects.labels(template),
            "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": objects.stamp(due)},
            "ownerReferences": [objects.reference_to(of)],
        }
        self._registry.create(kinds.JOB, {"metadata": meta, "spec": template.get("spec") or {}})
        self._parts.events.tell(of, "SuccessfulCreate", f"Created job {name}", source=_SOURCE)

    def _forget(self, of: Object, jobs: Sequence[Object]) -> None:
        for kind, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            ended = sorted((each for each in jobs if objects.is_true(each, kind)), key=objects.name)
            for each in ended[: max(len(ended) - int(objects.spec(of)[limit]), 0)]:
                self._registry.delete(kinds.JOB, objects.key(each), Deletion(propagation="Background"))

    def _report(self, of: Object, more: Draft) -> None:
        jobs = self._parts.owned.of(objects.uid(of), kinds.JOB)
        status: dict[str, Any] = {key: value for key, value in objects.status(of).items() if key != "active"} | more
        active = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": objects.name(each), "namespace": objects.namespace(each)}
            | {"uid": objects.uid(each)}
            for each in jobs
            if not has_ended(each)
        ]
        done = [objects.status(each).get("completionTime") for each in jobs if objects.is_true(each, "Complete")]
        last = max(filter(None, done), default=None)
        status |= {"active": active} if active else {}
        status |= {"lastSuccessfulTime": last} if last else {}
        self._registry.set_status(kinds.CRON_JOB, of, status)

"""HorizontalPodAutoscalers: as many replicas as keep their pods' CPU at the target.

    wanted = ceil(replicas x average / target), no change within a tenth; down only to the most that was wanted within
    the stabilisation window, up by at most double or four at a time; a pod that starts is no reason to go up

Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers import fitting
from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, Parts, is_active, is_ready
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects, selectors
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.store import Change

_EVERY_S, _LEAST_S = 15.0, 1.0
_TOLERANCE = 0.1
_DOWN_WINDOW_S = 300.0
_LEAST_WINDOW_S = 5.0
_SCALED: Mapping[str, Kind] = {"Deployment": kinds.DEPLOYMENT, "ReplicaSet": kinds.REPLICA_SET}
_METRIC = "cpu resource utilization (percentage of request)"
_SOURCE = "horizontal-pod-autoscaler"
Cores = Callable[[Object], float | None]
"""The cores a pod used lately; None while nobody knows, and of what it took to start."""


class Autoscalers(ObjectController):
    """Looks every 15 s, and scales what it is about."""

    name: ClassVar[str] = "autoscalers"
    kind: ClassVar[Kind] = kinds.AUTOSCALER

    def __init__(self, parts: Parts, cores: Cores) -> None:
        super().__init__(parts)
        self._cores = cores
        self._wanted: dict[str, list[tuple[float, int]]] = {}
        """When how many were wanted, by the autoscaler's uid; at first as many as it found."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """Only what a person changes: its own status is written at each look."""
        is_new = change.before is None or change.after is None
        if change.kind != self.kind.id or (
            not is_new and objects.spec(change.before or {}) == objects.spec(change.after or {})
        ):
            return ()
        return (objects.key(change.object),)

    def follow(self, of: Object) -> float | None:
        every_s = self._parts.pace.seconds(_EVERY_S, at_least=_LEAST_S)
        spec = objects.spec(of)
        kind = _SCALED.get(spec["scaleTargetRef"]["kind"])
        target = None
        if kind is not None:
            target = self._store.get(kind.id, (objects.namespace(of), spec["scaleTargetRef"]["name"]))
        if kind is None or target is None:
            self._report(
                of,
                {},
                (
                    "AbleToScale",
                    "False",
                    "FailedGetScale",
                    "the HPA controller was unable to get the target's current scale",
                ),
            )
            return every_s
        self._level(of, kind, target)
        return every_s

    def _level(self, of: Object, kind: Kind, target: Object) -> None:
        now_has = int(objects.spec(target)["replicas"])
        self._wanted.setdefault(objects.uid(of), [(self._parts.now, now_has)])
        if now_has == 0:
            told = (
                "ScalingActive",
                "False",
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
            self._report(of, {"currentReplicas": 0, "desiredReplicas": 0}, told)
            return
        load = self._load(target)
        spec = objects.spec(of)
        least, most = int(spec["minReplicas"]), int(spec["maxReplicas"])
        goal = float(spec["metrics"][0]["resource"]["target"].get("averageUtilization", 80))
        if load is None:
            wanted = min(max(now_has, least), most)
            told = (
                "ScalingActive",
                "False",
                "FailedGetResourceMetric",
                "the HPA was unable to compute the replica count: no metrics of its pods are known",
            )
        else:
            raw = load.wanted(now_has, goal)
            wanted = min(max(self._stable(of, now_has, raw), least), most)
            told = (
                "ScalingActive",
                "True",
                "ValidMetricFound",
                f"the HPA was able to successfully calculate a replica count from {_METRIC}",
            )
        if wanted != now_has:
            self._scale(of, kind, target, wanted)
        status: Draft = {"currentReplicas": now_has, "desiredReplicas": wanted}
        if wanted != now_has:
            status["lastScaleTime"] = self._registry.now
        elif "lastScaleTime" in objects.status(of):
            status["lastScaleTime"] = objects.status(of)["lastScaleTime"]
        if load is not None:
            current = {"averageUtilization": round(load.percent), "averageValue": "0"}
            status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
        self._report(of, status, told)

    def _pods(self, target: Object) -> list[Object]:
        chosen = selectors.of_selector(objects.spec(target)["selector"])
        every = self._store.all(kinds.POD.id, objects.namespace(target))
        return [each for each in every if chosen(objects.labels(each)) and is_active(each)]

    def _load(self, target: Object) -> "Load | None":
        """None while no pod is measured, or one asks for no CPU."""
        pods = [(each, fitting.requests(each)["cpu"]) for each in self._pods(target)]
        measured = [
            (cores, asked) for each, asked in pods if is_ready(each) and (cores := self._cores(each)) is not None
        ]
        if not measured or any(asked <= 0 for _, asked in pods):
            return None
        asked = sum(each for _, each in measured)
        return Load(
            pods=len(measured),
            cores=sum(cores for cores, _ in measured),
            asked=asked,
            starting=len(pods) - len(measured),
            asked_by_all=sum(each for _, each in pods),
        )

    def _stable(self, of: Object, has: int, raw: int) -> int:
        """Down only as far as nothing wanted more within the window; up as fast as the default policy has it."""
        behavior = objects.spec(of).get("behavior") or {}
        given = (behavior.get("scaleDown") or {}).get("stabilizationWindowSeconds", _DOWN_WINDOW_S)
        window_s = self._parts.pace.seconds(float(given), at_least=_LEAST_WINDOW_S if given else 0.0)
        now, seen = self._parts.now, self._wanted[objects.uid(of)]
        seen.append((now, raw))
        seen[:] = [(at, count) for at, count in seen if at > now - window_s or (at, count) == seen[-1]]
        if raw < has:
            return min(max(count for _, count in seen), has)
        return min(raw, max(has * 2, has + 4))

    def _scale(self, of: Object, kind: Kind, target: Object, wanted: int) -> None:
        def change(made: Draft) -> None:
            made["spec"]["replicas"] = wanted

        self._registry.change(kind, objects.key(target), change)
        why = f"{_METRIC} above target"
        if wanted < int(objects.spec(target)["replicas"]):
            why = "All metrics below target"
        self._parts.events.tell(of, "SuccessfulRescale", f"New size: {wanted}; reason: {why}", source=_SOURCE)

    def _report(self, of: Object, status: Draft, told: Sequence[str]) -> None:
        conditions: list[Any] = list(objects.status(of).get("conditions") or ())
        kind, value, reason, message = told
        able = {
            "type": "AbleToScale",
            "status": "True",
            "reason": "ReadyForNewScale",
            "message": "recommended size matches current size",
        }
        for each in ((able,) if kind != "AbleToScale" else ()) + (
            {"type": kind, "status": value, "reason": reason, "message": message},
        ):
            conditions = objects.with_condition(conditions, each, self._registry.now)
        observed = {"observedGeneration": objects.meta(of).get("generation", 1)}
        counts = {"currentReplicas": 0, "desiredReplicas": 0, "currentMetrics": [], **status}
        self._registry.set_status(kinds.AUTOSCALER, of, {**counts, **observed, "conditions": conditions})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What so many pods use, in cores, of what they ask for; beside them such as start, of which nothing is known.

    Source: groupPods and GetResourceReplicas in Kubernetes' pkg/controller/podautoscaler/replica_calculator.go
    """

    pods: int
    cores: float
    asked: float
    starting: int
    asked_by_all: float

    @property
    def percent(self) -> float:
        return 100.0 * self.cores / self.asked

    def wanted(self, has: int, goal: float) -> int:
        """What the rule of three gives, with its tolerance; up only if those that start, idle, would not do."""
        ratio, pods = self.percent / goal, self.pods
        if ratio > 1.0 and self.starting:
            ratio, pods = 100.0 * self.cores / self.asked_by_all / goal, self.pods + self.starting
            if ratio < 1.0:
                return has
        if abs(ratio - 1.0) <= _TOLERANCE:
            return has
        return math.ceil(pods * ratio)

"""As many pods as a ReplicaSet wants.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/; which pods go first:
k8s.io/kubernetes, pkg/controller/controller_utils.go (ActivePodsWithRanks)
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers.parts import (
    ObjectController,
    available_at,
    is_active,
    is_ready,
    pod_from,
)
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.store.objects import Key, Object
from infrastructure.embedded.kubernetes.store.store import Change

_BATCH = 50
"""Pods that one pass makes, so that nobody else waits long for the event loop."""


class ReplicaSets(ObjectController):
    """Makes and deletes pods, and counts them in the status."""

    name: ClassVar[str] = "replicasets"
    kind: ClassVar[Kind] = kinds.REPLICA_SET

    def touched(self, change: Change) -> Iterable[Key]:
        return self._owner_keys(change) if change.kind == kinds.POD.id else ()

    def follow(self, of: Object) -> float | None:
        pods = [each for each in self._parts.pods_of(of) if is_active(each)]
        missing = objects.spec(of)["replicas"] - len(pods)
        problem = ""
        if not objects.is_deleting(of):
            if missing > 0:
                problem = self._make(of, min(missing, _BATCH))
            elif missing < 0:
                self._remove(of, pods, -missing)
        wait_s = self._count(of, problem)
        return 0.0 if missing > _BATCH and not problem else wait_s

    def _make(self, of: Object, count: int) -> str:
        """Why no more of them could be made; empty when all were."""
        template = objects.spec(of).get("template") or {}
        for _ in range(count):
            try:
                pod = self._registry.create(kinds.POD, pod_from(template, of, prefix=f"{objects.name(of)}-"))
            except ApiError as problem:
                told = f"Error creating: {problem.message}"
                self._parts.events.tell(of, "FailedCreate", told, source="replicaset-controller", warning=True)
                return problem.message
            told = f"Created pod: {objects.name(pod)}"
            self._parts.events.tell(of, "SuccessfulCreate", told, source="replicaset-controller")
        return ""

    def _remove(self, of: Object, pods: Sequence[Object], count: int) -> None:
        for pod in sorted(pods, key=self._rank)[:count]:
            self._registry.delete(kinds.POD, objects.key(pod))
            told = f"Deleted pod: {objects.name(pod)}"
            self._parts.events.tell(of, "SuccessfulDelete", told, source="replicaset-controller")

    def _rank(self, pod: Object) -> tuple[Any, ...]:
        """The least useful first: without a node, pending, not ready, cheap, on a crowded node, restarted, young."""
        node, status = objects.spec(pod).get("nodeName", ""), objects.status(pod)
        cost = int(objects.annotations(pod).get("controller.kubernetes.io/pod-deletion-cost", "0"))
        crowd = sum(is_active(each) and objects.owner(each) == objects.owner(pod) for each in self._neighbours(node))
        restarts = max((each.get("restartCount", 0) for each in status.get("containerStatuses") or ()), default=0)
        age = -objects.seconds(objects.meta(pod)["creationTimestamp"])
        return (bool(node), status.get("phase") == "Running", is_ready(pod), cost, -crowd, -restarts, age)

    def _neighbours(self, node: str) -> list[Object]:
        return self._parts.on_node.of(node, kinds.POD) if node else []

    def _count(self, of: Object, problem: str) -> float | None:
        """Write the status; seconds until the next pod becomes available."""
        pods = [each for each in self._parts.pods_of(of) if is_active(each)]
        min_ready_s = self._parts.pace.seconds(float(objects.spec(of).get("minReadySeconds", 0)))
        moments = [at for each in pods if (at := available_at(each, min_ready_s)) is not None]
        now = self._parts.now
        status: dict[str, Any] = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "availableReplicas": sum(at <= now for at in moments),
            "terminatingReplicas": sum(map(objects.is_deleting, self._parts.pods_of(of))),
            "observedGeneration": objects.meta(of)["generation"],
        }
        kept = {name: value for name, value in status.items() if value or name in ("replicas", "observedGeneration")}
        if problem:
            failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": problem}
            former = objects.status(of).get("conditions") or ()
            kept["conditions"] = objects.with_condition(former, failed, self._registry.now)
        self._registry.set_status(kinds.REPLICA_SET, of, kept)
        return min((at - now for at in moments if at > now), default=None)

"""Gives each pod a node: those that cannot take it are left out, of the others the best one takes it.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

import collections
from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from infrastructure.embedded.kubernetes.controllers import fitting
from infrastructure.embedded.kubernetes.controllers.fitting import Room
from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, Parts, is_active, key_of, text_of
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Key, Object
from infrastructure.embedded.kubernetes.store.store import Change

_NAME = "default-scheduler"


class Scheduler(ObjectController):
    """One pass for one pod that has no node yet; a change of a node, or a pod that goes, is news for all of them."""

    name: ClassVar[str] = "scheduler"
    kind: ClassVar[Kind] = kinds.POD

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._waiting: dict[Key, None] = {}

    def keys(self) -> Collection[str]:
        return {text_of(at) for at in self._waiting}

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.kind == kinds.POD.id:
            at = objects.key(change.object)
            if change.after is not None and _is_waiting(change.after):
                self._waiting[at] = None
                return (at,)
            self._waiting.pop(at, None)
            return tuple(self._waiting) if change.after is None or not is_active(change.after) else ()
        return tuple(self._waiting) if change.kind == kinds.NODE.id and _is_news(change) else ()

    async def reconcile(self, key: str) -> float | None:
        pod = self._store.get(kinds.POD.id, key_of(key))
        if pod is not None and _is_waiting(pod):
            self._place(pod)
        return None

    def _place(self, pod: Object) -> None:
        rooms = [self._room(node) for node in self._store.all(kinds.NODE.id)]
        reasons: collections.Counter[str] = collections.Counter()
        fitting_rooms: list[Room] = []
        for room in rooms:
            reason = fitting.refusal(pod, room, rooms)
            if reason:
                reasons[reason] += 1
            else:
                fitting_rooms.append(room)
        if fitting_rooms:
            self._bind(pod, fitting.best(pod, fitting_rooms, rooms).node)
        else:
            self._fail(pod, reasons, len(rooms))

    def _room(self, node: Object) -> Room:
        return Room(node, tuple(self._parts.on_node.of(objects.name(node), kinds.POD)))

    def _bind(self, pod: Object, node: Object) -> None:
        self._registry.bind(objects.key(pod), objects.name(node))
        told = f"Successfully assigned {objects.namespace(pod)}/{objects.name(pod)} to {objects.name(node)}"
        self._parts.events.tell(pod, "Scheduled", told, source=_NAME)

    def _fail(self, pod: Object, reasons: "collections.Counter[str]", nodes: int) -> None:
        texts = [f"{count} {reason}" for reason, count in sorted(reasons.items())]
        told = f"0/{nodes} nodes are available" + (
            f": {', '.join(texts)}." if texts else ": no nodes available to schedule pods."
        )
        former = objects.condition(pod, "PodScheduled")
        if former is not None and former.get("message") == told:
            return
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": told}
        conditions = objects.with_condition(
            objects.status(pod).get("conditions") or (), condition, self._registry.now, probed=True
        )
        self._registry.set_status(kinds.POD, pod, {**objects.status(pod), "conditions": conditions})
        self._parts.events.tell(pod, "FailedScheduling", told, source=_NAME, warning=True)


def _is_waiting(pod: Object) -> bool:
    spec = objects.spec(pod)
    is_ours = spec.get("schedulerName", _NAME) == _NAME and not spec.get("schedulingGates")
    return is_ours and not spec.get("nodeName") and is_active(pod)


def _is_news(change: Change) -> bool:
    """Whether it may let in a pod that found no room: a node's heartbeat is none."""

    def parts(of: Object | None) -> Sequence[object]:
        if of is None:
            return ()
        return (
            objects.spec(of),
            objects.labels(of),
            objects.is_true(of, "Ready"),
            objects.status(of).get("allocatable"),
        )

    return parts(change.before) != parts(change.after)

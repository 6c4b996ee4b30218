"""Nodes: one that is silent for too long is not ready, its pods go after a while; those of one that is gone go at once.

    heartbeat ──late──▶ Ready Unknown, tainted unreachable ──tolerated time over──▶ pods deleted (they stay Terminating:
                                                                                   nobody is there to end them)
    node deleted ──▶ its pods are forgotten, whatever they do

Source: https://kubernetes.io/docs/concepts/architecture/nodes/, .../scheduling-eviction/taint-and-toleration/
"""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers import fitting
from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, Parts
from infrastructure.embedded.kubernetes.kubelet.machine import LEASES
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion
from infrastructure.embedded.kubernetes.store.store import Change

UNREACHABLE, NOT_READY = "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"
_GRACE_S = 50.0
"""Of a heartbeat that is late (node-monitor-grace-period)."""
_LEAST_GRACE_S = 3.0
_SOURCE = "node-controller"


class Nodes(ObjectController):
    """Watches heartbeats, keeps taints, and evicts what does not tolerate them."""

    name: ClassVar[str] = "nodes"
    kind: ClassVar[Kind] = kinds.NODE

    def touched(self, change: Change) -> Iterable[Key]:
        if change.kind == kinds.LEASE.id and objects.namespace(change.object) == LEASES:
            return (("", objects.name(change.object)),)
        return ()

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._gone: set[str] = set()

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.kind == kinds.NODE.id and change.after is None:
            self._gone.add(objects.name(change.object))
        return super().concerned(change)

    async def reconcile(self, key: str) -> float | None:
        for name in list(self._gone):
            self._gone.discard(name)
            for pod in self._parts.on_node.of(name, kinds.POD):
                self._registry.delete(kinds.POD, objects.key(pod), Deletion(grace_s=0))
        return await super().reconcile(key)

    def keys(self) -> Collection[str]:
        return [f"/{objects.name(each)}" for each in self._store.all(kinds.NODE.id)] + [
            f"/{each}" for each in self._gone
        ]

    def follow(self, of: Object) -> float | None:
        left = self._silence(of)
        if left is not None and left <= 0:
            of = self._lost(of)
        of = self._tainted(of)
        waits = [left if left is not None and left > 0 else None, self._evict(of)]
        return min((each for each in waits if each is not None), default=None)

    def _silence(self, of: Object) -> float | None:
        """Seconds until the node counts as lost; None before its first heartbeat."""
        lease = self._store.get(kinds.LEASE.id, (LEASES, objects.name(of)))
        if lease is None:
            return None
        grace_s = self._parts.pace.seconds(_GRACE_S, at_least=_LEAST_GRACE_S)
        return objects.seconds(lease["spec"]["renewTime"]) + grace_s - self._parts.now

    def _lost(self, of: Object) -> Object:
        ready = objects.condition(of, "Ready")
        if ready is None or ready["status"] == "Unknown":
            return of
        conditions: list[Any] = list(objects.status(of).get("conditions") or ())
        for each in list(conditions):
            told = {"type": each["type"], "status": "Unknown", "reason": "NodeStatusUnknown"}
            told |= {"message": "Kubelet stopped posting node status.", "lastHeartbeatTime": each["lastHeartbeatTime"]}
            conditions = objects.with_condition(conditions, told, self._registry.now)
        self._parts.events.tell(
            of, "NodeNotReady", f"Node {objects.name(of)} status is now: NodeNotReady", source=_SOURCE
        )
        of = self._registry.set_status(kinds.NODE, of, {**objects.status(of), "conditions": conditions})
        for pod in self._parts.on_node.of(objects.name(of), kinds.POD):
            self._unready(pod)
        return of

    def _unready(self, pod: Object) -> None:
        """Traffic is taken from pods of a lost node at once."""
        if objects.is_true(pod, "Ready"):
            told = {"type": "Ready", "status": "False"}
            conditions = objects.with_condition(
                objects.status(pod)["conditions"], told, self._registry.now, probed=True
            )
            self._registry.set_status(kinds.POD, pod, {**objects.status(pod), "conditions": conditions})

    def _tainted(self, of: Object) -> Object:
        """The taints that follow from conditions and from cordoning; all others are left alone."""
        ready = objects.condition(of, "Ready")
        state = ready["status"] if ready is not None else "False"
        wanted: list[tuple[str, str]] = []
        if state != "True":
            key = UNREACHABLE if state == "Unknown" else NOT_READY
            wanted += [(key, "NoSchedule"), *([(key, "NoExecute")] if ready is not None else [])]
        if objects.spec(of).get("unschedulable"):
            wanted.append((fitting.UNSCHEDULABLE, "NoSchedule"))
        former = objects.spec(of).get("taints") or []
        kept = [each for each in former if each["key"] not in (UNREACHABLE, NOT_READY, fitting.UNSCHEDULABLE)]
        known = {(each["key"], each["effect"]): each for each in former}
        new = [
            known.get(each) or {"key": each[0], "effect": each[1], "timeAdded": self._registry.now} for each in wanted
        ]
        if [*kept, *new] == former:
            return of

        def change(made: Draft) -> None:
            made.setdefault("spec", {})["taints"] = [*kept, *new]

        return self._registry.change(kinds.NODE, objects.key(of), change)

    def _evict(self, of: Object) -> float | None:
        """Delete pods that bear the node's taints no longer; seconds until the next one does not."""
        waits: list[float] = []
        for taint in (each for each in objects.spec(of).get("taints") or () if each["effect"] == "NoExecute"):
            for pod in self._parts.on_node.of(objects.name(of), kinds.POD):
                left = self._borne(pod, taint)
                if left is not None and left <= 0 and not objects.is_deleting(pod):
                    told = f"Marking for deletion Pod {objects.namespace(pod)}/{objects.name(pod)}"
                    self._parts.events.tell(pod, "TaintManagerEviction", told, source="taint-eviction-controller")
                    self._registry.delete(kinds.POD, objects.key(pod))
                elif left is not None and left > 0:
                    waits.append(left)
        return min(waits, default=None)

    def _borne(self, pod: Object, taint: Any) -> float | None:
        """Seconds for which the pod still bears the taint; None for ever."""
        toleration = fitting.toleration(pod, taint)
        if toleration is None:
            return 0.0
        seconds = toleration.get("tolerationSeconds")
        if seconds is None:
            return None
        since = objects.seconds(taint.get("timeAdded") or self._registry.now)
        return since + self._parts.pace.seconds(float(seconds)) - self._parts.now

"""DaemonSets: one pod on each node that it may be on, replaced node by node when the template changes.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers import fitting
from infrastructure.embedded.kubernetes.controllers.fitting import UNSCHEDULABLE, Room
from infrastructure.embedded.kubernetes.controllers.nodes import NOT_READY, UNREACHABLE
from infrastructure.embedded.kubernetes.controllers.parts import (
    ObjectController,
    available_at,
    is_active,
    is_ready,
    percent,
    pod_from,
)
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.store import Change

_GENERATION = "pod-template-generation"
_SOURCE = "daemonset-controller"
_BORNE: tuple[Mapping[str, str], ...] = (
    {"key": NOT_READY, "operator": "Exists", "effect": "NoExecute"},
    {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"},
    {"key": UNSCHEDULABLE, "operator": "Exists", "effect": "NoSchedule"},
)
"""Taints that its pods bear on top of their own: an agent stays on a node that is cordoned or lost."""


class DaemonSets(ObjectController):
    """Makes a pod for each node and binds it by its affinity, as the real controller does."""

    name: ClassVar[str] = "daemonsets"
    kind: ClassVar[Kind] = kinds.DAEMON_SET

    def touched(self, change: Change) -> Iterable[Key]:
        if change.kind == kinds.NODE.id:
            return tuple(self._store.keys(self.kind.id))
        return self._owner_keys(change) if change.kind == kinds.POD.id else ()

    def follow(self, of: Object) -> float | None:
        pods = self._parts.pods_of(of)
        nodes = [each for each in self._store.all(kinds.NODE.id) if self._may_be_on(of, each)]
        if not objects.is_deleting(of):
            self._level(of, nodes, pods)
        return self._count(of, nodes)

    def _level(self, of: Object, nodes: Sequence[Object], pods: Sequence[Object]) -> None:
        wanted = {objects.name(each) for each in nodes}
        here: set[str] = set()
        for pod in pods:
            node = _node_of(pod)
            if objects.is_deleting(pod):
                here.add(node)  # its successor comes when it is gone
            elif objects.has_ended(pod) or node not in wanted or node in here:
                self._registry.delete(kinds.POD, objects.key(pod))
            else:
                here.add(node)
        for node in sorted(wanted - here):
            made = self._registry.create(kinds.POD, self._pod(of, node))
            self._parts.events.tell(of, "SuccessfulCreate", f"Created pod: {objects.name(made)}", source=_SOURCE)
        self._renew(of, pods, len(nodes))

    def _renew(self, of: Object, pods: Sequence[Object], count: int) -> None:
        """Delete pods of an old template, as many as may be missing at a time."""
        strategy = objects.spec(of)["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        most = percent((strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), count, up=True)
        new = str(objects.meta(of)["generation"])
        old = [each for each in pods if is_active(each) and objects.labels(each).get(_GENERATION) != new]
        missing = count - sum(is_active(each) and is_ready(each) for each in self._parts.pods_of(of))
        unready = [each for each in old if not is_ready(each)]
        for pod in (*unready, *[each for each in old if is_ready(each)][: max(most - missing, 0)]):
            self._registry.delete(kinds.POD, objects.key(pod))

    def _pod(self, of: Object, node: str) -> Draft:
        extra = {_GENERATION: str(objects.meta(of)["generation"])}
        made = pod_from(objects.spec(of)["template"], of, prefix=f"{objects.name(of)}-", extra=extra)
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        made["spec"]["affinity"] = {**(made["spec"].get("affinity") or {}), "nodeAffinity": required}
        made["spec"]["tolerations"] = [*(made["spec"].get("tolerations") or []), *map(dict, _BORNE)]
        return made

    def _may_be_on(self, of: Object, node: Object) -> bool:
        """Whether the template's own selectors and tolerations let it be there."""
        spec = dict(objects.spec(objects.spec(of)["template"]))
        spec["tolerations"] = [*(spec.get("tolerations") or []), *_BORNE]
        bare = [{"name": each["name"]} for each in spec["containers"]]  # room is the scheduler's to find
        return not fitting.refusal({"metadata": {}, "spec": {**spec, "containers": bare}}, Room(node, ()), ())

    def _count(self, of: Object, nodes: Sequence[Object]) -> float | None:
        wanted, now = {objects.name(each) for each in nodes}, self._parts.now
        pods = [each for each in self._parts.pods_of(of) if is_active(each)]
        right = [each for each in pods if _node_of(each) in wanted]
        new = str(objects.meta(of)["generation"])
        min_ready_s = self._parts.pace.seconds(float(objects.spec(of).get("minReadySeconds", 0)))
        moments = [at for each in right if (at := available_at(each, min_ready_s)) is not None]
        available = sum(at <= now for at in moments)
        counts: dict[str, Any] = {
            "desiredNumberScheduled": len(wanted),
            "currentNumberScheduled": len(right),
            "numberMisscheduled": len(pods) - len(right),
            "numberReady": sum(map(is_ready, right)),
            "numberAvailable": available,
            "numberUnavailable": len(wanted) - available,
            "updatedNumberScheduled": sum(objects.labels(each).get(_GENERATION) == new for each in right),
            "observedGeneration": objects.meta(of)["generation"],
        }
        self._registry.set_status(kinds.DAEMON_SET, of, counts)
        return min((at - now for at in moments if at > now), default=None)


def _node_of(pod: Object) -> str:
    """The node it is on, or is to be on."""
    bound = objects.spec(pod).get("nodeName")
    if bound:
        return str(bound)
    affinity = (objects.spec(pod).get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    fields = [each for term in terms for each in term.get("matchFields") or ()]
    return str(fields[0]["values"][0]) if fields else ""

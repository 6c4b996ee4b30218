"""PodDisruptionBudgets: how many of its pods may be evicted now.

Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/; k8s.io/kubernetes,
pkg/controller/disruption/disruption.go
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, is_active, is_ready, percent
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects, selectors
from infrastructure.embedded.kubernetes.store.objects import Key, Object
from infrastructure.embedded.kubernetes.store.selectors import Matches
from infrastructure.embedded.kubernetes.store.store import Change

_FORGOTTEN_S = 120.0
"""When a pod that was to be evicted, and is not, counts again."""
_SCALED = {kind.name: kind for kind in (kinds.REPLICA_SET, kinds.DEPLOYMENT)}


class Budgets(ObjectController):
    """Counts, and writes the status that evictions are decided by."""

    name: ClassVar[str] = "budgets"
    kind: ClassVar[Kind] = kinds.BUDGET

    def touched(self, change: Change) -> Iterable[Key]:
        if change.kind not in (kinds.POD.id, *(kind.id for kind in _SCALED.values())):
            return
        about = change.object
        for budget in self._store.all(kinds.BUDGET.id, objects.namespace(about)):
            if change.kind != kinds.POD.id or _coverage(budget)(about):
                yield objects.key(budget)

    def follow(self, of: Object) -> float | None:
        every = self._store.all(kinds.POD.id, objects.namespace(of))
        covers = _coverage(of)
        pods = [each for each in every if covers(each) and is_active(each)]
        disrupted, wait_s = self._disrupted(of, {objects.name(each): each for each in pods})
        healthy = sum(is_ready(each) and objects.name(each) not in disrupted for each in pods)
        expected, desired = self._wanted(of, pods)
        allowed = max(healthy - desired, 0) if expected > 0 else 0
        reason = "SufficientPods" if allowed else "InsufficientPods"
        condition = {
            "type": "DisruptionAllowed",
            "status": "True" if allowed else "False",
            "reason": reason,
            "message": "",
            "observedGeneration": objects.meta(of)["generation"],
        }
        status: dict[str, Any] = {
            "conditions": objects.with_condition(
                objects.status(of).get("conditions") or (), condition, self._registry.now
            ),
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": objects.meta(of)["generation"],
        }
        self._registry.set_status(kinds.BUDGET, of, {**status, **({"disruptedPods": disrupted} if disrupted else {})})
        return wait_s

    def _disrupted(self, of: Object, pods: dict[str, Object]) -> tuple[dict[str, str], float | None]:
        """Those that were let go and are still there, and when the first of them is forgotten."""
        now, forgotten_s = self._parts.now, self._parts.pace.seconds(_FORGOTTEN_S, at_least=5.0)
        kept = {
            name: at
            for name, at in (objects.status(of).get("disruptedPods") or {}).items()
            if name in pods and objects.seconds(at) + forgotten_s > now
        }
        return kept, min((objects.seconds(at) + forgotten_s - now for at in kept.values()), default=None)

    def _wanted(self, of: Object, pods: Sequence[Object]) -> tuple[int, int]:
        """How many pods there should be, and how many of them healthy."""
        spec = objects.spec(of)
        least, most_missing = spec.get("minAvailable"), spec.get("maxUnavailable")
        if most_missing is None and isinstance(least, int):
            return len(pods), least
        expected = self._expected(pods)
        if most_missing is not None:
            return expected, max(expected - percent(most_missing, expected, up=True), 0)
        return expected, percent(least if least is not None else 0, expected, up=True)

    def _expected(self, pods: Sequence[Object]) -> int:
        """The replicas of whatever controls the pods, at the top."""
        found: dict[str, int] = {}
        for pod in pods:
            top = self._top(pod)
            found[objects.uid(top)] = int(objects.spec(top).get("replicas", 1)) if top is not pod else 1
        return sum(found.values())

    def _top(self, of: Object) -> Object:
        reference = objects.owner(of)
        kind = _SCALED.get(reference["kind"]) if reference is not None else None
        if kind is None or reference is None:
            return of
        parent = self._store.get(kind.id, (objects.namespace(of), reference["name"]))
        return self._top(parent) if parent is not None else of


def _coverage(budget: Object) -> Matches:
    """Which pods it is about."""
    chosen = selectors.of_selector(objects.spec(budget).get("selector"))
    return lambda pod: chosen(objects.labels(pod))

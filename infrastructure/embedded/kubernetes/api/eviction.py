"""An eviction is a deletion that a disruption budget may refuse.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/; k8s.io/kubernetes,
pkg/registry/core/pod/storage/eviction.go
"""

from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import errors, objects, selectors
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.registry import Deletion, Registry

_TEXT = "Cannot evict pod as it would violate the pod's disruption budget."
_CAUSE = "DisruptionBudget"


def evict(registry: Registry, pod: Object, how: Deletion) -> dict[str, Any]:
    """Delete the pod, if its budget allows it. `ApiError` 429 with the budget's words."""
    budgets = _budgets(registry, pod)
    if _is_counted(pod) and budgets:
        if len(budgets) > 1:
            raise ApiError(
                500,
                "InternalError",
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            )
        _spend(registry, budgets[0], pod, how)
    registry.delete(kinds.POD, objects.key(pod), how)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _is_counted(pod: Object) -> bool:
    """Whether its end is a disruption: it is not one of what has ended, is ending, or has never run."""
    return not objects.is_deleting(pod) and objects.status(pod).get("phase") not in ("Succeeded", "Failed", "Pending")


def _budgets(registry: Registry, pod: Object) -> list[Object]:
    found = registry.store.all(kinds.BUDGET.id, objects.namespace(pod))
    return [each for each in found if selectors.of_selector(objects.spec(each).get("selector"))(objects.labels(pod))]


def _spend(registry: Registry, budget: Object, pod: Object, how: Deletion) -> None:
    status, name = objects.status(budget), objects.name(budget)
    if not objects.is_true(pod, "Ready") and _may_go_unhealthy(budget):
        return
    if status.get("observedGeneration", 0) < objects.meta(budget)["generation"]:
        told = f"The disruption budget {name} is still being processed by the server."
        raise errors.too_many(_TEXT, {"reason": _CAUSE, "message": told}, 10)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        told = f"The disruption budget {name} needs {needs} healthy pods and has {has} currently"
        raise errors.too_many(_TEXT, {"reason": _CAUSE, "message": told})
    if how.is_dry:
        return
    disrupted = {**(status.get("disruptedPods") or {}), objects.name(pod): registry.now}
    registry.set_status(kinds.BUDGET, budget, {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": disrupted})


def _may_go_unhealthy(budget: Object) -> bool:
    """Whether a pod that is not ready may go whatever the budget says."""
    if objects.spec(budget).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = objects.status(budget)
    wanted = status.get("desiredHealthy", 0)
    return bool(status.get("currentHealthy", 0) >= wanted > 0)

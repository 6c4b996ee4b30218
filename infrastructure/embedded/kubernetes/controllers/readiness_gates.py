"""A pod that is ready only once its target is healthy: the gate in its spec, and the condition that opens it.

In a namespace with the label `eks.amazonaws.com/pod-readiness-gate-inject: enabled` every new pod that a binding's
service selects gets one. Source: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate/
"""

from collections.abc import Iterable

from infrastructure.embedded.kubernetes.controllers.services import selects
from infrastructure.embedded.kubernetes.controllers.target_groups import TargetHealth
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.store.store import Store

_LABEL = "eks.amazonaws.com/pod-readiness-gate-inject"
_PREFIX = "target-health.eks.amazonaws.com/"


def condition_of(binding: Object) -> str:
    """The type of the condition that says how a binding's targets are."""
    return _PREFIX + objects.name(binding)


def has_gate(pod: Object, condition: str) -> bool:
    """Whether the pod waits for that condition."""
    gates = objects.spec(pod).get("readinessGates") or ()
    return any(each["conditionType"] == condition for each in gates)


def bindings_of(pod: Object) -> Iterable[str]:
    """The names of the bindings that the pod waits for."""
    for each in objects.spec(pod).get("readinessGates") or ():
        if each["conditionType"].startswith(_PREFIX):
            yield each["conditionType"].removeprefix(_PREFIX)


def inject(pod: Draft, store: Store) -> None:
    """Give a new pod the gates of all bindings that it will be a target of."""
    namespace = objects.namespace(pod)
    inside = store.get(kinds.NAMESPACE.id, ("", namespace))
    if inside is None or objects.labels(inside).get(_LABEL) != "enabled":
        return
    for binding in store.all(kinds.TARGET_GROUP_BINDING.id, namespace):
        service = store.get(kinds.SERVICE.id, (namespace, objects.spec(binding)["serviceRef"]["name"]))
        condition = condition_of(binding)
        if service is not None and selects(service, pod) and not has_gate(pod, condition):
            pod["spec"].setdefault("readinessGates", []).append({"conditionType": condition})


def write(pod: Object, condition: str, health: TargetHealth, registry: Registry) -> None:
    """Tell the pod how its target is; once it was healthy, it is not asked any more."""
    if objects.is_true(pod, condition):
        return
    why = {} if health.state == "healthy" else {"reason": health.reason, "message": health.description}
    new = {"type": condition, "status": "True" if health.state == "healthy" else "False", **why}
    status = objects.status(pod)
    made = objects.with_condition(status.get("conditions") or (), new, registry.now, probed=True)
    registry.set_status(kinds.POD, pod, {**status, "conditions": made})

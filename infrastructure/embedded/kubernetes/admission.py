"""What the API server adds to new objects before it keeps them, as its own admission plugins do.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/ (DefaultTolerationSeconds,
Priority, ServiceAccount)
"""

from infrastructure.embedded.kubernetes import service_accounts
from infrastructure.embedded.kubernetes.controllers import jobs, readiness_gates
from infrastructure.embedded.kubernetes.controllers.nodes import NOT_READY, UNREACHABLE
from infrastructure.embedded.kubernetes.kubelet.pod_status import quality
from infrastructure.embedded.kubernetes.network.allocation import AddressSource, ServiceAllocator
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store.objects import Draft
from infrastructure.embedded.kubernetes.store.registry import Registry

_TOLERATED_S = 300


def install(registry: Registry, addresses: AddressSource) -> None:
    """Have `registry` do so; services get `addresses`."""

    def pod(made: Draft) -> None:
        service_accounts.admit(made, registry.store)
        _pod(made)
        readiness_gates.inject(made, registry.store)

    ServiceAllocator(registry, addresses)
    registry.admission |= {kinds.POD.id: pod, kinds.JOB.id: jobs.admit}


def _pod(made: Draft) -> None:
    spec = made["spec"]
    spec.setdefault("enableServiceLinks", True)
    spec |= {"priority": spec.get("priority", 0), "preemptionPolicy": "PreemptLowerPriority"}
    tolerations = spec.setdefault("tolerations", [])
    for key in (NOT_READY, UNREACHABLE):
        if not any(
            each.get("key", key) == key and each.get("effect", "NoExecute") == "NoExecute" for each in tolerations
        ):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATED_S}
            )
    made["status"] = {"phase": "Pending", "qosClass": quality(made)}

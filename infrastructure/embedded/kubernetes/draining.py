"""A node is emptied as EKS does it before an instance goes: cordoned, then its pods are evicted as budgets let them.

Source: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html
"""

from typing import Any

from infrastructure.embedded.kubernetes.api.eviction import evict
from infrastructure.embedded.kubernetes.controllers.parts import Parts
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion

_REFUSED = 429


def drain(parts: Parts, name: str) -> bool:
    """One round: what a budget keeps is asked again in the next one. Whether no pod is left but those of DaemonSets."""
    registry = parts.registry
    node = registry.store.get(kinds.NODE.id, ("", name))
    if node is not None and not objects.spec(node).get("unschedulable"):
        registry.change(kinds.NODE, ("", name), _cordon)
    left = [pod for pod in parts.on_node.of(name, kinds.POD) if not _stays(pod)]
    for pod in left:
        if not objects.is_deleting(pod):
            try:
                evict(registry, pod, Deletion())
            except ApiError as refusal:
                if refusal.code != _REFUSED:
                    raise
    return not left


def _cordon(node: Draft) -> None:
    node.setdefault("spec", {})["unschedulable"] = True


def _stays(pod: Object) -> bool:
    owners: list[Any] = objects.meta(pod).get("ownerReferences") or []
    return objects.has_ended(pod) or any(each["kind"] == "DaemonSet" for each in owners)

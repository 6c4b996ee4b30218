"""Namespaces: each has a service account; one that is deleted goes when nothing is in it any more.

Source: https://kubernetes.io/docs/tasks/administer-cluster/namespaces/
"""

from collections.abc import Iterable
from typing import ClassVar

from infrastructure.embedded.kubernetes.controllers.parts import ObjectController
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import KINDS, Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion
from infrastructure.embedded.kubernetes.store.store import Change

_INSIDE = tuple(kind for kind in KINDS if kind.is_namespaced and kind.is_stored)


class Namespaces(ObjectController):
    """Fills a new one, empties one that is to go."""

    name: ClassVar[str] = "namespaces"
    kind: ClassVar[Kind] = kinds.NAMESPACE

    def touched(self, change: Change) -> Iterable[Key]:
        """One that is being emptied is looked at again with each object that goes."""
        namespace = objects.namespace(change.object)
        found = self._store.get(kinds.NAMESPACE.id, ("", namespace)) if change.after is None and namespace else None
        return (("", namespace),) if found is not None and objects.is_deleting(found) else ()

    def follow(self, of: Object) -> float | None:
        name = objects.name(of)
        if not objects.is_deleting(of):
            if self._store.get(kinds.SERVICE_ACCOUNT.id, (name, "default")) is None:
                self._registry.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": name}})
            return None
        for kind in _INSIDE:
            for each in self._store.all(kind.id, name):
                if not objects.is_deleting(each):
                    self._registry.delete(kind, objects.key(each), Deletion(propagation="Background"))
        if not any(self._store.all(kind.id, name) for kind in _INSIDE):
            self._registry.change(kinds.NAMESPACE, ("", name), _finish)
        return None


def _finish(made: Draft) -> None:
    made["spec"] = {"finalizers": []}

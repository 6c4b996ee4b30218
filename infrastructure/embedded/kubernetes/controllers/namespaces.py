"""Namespaces: each has a service account, and the certificate of the cluster's authority for its pods; one that is
deleted goes when nothing is in it any more.

Source: https://kubernetes.io/docs/tasks/administer-cluster/namespaces/
"""

from collections.abc import Callable, Iterable
from typing import ClassVar

from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, Parts
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import KINDS, Kind
from infrastructure.embedded.kubernetes.service_accounts import AUTHORITY, AUTHORITY_KEY, DEFAULT
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion
from infrastructure.embedded.kubernetes.store.store import Change

_INSIDE = tuple(kind for kind in KINDS if kind.is_namespaced and kind.is_stored)

_OWN = frozenset({(kinds.CONFIG_MAP.id, AUTHORITY), (kinds.SERVICE_ACCOUNT.id, DEFAULT)})


class Namespaces(ObjectController):
    """Fills a new one, empties one that is to go."""

    name: ClassVar[str] = "namespaces"
    kind: ClassVar[Kind] = kinds.NAMESPACE

    def __init__(self, parts: Parts, authority: Callable[[], bytes]) -> None:
        super().__init__(parts)
        self._authority = authority

    def touched(self, change: Change) -> Iterable[Key]:
        """One that is being emptied is looked at again with each object that goes; any other, when its own do."""
        namespace = objects.namespace(change.object)
        found = self._store.get(kinds.NAMESPACE.id, ("", namespace)) if change.after is None and namespace else None
        is_own = (change.kind, objects.name(change.object)) in _OWN
        return (("", namespace),) if found is not None and (is_own or objects.is_deleting(found)) else ()

    def follow(self, of: Object) -> float | None:
        name = objects.name(of)
        if not objects.is_deleting(of):
            self._fill(name)
            return None
        for kind in _INSIDE:
            for each in self._store.all(kind.id, name):
                if not objects.is_deleting(each):
                    self._registry.delete(kind, objects.key(each), Deletion(propagation="Background"))
        if not any(self._store.all(kind.id, name) for kind in _INSIDE):
            self._registry.change(kinds.NAMESPACE, ("", name), _finish)
        return None

    def _fill(self, name: str) -> None:
        if self._store.get(kinds.CONFIG_MAP.id, (name, AUTHORITY)) is None:
            made = {
                "metadata": {"name": AUTHORITY, "namespace": name},
                "data": {AUTHORITY_KEY: self._authority().decode()},
            }
            self._registry.create(kinds.CONFIG_MAP, made)
        if self._store.get(kinds.SERVICE_ACCOUNT.id, (name, DEFAULT)) is None:
            self._registry.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": DEFAULT, "namespace": name}})


def _finish(made: Draft) -> None:
    made["spec"] = {"finalizers": []}

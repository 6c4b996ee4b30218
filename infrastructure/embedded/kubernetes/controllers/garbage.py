"""What belongs to something that is gone, goes too.

Background: the owner goes at once, what it owns afterwards. Foreground: the owner waits for what it owns. Orphan: what
it owns is given up first.
Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from collections.abc import Collection, Iterable
from typing import ClassVar

from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, Parts
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import KINDS, Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import FOREGROUND, ORPHAN, Deletion
from infrastructure.embedded.kubernetes.store.store import Change

_BY_ID = {kind.id: kind for kind in KINDS if kind.is_stored}


class Garbage(ObjectController):
    """One pass for one owner that is gone or going, by its uid."""

    name: ClassVar[str] = "garbage"
    kind: ClassVar[Kind] = kinds.POD

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._owners: dict[str, Object | None] = {}

    def keys(self) -> Collection[str]:
        return [f"/{uid}" for uid in self._owners]

    def concerned(self, change: Change) -> Iterable[Key]:
        about = change.object
        if change.after is None:
            self._owners[objects.uid(about)] = None
            yield "", objects.uid(about)
        elif set(objects.meta(about).get("finalizers") or ()) & {FOREGROUND, ORPHAN}:
            self._owners[objects.uid(about)] = about
            yield "", objects.uid(about)
        for reference in objects.meta(about).get("ownerReferences") or ():
            if reference["uid"] in self._owners:
                yield "", reference["uid"]

    async def reconcile(self, key: str) -> float | None:
        uid = key.removeprefix("/")
        owner = self._owners.get(uid)
        held = set(objects.meta(owner).get("finalizers") or ()) if owner is not None else set()
        dependents = self._parts.owned.all_of(uid)
        for kind_id, at in dependents:
            kind = _BY_ID[kind_id]
            each = self._store.get(kind_id, at)
            if each is None:
                continue
            if ORPHAN in held:
                self._give_up(kind, each, uid)
            elif not objects.is_deleting(each) and not self._has_other_owner(each, uid):
                self._registry.delete(
                    kind, at, Deletion(propagation="Foreground" if FOREGROUND in held else "Background")
                )
        if owner is None or not self._is_waited_for(uid, held):
            self._owners.pop(uid, None)
            if owner is not None:
                self._let_go(owner)
        return None

    def _is_waited_for(self, uid: str, held: set[str]) -> bool:
        return FOREGROUND in held and bool(self._parts.owned.all_of(uid))

    def _has_other_owner(self, each: Object, uid: str) -> bool:
        """Whether somebody else who owns it is still there."""
        others = [one for one in objects.meta(each).get("ownerReferences") or () if one["uid"] != uid]
        return any(self._is_there(one, objects.namespace(each)) for one in others)

    def _is_there(self, reference: Object, namespace: str) -> bool:
        kind = kinds.called(reference["apiVersion"], reference["kind"])
        if kind is None:
            return False
        found = self._store.get(kind.id, (namespace if kind.is_namespaced else "", reference["name"]))
        return found is not None and objects.uid(found) == reference["uid"]

    def _give_up(self, kind: Kind, each: Object, uid: str) -> None:
        def change(made: Draft) -> None:
            kept = [one for one in made["metadata"]["ownerReferences"] if one["uid"] != uid]
            made["metadata"]["ownerReferences"] = kept

        self._registry.change(kind, objects.key(each), change)

    def _let_go(self, owner: Object) -> None:
        kind = kinds.called(owner["apiVersion"], owner["kind"])
        if kind is None or self._store.get(kind.id, objects.key(owner)) is None:
            return

        def change(made: Draft) -> None:
            kept = [each for each in made["metadata"].get("finalizers") or () if each not in (FOREGROUND, ORPHAN)]
            made["metadata"].pop("finalizers", None)
            made["metadata"] |= {"finalizers": kept} if kept else {}

        self._registry.change(kind, objects.key(owner), change)

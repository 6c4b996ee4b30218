"""The one way to create, change and delete an object, for the API and for the controllers alike.

    given ──▶ complete (defaults, metadata) ──▶ rules ──▶ store
    delete ──▶ finalizers or grace left? ── yes ──▶ marked with a deletionTimestamp, gone when the last one is
                                         └─ no ───▶ gone

Nothing here waits, so what is read and put back in one call is not changed by anybody in between.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/, k8s.io/apiserver, pkg/registry/generic/registry
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.kubernetes.schema import defaults, kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import errors, objects, rules
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.store import Store

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names: no vowels, so that no words come of it (k8s.io/apimachinery, pkg/util/rand)."""
_RANDOM = 5
ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
"""Finalizers that the garbage collector takes away."""
_OURS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")
"""Metadata that is the server's alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """How to delete. `grace_s` None is the object's own; `propagation` empty is the kind's."""

    grace_s: int | None = None
    propagation: str = ""
    uid: str = ""
    version: str = ""
    is_dry: bool = False


class Registry:
    """What is in `admission`, by kind, may add to an object that is being created, or refuse it.

    What is in `preparation` may do so with one that is being changed; it gets it as it was and as it is to be.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock
        self.admission: dict[str, Callable[[Draft], None]] = {}
        self.preparation: dict[str, Callable[[Object, Draft], None]] = {}

    @property
    def now(self) -> str:
        return objects.stamp(self.clock())

    def get(self, kind: Kind, at: Key) -> Object:
        found = self.store.get(kind.id, at)
        if found is None:
            raise errors.not_found(kind, at[1])
        return found

    def create(self, kind: Kind, given: Draft, *, is_dry: bool = False) -> Object:
        """The new object. `given` belongs to the registry from now on."""
        made = given
        made.update(apiVersion=kind.api_version, kind=kind.name)
        meta = made.setdefault("metadata", {})
        for name in (*_OURS, "resourceVersion"):
            meta.pop(name, None)
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM))
        meta |= {"uid": objects.new_uid(), "creationTimestamp": self.now}
        if kind.has_generation:
            meta["generation"] = 1
        if kind.has_status:
            made["status"] = made.get("status") or {}
        defaults.complete(made, kind)
        self._check(made, kind)
        self._admit(made, kind)
        if self.store.get(kind.id, objects.key(made)) is not None:
            raise errors.already_exists(kind, objects.name(made))
        return made if is_dry else self.store.put(kind.id, made)

    def update(self, kind: Kind, given: Draft, *, part: str = "", is_dry: bool = False) -> Object:
        """The changed object; `part` is `status` for what only the status' owner writes, `spec` for all else.

        The `given` belongs to the registry from now on. Its resourceVersion, where there is one, must be the latest.
        """
        before = self.get(kind, objects.key(given))
        given = {**given, "apiVersion": kind.api_version, "kind": kind.name, "metadata": dict(objects.meta(given))}
        self._same(kind, before, given)
        expected = given["metadata"].get("resourceVersion") or ""
        given["metadata"]["resourceVersion"] = objects.meta(before)["resourceVersion"]
        for name in _OURS:
            given["metadata"].pop(name, None)
        given["metadata"] |= {name: objects.meta(before)[name] for name in _OURS if name in objects.meta(before)}
        if kind.has_status and part == "status":
            given = {**before, "status": given.get("status") or {}}
            given["metadata"] = dict(objects.meta(before))
        elif kind.has_status:
            given["status"] = before.get("status") or {}
        if part != "status":
            defaults.complete(given, kind)
            if kind.id in self.preparation:
                given["spec"] = dict(given.get("spec") or {})
                self.preparation[kind.id](before, given)
            self._check(given, kind, before)
            if kind.has_generation and _wanted(given) != _wanted(before):
                given["metadata"]["generation"] = objects.meta(before)["generation"] + 1
        return self._kept(kind, before, given, expected, is_dry=is_dry)

    def change(self, kind: Kind, at: Key, change: Callable[[Draft], None], *, part: str = "") -> Object:
        """`update` an object by a function over a copy of it; for the controllers."""
        made = objects.draft(self.get(kind, at))
        change(made)
        return self.update(kind, made, part=part)

    def set_status(self, kind: Kind, of: Object, status: Mapping[str, Any]) -> Object:
        """Write an object's status, if it is still there."""
        if self.store.get(kind.id, objects.key(of)) is None:
            return of
        return self.update(
            kind, {**of, "metadata": {**objects.meta(of), "resourceVersion": ""}, "status": status}, part="status"
        )

    def delete(self, kind: Kind, at: Key, how: Deletion | None = None) -> tuple[Object, bool]:
        """The object as it is afterwards, and whether it is gone."""
        how = how or Deletion()
        before = self.get(kind, at)
        if (how.uid and how.uid != objects.uid(before)) or (
            how.version and how.version != objects.meta(before)["resourceVersion"]
        ):
            what = f"UID in precondition: {how.uid}, UID in object meta: {objects.uid(before)}"
            raise errors.conflict(kind, at[1], f"Precondition failed: {what}")
        grace_s = self._grace(kind, before, how)
        made = objects.draft(before)
        finalizers = _finalizers(made, how.propagation)
        is_held = finalizers or objects.spec(before).get("finalizers")  # the latter a namespace's
        if not is_held and not grace_s:
            return (before, True) if how.is_dry else (self.store.remove(kind.id, at), True)
        meta = made["metadata"]
        meta.pop("finalizers", None)
        meta |= {"finalizers": finalizers} if finalizers else {}
        if not objects.is_deleting(before) or grace_s < meta.get("deletionGracePeriodSeconds", grace_s + 1):
            meta["deletionGracePeriodSeconds"] = grace_s
            meta["deletionTimestamp"] = objects.stamp(self.clock() + grace_s)
            if kind.has_generation:
                meta["generation"] += 1
        if kind is kinds.NAMESPACE:
            made["status"] = {**made.get("status", {}), "phase": "Terminating"}
        return (made if how.is_dry else self.store.put(kind.id, made)), False

    def bind(self, at: Key, node: str) -> None:
        """Give a pod to a node, once. `ApiError` 409 when it has one, or is going."""
        pod = objects.draft(self.get(kinds.POD, at))
        given = objects.spec(pod).get("nodeName")
        if given or not node or objects.is_deleting(pod):
            why = f'pod {at[1]} is already assigned to node "{given}"' if given else f"pod {at[1]} is being deleted"
            raise errors.conflict(kinds.POD, at[1], why)
        pod["spec"]["nodeName"] = node
        told = {"type": "PodScheduled", "status": "True"}
        former = objects.status(pod).get("conditions") or ()
        pod["status"] = {
            **objects.status(pod),
            "conditions": objects.with_condition(former, told, self.now, probed=True),
        }
        self.store.put(kinds.POD.id, pod)

    def _grace(self, kind: Kind, before: Object, how: Deletion) -> int:
        """Only pods are given time, and only those that run, or might."""
        if kind is not kinds.POD or not objects.spec(before).get("nodeName"):
            return 0
        if objects.has_ended(before):
            return 0
        own = int(objects.spec(before).get("terminationGracePeriodSeconds", 30))
        return max(how.grace_s if how.grace_s is not None else own, 0)

    def _same(self, kind: Kind, before: Object, given: Object) -> None:
        uid = objects.meta(given).get("uid")
        if uid and uid != objects.uid(before):
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {objects.uid(before)}"
            raise errors.conflict(kind, objects.name(before), why)
        version = objects.meta(given).get("resourceVersion")
        if version and version != objects.meta(before)["resourceVersion"]:
            raise errors.conflict(kind, objects.name(before))

    def _kept(self, kind: Kind, before: Object, given: Draft, expected: str, *, is_dry: bool) -> Object:
        """Put it back; gone when it was to be deleted and nothing holds it any more."""
        if is_dry:
            return given
        is_held = objects.meta(given).get("finalizers") or objects.meta(given).get("deletionGracePeriodSeconds")
        if objects.is_deleting(given) and not is_held and not objects.spec(given).get("finalizers"):
            return self.store.remove(kind.id, objects.key(before))
        return self.store.put(kind.id, given, expected=expected)

    def _check(self, made: Object, kind: Kind, before: Object | None = None) -> None:
        causes = rules.problems(made, kind, before)
        if causes:
            raise errors.not_valid(kind, objects.name(made), causes)

    def _admit(self, made: Draft, kind: Kind) -> None:
        namespace = objects.namespace(made)
        if kind.is_namespaced:
            inside = self.store.get(kinds.NAMESPACE.id, ("", namespace))
            if inside is None:
                raise errors.not_found(kinds.NAMESPACE, namespace)
            if objects.is_deleting(inside):
                why = f"unable to create new content in namespace {namespace} because it is being terminated"
                raise errors.forbidden(kind, objects.name(made), why)
        if kind.id in self.admission:
            self.admission[kind.id](made)


def _wanted(of: Object) -> dict[str, Any]:
    return {name: value for name, value in of.items() if name not in ("metadata", "status")}


def _finalizers(of: Object, propagation: str) -> list[str]:
    """Those it has, with the one that the way of deletion asks for."""
    found = [each for each in objects.meta(of).get("finalizers") or () if each not in (ORPHAN, FOREGROUND)]
    asked = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(propagation, [])
    return [*found, *asked]

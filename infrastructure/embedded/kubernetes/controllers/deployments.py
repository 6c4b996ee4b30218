"""Deployments: each version of the template is a ReplicaSet; an update moves replicas from the old ones to the new one.

    template changed ──▶ new ReplicaSet, revision + 1 ──▶ up by maxSurge, old ones down by maxUnavailable ──▶ complete
                     └── one of an old version is there ──▶ it is the new one (that is what `rollout undo` does)

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/; k8s.io/kubernetes,
pkg/controller/deployment
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, percent
from infrastructure.embedded.kubernetes.controllers.rollout import progress
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import ALPHABET
from infrastructure.embedded.kubernetes.store.store import Change

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MOST = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration", REVISION, _DESIRED, _MOST})
_SOURCE = "deployment-controller"


class Deployments(ObjectController):
    """Makes ReplicaSets and moves replicas between them; they make the pods."""

    name: ClassVar[str] = "deployments"
    kind: ClassVar[Kind] = kinds.DEPLOYMENT

    def touched(self, change: Change) -> Iterable[Key]:
        return self._owner_keys(change) if change.kind == kinds.REPLICA_SET.id else ()

    def follow(self, of: Object) -> float | None:
        if objects.is_deleting(of):
            return None
        if not objects.spec(of).get("paused"):
            of = self._with_new(of)
        sets = self._sets(of)
        new = next((each for each in sets if _is_version_of(each, of)), None)
        old = [each for each in sets if each is not new]
        if objects.spec(of).get("paused") or _is_rescaled(sets, of):
            self._share(of, new, old)
        elif new is not None and objects.spec(of)["strategy"]["type"] == "Recreate":
            self._recreate(of, new, old)
        elif new is not None:
            self._roll(of, new, old)
        self._clean(of)
        return self._report(of)

    def _sets(self, of: Object) -> list[Object]:
        found = self._parts.owned.of(objects.uid(of), kinds.REPLICA_SET)
        return sorted(
            (each for each in found if objects.owned_by(each, of)),
            key=lambda each: (revision(each), objects.name(each)),
        )

    def _with_new(self, of: Object) -> Object:
        """Make sure of the version's ReplicaSet and its revision; the Deployment, which has that revision too."""
        sets = self._sets(of)
        new = next((each for each in sets if _is_version_of(each, of)), None)
        latest = max((revision(each) for each in sets if each is not new), default=0)
        number = str(max(latest + 1, revision(new) if new is not None else 0))
        if new is None:
            self._create(of, number)
        elif objects.annotations(new).get(REVISION) != number:
            self._registry.change(kinds.REPLICA_SET, objects.key(new), lambda made: _annotate(made, {REVISION: number}))
        if objects.annotations(of).get(REVISION) == number:
            return of
        return self._registry.change(
            kinds.DEPLOYMENT, objects.key(of), lambda made: _annotate(made, {REVISION: number})
        )

    def _create(self, of: Object, number: str) -> Object:
        spec, template = objects.spec(of), objects.draft(objects.spec(of)["template"])
        mark = _hash(template)
        template["metadata"] = {**(template.get("metadata") or {})}
        template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), HASH: mark}
        copied = {name: value for name, value in objects.annotations(of).items() if name not in _NOT_COPIED}
        selector = objects.draft(spec["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: mark}
        replicas = self._most_of_new(of, self._sets(of), 0)
        made = self._registry.create(
            kinds.REPLICA_SET,
            {
                "metadata": {
                    "name": f"{objects.name(of)}-{mark}",
                    "namespace": objects.namespace(of),
                    "labels": dict(template["metadata"]["labels"]),
                    "annotations": {**copied, REVISION: number, **_sizes(of)},
                    "ownerReferences": [objects.reference_to(of)],
                },
                "spec": {
                    "replicas": replicas,
                    "selector": selector,
                    "template": template,
                    **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
                },
            },
        )
        if replicas:
            self._record_scaling(of, f"Scaled up replica set {objects.name(made)} from 0 to {replicas}")
        return made

    def _most_of_new(self, of: Object, sets: Sequence[Object], has: int) -> int:
        """How many the new ReplicaSet may have now."""
        spec = objects.spec(of)
        wanted = int(spec["replicas"])
        if spec["strategy"]["type"] == "Recreate":
            return wanted if not any(objects.status(each).get("replicas") for each in sets) else 0
        total = sum(int(objects.spec(each)["replicas"]) for each in sets)
        room = max(wanted + _surge(of) - total, 0)
        return min(wanted, has + room)

    def _roll(self, of: Object, new: Object, old: Sequence[Object]) -> None:
        has, wanted = int(objects.spec(new)["replicas"]), int(objects.spec(of)["replicas"])
        if has > wanted:
            self._scale(of, new, wanted)
        elif has < wanted:
            grown = self._most_of_new(of, (*old, new), has)
            if grown != has:
                self._scale(of, new, grown)
                return
        self._shrink(of, new, old)

    def _shrink(self, of: Object, new: Object, old: Sequence[Object]) -> None:
        """Take from the old ones what may be missed: first what is not there anyway, then what is."""
        total = sum(int(objects.spec(each)["replicas"]) for each in (*old, new))
        least = int(objects.spec(of)["replicas"]) - _unavailable(of)
        unready = int(objects.spec(new)["replicas"]) - objects.status(new).get("availableReplicas", 0)
        spare = total - least - unready
        for each in old:
            size = int(objects.spec(each)["replicas"])
            unhealthy = size - objects.status(each).get("availableReplicas", 0)
            going = min(spare, size, unhealthy)
            if going > 0:
                self._scale(of, each, size - going)
                spare -= going
        live = self._sets(of)
        spare = min(spare, sum(objects.status(each).get("availableReplicas", 0) for each in live) - least)
        for each in (one for one in live if objects.uid(one) != objects.uid(new)):
            size = int(objects.spec(each)["replicas"])
            going = min(spare, size)
            if going > 0:
                self._scale(of, each, size - going)
                spare -= going

    def _recreate(self, of: Object, new: Object, old: Sequence[Object]) -> None:
        for each in old:
            if objects.spec(each)["replicas"]:
                self._scale(of, each, 0)
        if not any(self._parts.pods_of(each) for each in old):
            self._scale(of, new, int(objects.spec(of)["replicas"]))

    def _share(self, of: Object, new: Object | None, old: Sequence[Object]) -> None:
        """A new number of replicas during an update, or a pause: each version keeps its share."""
        live = [each for each in (*old, *((new,) if new else ())) if objects.spec(each)["replicas"]]
        if len(live) <= 1:
            only = live[0] if live else new
            if only is not None:
                self._scale(of, only, int(objects.spec(of)["replicas"]))
            return
        total = sum(int(objects.spec(each)["replicas"]) for each in live)
        goal = int(objects.spec(of)["replicas"]) + _surge(of)
        left = goal
        for number, each in enumerate(live):
            size = int(objects.spec(each)["replicas"])
            share = left if number == len(live) - 1 else min(round(size * goal / total), left)
            left -= share
            self._scale(of, each, share)

    def _scale(self, of: Object, each: Object, count: int) -> None:
        size = int(objects.spec(each)["replicas"])
        if size == count and all(objects.annotations(each).get(name) == value for name, value in _sizes(of).items()):
            return

        def change(made: Draft) -> None:
            made["spec"]["replicas"] = count
            _annotate(made, _sizes(of))

        self._registry.change(kinds.REPLICA_SET, objects.key(each), change)
        if size != count:
            way = "up" if count > size else "down"
            self._record_scaling(of, f"Scaled {way} replica set {objects.name(each)} from {size} to {count}")

    def _record_scaling(self, of: Object, message: str) -> None:
        self._parts.events.tell(of, "ScalingReplicaSet", message, source=_SOURCE)

    def _clean(self, of: Object) -> None:
        """Forget the oldest versions beyond the history that is kept."""
        old = [each for each in self._sets(of) if not _is_version_of(each, of)]
        empty = [
            each for each in old if not objects.spec(each)["replicas"] and not objects.status(each).get("replicas")
        ]
        for each in empty[: max(len(old) - int(objects.spec(of)["revisionHistoryLimit"]), 0)]:
            self._registry.delete(kinds.REPLICA_SET, objects.key(each))

    def _report(self, of: Object) -> float | None:
        sets = self._sets(of)
        new = next((each for each in sets if _is_version_of(each, of)), None)
        status, wait_s = progress(of, sets, new, self._parts.now, self._parts.pace)
        self._registry.set_status(kinds.DEPLOYMENT, of, status)
        return wait_s


def revision(of: Object) -> int:
    """Which version a ReplicaSet is; 0 when nobody says."""
    return int(objects.annotations(of).get(REVISION, "0"))


def _is_version_of(each: Object, of: Object) -> bool:
    return _plain(objects.spec(each)["template"]) == _plain(objects.spec(of)["template"])


def _plain(template: Object) -> dict[str, Any]:
    """A template without what we added to it."""
    meta = dict(template.get("metadata") or {})
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name != HASH}
    return {**template, "metadata": {**meta, "labels": labels}}


def _hash(template: Object) -> str:
    digest = hashlib.sha256(orjson.dumps(_plain(template), option=orjson.OPT_SORT_KEYS)).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:10])


def _annotate(made: Draft, new: Mapping[str, str]) -> None:
    made["metadata"]["annotations"] = {**(made["metadata"].get("annotations") or {}), **new}


def _surge(of: Object) -> int:
    spec = objects.spec(of)
    rolling = spec["strategy"].get("rollingUpdate")
    return percent(rolling["maxSurge"], int(spec["replicas"]), up=True) if rolling else 0


def _unavailable(of: Object) -> int:
    """At least one of both: an update that may neither add nor take away would stand still."""
    spec = objects.spec(of)
    rolling = spec["strategy"].get("rollingUpdate")
    found = percent(rolling["maxUnavailable"], int(spec["replicas"]), up=False) if rolling else 0
    return min(found or (0 if _surge(of) else 1), int(spec["replicas"]))


def _sizes(of: Object) -> dict[str, str]:
    """What a ReplicaSet remembers of the Deployment: by that a change of its size is noticed."""
    wanted = int(objects.spec(of)["replicas"])
    return {_DESIRED: str(wanted), _MOST: str(wanted + _surge(of))}


def _is_rescaled(sets: Sequence[Object], of: Object) -> bool:
    live = [each for each in sets if objects.spec(each)["replicas"]]
    wanted = str(objects.spec(of)["replicas"])
    return any(objects.annotations(each).get(_DESIRED, wanted) != wanted for each in live)

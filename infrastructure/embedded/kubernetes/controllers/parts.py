"""What controllers share: the objects, who owns whom, the events they tell, and the seam to the reconciler."""

import collections
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.store.store import Change, Store
from infrastructure.embedded.pace import Pace

_MOST_EVENTS = 1_000
"""Events that are kept; the real server keeps an hour of them."""


def text_of(at: Key) -> str:
    """A key as the reconciler has it."""
    return f"{at[0]}/{at[1]}"


def key_of(text: str) -> Key:
    """A key as the store has it."""
    namespace, _, name = text.partition("/")
    return namespace, name


class Keys(Collection[str]):
    """The objects of a kind, by their keys as text."""

    def __init__(self, store: Store, kind: Kind) -> None:
        self._store = store
        self._kind = kind

    def __contains__(self, text: object) -> bool:
        return self._store.get(self._kind.id, key_of(str(text))) is not None

    def __iter__(self) -> Iterator[str]:
        return map(text_of, list(self._store.keys(self._kind.id)))

    def __len__(self) -> int:
        return sum(1 for _ in self._store.keys(self._kind.id))


class Index:
    """Objects of some kinds by what they name: their owner, their node. Follows the store."""

    def __init__(self, store: Store, watched: Collection[Kind], names: Callable[[Object], Iterable[str]]) -> None:
        self._store = store
        self._kinds = {kind.id for kind in watched}
        self._names = names
        self._found: dict[str, dict[tuple[str, Key], None]] = collections.defaultdict(dict)
        store.listen(self._changed)

    def of(self, name: str, kind: Kind) -> list[Object]:
        """Those of a kind that name `name`."""
        found = (self._store.get(kind.id, at) for each, at in self._found.get(name, {}) if each == kind.id)
        return [each for each in found if each is not None]

    def all_of(self, name: str) -> list[tuple[str, Key]]:
        """Those of any kind."""
        return list(self._found.get(name, {}))

    def _changed(self, change: Change) -> None:
        if change.kind not in self._kinds:
            return
        at = objects.key(change.object)
        before = set(self._names(change.before)) if change.before is not None else set()
        after = set(self._names(change.after)) if change.after is not None else set()
        for name in before - after:
            self._found[name].pop((change.kind, at), None)
            if not self._found[name]:
                del self._found[name]
        for name in after - before:
            self._found[name][change.kind, at] = None


class Events:
    """Writes what happened to an object where `kubectl describe` finds it; the same again is counted.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: collections.OrderedDict[tuple[str, ...], Key] = collections.OrderedDict()

    def tell(
        self, about: Object, reason: str, message: str, *, source: str, warning: bool = False, field: str = ""
    ) -> None:
        """`field` is the part of the object that it is about, a container for one."""
        same = (objects.uid(about), reason, message, source, field)
        known = self._registry.store.get(kinds.EVENT.id, self._known.get(same, ("", "")))
        if known is not None:
            again = {"count": known["count"] + 1, "lastTimestamp": self._registry.now}
            self._registry.update(kinds.EVENT, {**objects.draft(known), **again})
            return
        namespace = objects.namespace(about) or "default"
        if self._registry.store.get(kinds.NAMESPACE.id, ("", namespace)) is None:
            return
        made = self._made(about, reason, message, source, field)
        made["type"] = "Warning" if warning else "Normal"
        self._registry.store.put(kinds.EVENT.id, made)
        self._known[same] = objects.key(made)
        self._forget()

    def _made(self, about: Object, reason: str, message: str, source: str, field: str) -> Draft:
        uid, now = objects.new_uid(), self._registry.now
        namespace = objects.namespace(about) or "default"
        place = {"namespace": objects.namespace(about)} if objects.namespace(about) else {}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{objects.name(about)}.{uid[:8]}{uid[9:13]}",
                "namespace": namespace,
                "uid": uid,
                "creationTimestamp": now,
            },
            "involvedObject": {
                "kind": about["kind"],
                **place,
                "name": objects.name(about),
                "uid": objects.uid(about),
                "apiVersion": about["apiVersion"],
                "resourceVersion": objects.meta(about).get("resourceVersion", ""),
                **({"fieldPath": field} if field else {}),
            },
            "reason": reason,
            "message": message,
            "source": {"component": source},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "eventTime": None,
            "reportingComponent": source,
            "reportingInstance": "",
        }

    def _forget(self) -> None:
        while len(self._known) > _MOST_EVENTS:
            _, oldest = self._known.popitem(last=False)
            if self._registry.store.get(kinds.EVENT.id, oldest) is not None:
                self._registry.store.remove(kinds.EVENT.id, oldest)


_OWNED = (
    kinds.POD,
    kinds.REPLICA_SET,
    kinds.JOB,
    kinds.ENDPOINT_SLICE,
    kinds.CONFIG_MAP,
    kinds.SECRET,
    kinds.LEASE,
    kinds.SERVICE,
    kinds.DEPLOYMENT,
    kinds.DAEMON_SET,
    kinds.CRON_JOB,
    kinds.BUDGET,
    kinds.AUTOSCALER,
    kinds.SERVICE_ACCOUNT,
    kinds.ROLE,
    kinds.ROLE_BINDING,
    kinds.TARGET_GROUP_BINDING,
)


def _owners(of: Object) -> list[str]:
    return [each["uid"] for each in objects.meta(of).get("ownerReferences") or ()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every controller gets. `owned` is by the owner's uid, `on_node` by the node's name."""

    registry: Registry
    events: Events
    owned: Index
    on_node: Index
    pace: Pace

    @classmethod
    def of(cls, registry: Registry, pace: Pace) -> "Parts":
        store = registry.store
        return cls(
            registry=registry,
            events=Events(registry),
            owned=Index(store, _OWNED, _owners),
            on_node=Index(store, (kinds.POD,), lambda of: filter(None, (objects.spec(of).get("nodeName"),))),
            pace=pace,
        )

    @property
    def store(self) -> Store:
        return self.registry.store

    @property
    def now(self) -> float:
        return self.registry.clock()

    def pods_of(self, parent: Object) -> list[Object]:
        """The pods that `parent` controls."""
        return [each for each in self.owned.of(objects.uid(parent), kinds.POD) if objects.owned_by(each, parent)]


class ObjectController:
    """Makes the cluster follow the objects of one kind; one pass is for one object.

    `concerned` says which objects of its kind a change of any object is about; a change of its own kind is about
    itself.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    watches: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._registry = parts.registry
        self._store = parts.store

    def keys(self) -> Collection[str]:
        return Keys(self._store, self.kind)

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.kind == self.kind.id:
            return (objects.key(change.object),)
        return self.touched(change)

    def touched(self, change: Change) -> Iterable[Key]:
        """Those of its objects that a change of another kind is about."""
        del change
        return ()

    async def reconcile(self, key: str) -> float | None:
        found = self._store.get(self.kind.id, key_of(key))
        return self.follow(found) if found is not None else None

    def follow(self, of: Object) -> float | None:
        """Close the gap for one object; when to look again, in seconds. Nothing in it waits."""
        raise NotImplementedError

    def _owner_keys(self, change: Change) -> Iterator[Key]:
        """What of our kind controls, or controlled, the object that changed."""
        for version in filter(None, (change.before, change.after)):
            reference = objects.owner(version)
            if reference is not None and reference["kind"] == self.kind.name:
                yield objects.namespace(version), reference["name"]


def is_active(pod: Object) -> bool:
    """Whether it counts as one of those that are wanted: it has not ended and is not about to."""
    return not objects.is_deleting(pod) and not objects.has_ended(pod)


def is_ready(pod: Object) -> bool:
    """Whether a pod takes requests."""
    return objects.is_true(pod, "Ready")


def available_at(pod: Object, min_ready_s: float) -> float | None:
    """The moment from which a ready pod is available; None for one that is not ready."""
    ready = objects.condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    return objects.seconds(ready["lastTransitionTime"]) + min_ready_s if min_ready_s else 0.0


def percent(value: object, of: int, *, up: bool) -> int:
    """A number, or a percentage `of` that many, rounded up or down."""
    if isinstance(value, int):
        return value
    share = int(str(value).rstrip("%")) * of
    return -(-share // 100) if up else share // 100


def pod_from(template: Object, parent: Object, *, prefix: str, extra: dict[str, str] | None = None) -> Draft:
    """A pod as a template wants it, controlled by `parent`."""
    meta: dict[str, Any] = objects.draft(objects.meta(template))
    labels = {**(meta.get("labels") or {}), **(extra or {})}
    kept = {"annotations": meta["annotations"]} if meta.get("annotations") else {}
    return {
        "metadata": {
            **kept,
            "generateName": prefix,
            "namespace": objects.namespace(parent),
            "labels": labels,
            "ownerReferences": [objects.reference_to(parent)],
        },
        "spec": objects.draft(objects.spec(template)),
    }

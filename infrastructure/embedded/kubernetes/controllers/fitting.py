"""Whether a pod may go on a node, and which node is best. Pure.

Sources: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/,
https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/,
https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.kubernetes.controllers.parts import is_active
from infrastructure.embedded.kubernetes.store import objects, quantity, selectors
from infrastructure.embedded.kubernetes.store.objects import Object

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_MEASURED = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Room:
    """A node and the pods that are on it."""

    node: Object
    pods: tuple[Object, ...]

    @property
    def active(self) -> list[Object]:
        return [each for each in self.pods if not objects.has_ended(each)]


def refusal(pod: Object, room: Room, rooms: Sequence[Room]) -> str:
    """Why the pod may not go there, in the scheduler's words; empty when it may."""
    spec, node = objects.spec(pod), room.node
    if objects.spec(node).get("unschedulable") and not _tolerates(pod, _CORDON):
        return "node(s) were unschedulable"
    taint = untolerated(pod, node, ("NoSchedule", "NoExecute"))
    if taint is not None:
        return f"node(s) had untolerated taint(s) {{{taint['key']}: {taint.get('value', '')}}}"
    if not _matches_labels(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    short = _short_of(pod, room)
    if short:
        return short
    if not _suits_neighbours(pod, room, rooms):
        return "node(s) didn't match pod affinity/anti-affinity rules"
    if not _spreads(pod, room, rooms):
        return "node(s) didn't match pod topology spread constraints"
    return ""


def best(pod: Object, fitting: Sequence[Room], rooms: Sequence[Room]) -> Room:
    """The node with the fewest of the pod's kind in its zone, then on it, then with most room; by name in a tie."""
    alike = _alike(pod)

    def rank(room: Room) -> tuple[Any, ...]:
        zone = objects.labels(room.node).get(ZONE, "")
        in_zone = sum(_count(each, alike) for each in rooms if objects.labels(each.node).get(ZONE, "") == zone)
        return (_dislike(pod, room), in_zone, _count(room, alike), _used_share(room), objects.name(room.node))

    return min(fitting, key=rank)


# --- taints -----------------------------------------------------------------------------------------------------------

_CORDON = {"key": UNSCHEDULABLE, "effect": "NoSchedule"}


def untolerated(pod: Object, node: Object, effects: Sequence[str]) -> Mapping[str, Any] | None:
    """The first of the node's taints with such an effect that the pod does not bear."""
    taints: Iterable[Mapping[str, Any]] = objects.spec(node).get("taints") or ()
    return next((each for each in taints if each["effect"] in effects and not _tolerates(pod, each)), None)


def toleration(pod: Object, taint: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pod's toleration of a taint."""
    found: Iterable[Mapping[str, Any]] = objects.spec(pod).get("tolerations") or ()
    return next((each for each in found if _bears(each, taint)), None)


def _tolerates(pod: Object, taint: Mapping[str, Any]) -> bool:
    return toleration(pod, taint) is not None


def _bears(each: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if each.get("effect") and each["effect"] != taint["effect"]:
        return False
    if each.get("key", "") not in ("", taint["key"]):
        return False
    if each.get("operator", "Equal") == "Exists":
        return True
    return bool(each.get("key")) and each.get("value", "") == taint.get("value", "")


# --- labels and resources ---------------------------------------------------------------------------------------------


def _matches_labels(spec: Mapping[str, Any], node: Object) -> bool:
    if any(objects.labels(node).get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    needed = _affinity(spec, "nodeAffinity").get("requiredDuringSchedulingIgnoredDuringExecution")
    return needed is None or any(_has_term(node, term) for term in needed.get("nodeSelectorTerms") or ())


def _affinity(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (spec.get("affinity") or {}).get(name) or {}
    return found


def _has_term(node: Object, term: Mapping[str, Any]) -> bool:
    by_label = selectors.of_selector({"matchExpressions": term.get("matchExpressions") or []})(objects.labels(node))
    named = {"metadata.name": objects.name(node)}
    return by_label and selectors.of_selector({"matchExpressions": term.get("matchFields") or []})(named)


def requests(pod: Object) -> dict[str, float]:
    """What a pod asks for: its containers together, or the largest of those that initialise it."""
    spec = objects.spec(pod)

    def of(container: Mapping[str, Any], what: str) -> float:
        return quantity.value(((container.get("resources") or {}).get("requests") or {}).get(what, 0))

    return {
        what: max(
            sum(of(each, what) for each in spec.get("containers") or ()),
            *(of(each, what) for each in spec.get("initContainers") or ()),
            0.0,
        )
        for what in _MEASURED
    }


def _short_of(pod: Object, room: Room) -> str:
    allocatable = objects.status(room.node).get("allocatable") or {}
    if len(room.active) >= int(allocatable.get("pods", 0)):
        return "Too many pods"
    asked, used = requests(pod), _used(room)
    for what in _MEASURED:
        if asked[what] and used[what] + asked[what] > quantity.value(allocatable.get(what, 0)) + 1e-9:
            return f"Insufficient {what}"
    return ""


def _used(room: Room) -> dict[str, float]:
    asked = [requests(each) for each in room.active]
    return {what: sum(each[what] for each in asked) for what in _MEASURED}


def _used_share(room: Room) -> float:
    allocatable, used = objects.status(room.node).get("allocatable") or {}, _used(room)
    shares = [used[what] / (quantity.value(allocatable.get(what, 0)) or 1.0) for what in _MEASURED]
    return sum(shares)


# --- other pods -------------------------------------------------------------------------------------------------------


def _alike(pod: Object) -> str:
    """What the pods of one kind share: who controls them."""
    reference = objects.owner(pod)
    return str(reference["uid"]) if reference else ""


def _count(room: Room, owner: str) -> int:
    return sum(_alike(each) == owner and is_active(each) for each in room.pods) if owner else len(room.active)


def _suits_neighbours(pod: Object, room: Room, rooms: Sequence[Room]) -> bool:
    spec = objects.spec(pod)
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    together = _affinity(spec, "podAffinity").get(required) or ()
    apart = _affinity(spec, "podAntiAffinity").get(required) or ()
    return all(_is_near(pod, term, room, rooms) for term in together) and not any(
        _is_near(pod, term, room, rooms) for term in apart
    )


def _is_near(pod: Object, term: Mapping[str, Any], room: Room, rooms: Sequence[Room]) -> bool:
    """Whether a pod that the term selects is in the same part of the cluster."""
    part = objects.labels(room.node).get(term["topologyKey"])
    chosen = selectors.of_selector(term.get("labelSelector"))
    spaces = term.get("namespaces") or (objects.namespace(pod),)
    return part is not None and any(
        is_active(each) and objects.namespace(each) in spaces and chosen(objects.labels(each))
        for one in rooms
        if objects.labels(one.node).get(term["topologyKey"]) == part
        for each in one.pods
    )


def _dislike(pod: Object, room: Room) -> int:
    """How much the pod would rather be elsewhere, by what it prefers of nodes."""
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    terms = _affinity(objects.spec(pod), "nodeAffinity").get(preferred) or ()
    return -sum(int(each["weight"]) for each in terms if _has_term(room.node, each["preference"]))


def _spreads(pod: Object, room: Room, rooms: Sequence[Room]) -> bool:
    constraints = objects.spec(pod).get("topologySpreadConstraints") or ()
    return all(_keeps(pod, each, room, rooms) for each in constraints if each["whenUnsatisfiable"] == "DoNotSchedule")


def _keeps(pod: Object, constraint: Mapping[str, Any], room: Room, rooms: Sequence[Room]) -> bool:
    """Whether no part of the cluster would have more than `maxSkew` more of them than another."""
    key, chosen = constraint["topologyKey"], _chosen(constraint, pod)
    here = objects.labels(room.node).get(key)
    if here is None:
        return False
    counts: dict[str, int] = {}
    for each in (one for one in rooms if _matches_labels(objects.spec(pod), one.node)):
        part = objects.labels(each.node).get(key)
        if part is not None:
            found = sum(
                is_active(other)
                and objects.namespace(other) == objects.namespace(pod)
                and chosen(objects.labels(other))
                for other in each.pods
            )
            counts[part] = counts.get(part, 0) + found
    own = int(chosen(objects.labels(pod)))
    return counts.get(here, 0) + own - min(counts.values(), default=0) <= int(constraint["maxSkew"])


def _chosen(constraint: Mapping[str, Any], pod: Object) -> Callable[[Mapping[str, str]], bool]:
    """Which pods are counted: those that the selector takes, and have the same as the pod under `matchLabelKeys`."""
    by_selector, own = selectors.of_selector(constraint.get("labelSelector")), objects.labels(pod)
    same = {key: own[key] for key in constraint.get("matchLabelKeys") or () if key in own}
    return lambda labels: by_selector(labels) and same.items() <= labels.items()

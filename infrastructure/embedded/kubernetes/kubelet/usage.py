"""What pods and nodes use: metrics.k8s.io, from readings of their processes as metrics-server makes them.

Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from infrastructure.embedded.control.usage import CpuReadings
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.kubernetes.api.answers import answer
from infrastructure.embedded.kubernetes.api.places import Place, Query
from infrastructure.embedded.kubernetes.controllers.parts import Parts
from infrastructure.embedded.kubernetes.kubelet.kubelet import Kubelet
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import errors, objects, selectors
from infrastructure.embedded.kubernetes.store.objects import Draft, Object

_EVERY_S = 15.0
"""metrics-server's resolution."""
_LEAST_S = 1.0
_INITIAL_S = 300.0


@dataclass(frozen=True, slots=True)
class Used:
    """Cores in the last window, and bytes now."""

    cores: float
    memory: int


@dataclass(slots=True)
class _Reading:
    at: float = 0.0
    window_s: float = 0.0
    by_container: dict[tuple[str, str], Used] = field(default_factory=dict)
    """By the pod's uid and the container's name."""


class Usage:
    """Reads every few seconds; a controller without objects."""

    name: ClassVar[str] = "usage"
    watches: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, parts: Parts, kubelet: Kubelet) -> None:
        self._parts = parts
        self._kubelet = kubelet
        self._readings: CpuReadings[tuple[str, str]] = CpuReadings()
        self._latest = _Reading()

    def keys(self) -> Collection[str]:
        return (self.name,)

    async def reconcile(self, _key: str) -> float | None:
        now = self._parts.now
        elapsed_s = now - self._latest.at if self._latest.at else _LEAST_S
        every_s = self._parts.pace.seconds(_EVERY_S, at_least=_LEAST_S)
        if elapsed_s < every_s * 0.9 and self._latest.at:
            return every_s - elapsed_s
        running = [
            ((objects.uid(pod), container), process)
            for pod in self._parts.store.all(kinds.POD.id)
            if (run := self._kubelet.run_of(pod)) is not None
            for container, process in run.processes
        ]
        found = {owner: Used(cores, usage.rss_bytes) for owner, cores, usage in self._readings.read(running, elapsed_s)}
        self._latest = _Reading(now, elapsed_s, found)
        return every_s

    def of_pod(self, pod: Object) -> Mapping[str, Used]:
        """By container; empty while nothing is known."""
        uid = objects.uid(pod)
        return {name: used for (owner, name), used in self._latest.by_container.items() if owner == uid}

    def cores_of(self, pod: Object) -> float | None:
        """What it used; None while nothing is known of it, and of a window in which it was not ready yet.

        Kubernetes asks so of a pod in its first five minutes (`--horizontal-pod-autoscaler-cpu-initialization-period`).
        """
        used, ready = self.of_pod(pod), objects.condition(pod, "Ready")
        if not used or ready is None or ready["status"] != "True":
            return None
        since = objects.seconds(ready["lastTransitionTime"])
        is_young = since - objects.seconds(objects.meta(pod)["creationTimestamp"]) < _INITIAL_S
        if is_young and self._latest.at - self._latest.window_s < since:
            return None
        return sum(each.cores for each in used.values())

    def answer(self, place: Place, query: Query) -> Answer:
        """The objects of metrics.k8s.io at a place."""
        is_pods = place.kind is kinds.POD_METRICS
        stored = kinds.POD if is_pods else kinds.NODE
        matches = selectors.by_labels(query.text("labelSelector"))
        every = [each for each in self._parts.store.all(stored.id, place.namespace) if matches(each)]
        found = [made for each in every if (made := self._pod(each) if is_pods else self._node(each)) is not None]
        if place.name:
            one = next((each for each in found if objects.name(each) == place.name), None)
            if one is None:
                raise errors.not_found(place.kind, place.name)
            return answer({"kind": place.kind.name, "apiVersion": place.kind.api_version, **one})
        head = {"kind": f"{place.kind.name}List", "apiVersion": place.kind.api_version, "metadata": {}}
        return answer({**head, "items": found})

    def _pod(self, pod: Object) -> Draft | None:
        used = self.of_pod(pod)
        containers = [{"name": name, "usage": _written(each)} for name, each in used.items()]
        return self._measured(pod, {"containers": containers}) if used else None

    def _node(self, node: Object) -> Draft | None:
        if objects.name(node) not in self._kubelet.machines or not self._latest.at:
            return None
        pods = self._parts.on_node.of(objects.name(node), kinds.POD)
        every = [used for pod in pods for used in self.of_pod(pod).values()]
        total = Used(sum(each.cores for each in every), sum(each.memory for each in every))
        return self._measured(node, {"usage": _written(total)})

    def _measured(self, of: Object, what: Draft) -> Draft:
        meta = {name: objects.meta(of)[name] for name in ("name", "namespace", "labels") if name in objects.meta(of)}
        times = {"timestamp": objects.stamp(self._latest.at), "window": f"{self._latest.window_s:.3f}s"}
        return {"metadata": {**meta, "creationTimestamp": times["timestamp"]}, **times, **what}


def _written(used: Used) -> dict[str, str]:
    return {"cpu": f"{round(used.cores * 1e9)}n", "memory": f"{used.memory // 1024}Ki"}

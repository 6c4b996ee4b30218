"""The heartbeat of each node that lives: its lease is renewed, its status told.

Source: https://kubernetes.io/docs/concepts/architecture/leases/#node-heart-beats
"""

from collections.abc import Collection
from typing import ClassVar

from infrastructure.embedded.kubernetes.controllers.parts import Parts
from infrastructure.embedded.kubernetes.kubelet.kubelet import Kubelet
from infrastructure.embedded.kubernetes.kubelet.machine import LEASES, Machine
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import stamp

_EVERY_S = 10.0
_LEAST_S = 1.0


class Heartbeats:
    """One pass for one node; a node that is not known yet registers."""

    name: ClassVar[str] = "heartbeats"
    watches: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, parts: Parts, kubelet: Kubelet) -> None:
        self._parts = parts
        self._kubelet = kubelet

    def keys(self) -> Collection[str]:
        return self._kubelet.machines.keys()

    async def reconcile(self, key: str) -> float | None:
        machine = self._kubelet.machines.get(key)
        if machine is not None:
            self.beat(machine)
        return self._parts.pace.seconds(_EVERY_S, at_least=_LEAST_S)

    def beat(self, machine: Machine) -> None:
        """Once, now."""
        registry = self._parts.registry
        node = registry.store.get(kinds.NODE.id, ("", machine.name))
        if node is None:
            node = registry.create(kinds.NODE, machine.node())
            told = f"Node {machine.name} event: Registered Node {machine.name} in Controller"
            self._parts.events.tell(node, "RegisteredNode", told, source="node-controller")
        registry.set_status(kinds.NODE, node, machine.status(dict(objects.status(node)), registry.now))
        now = stamp(registry.clock(), micro=True)
        lease = registry.store.get(kinds.LEASE.id, (LEASES, machine.name))
        if lease is None:
            made = machine.lease(now)
            made["metadata"]["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "Node", "name": machine.name, "uid": objects.uid(node)}
            ]
            registry.create(kinds.LEASE, made)
        else:
            registry.update(kinds.LEASE, {**lease, "spec": {**objects.spec(lease), "renewTime": now}})

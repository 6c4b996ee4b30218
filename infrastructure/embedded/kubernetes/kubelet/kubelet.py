"""The nodes' agents: every pod that is bound to a node of ours runs, and what it does is written in its status.

One controller stands for the kubelets of all nodes: its objects are the pods. A node that fails takes its processes
with it and writes nothing any more.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.host.process import Process
from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, Parts, key_of, text_of
from infrastructure.embedded.kubernetes.kubelet.images import KIND
from infrastructure.embedded.kubernetes.kubelet.pod_run import PodRun, Surrounding
from infrastructure.embedded.kubernetes.network.addresses import PODS, Addresses
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Key, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion
from infrastructure.embedded.kubernetes.store.store import Change

if TYPE_CHECKING:
    from infrastructure.embedded.kubernetes.kubelet.machine import Machine


class Kubelet(ObjectController):
    """One pass for one pod. `machines` are the nodes that live, by name."""

    name: ClassVar[str] = "kubelet"
    kind: ClassVar[Kind] = kinds.POD

    def __init__(self, parts: Parts, around: Surrounding) -> None:
        super().__init__(parts)
        self.machines: dict[str, Machine] = {}
        self._around = around
        self._addresses = Addresses("pods", PODS)
        self._runs: dict[str, PodRun] = {}
        around.supervisor.on_exit(self._on_exit)

    def keys(self) -> Collection[str]:
        return self._runs.keys() | {text_of(objects.key(each)) for name in self.machines for each in self._on(name)}

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.kind != kinds.POD.id:
            return ()
        at = objects.key(change.object)
        is_ours = objects.spec(change.object).get("nodeName") in self.machines or text_of(at) in self._runs
        return (at,) if is_ours else ()

    def run_of(self, pod: Object) -> PodRun | None:
        """The pod's run; None while there is none."""
        run = self._runs.get(text_of(objects.key(pod)))
        return run if run is not None and run.uid == objects.uid(pod) else None

    def fail(self, name: str) -> None:
        """The node dies: its processes end at once, and nobody says so."""
        self.machines.pop(name, None)
        for key, run in list(self._runs.items()):
            if run.machine.name == name:
                run.kill()
                self._around.wake(key)

    async def reconcile(self, key: str) -> float | None:
        pod, run = self._store.get(kinds.POD.id, key_of(key)), self._runs.get(key)
        if run is not None and (pod is None or objects.uid(pod) != run.uid or run.machine.name not in self.machines):
            await run.close()
            self._drop(key, run)
            run = None
        if pod is None:
            return None
        machine = self.machines.get(objects.spec(pod).get("nodeName", ""))
        if machine is None:
            return None
        if run is None:
            if objects.has_ended(pod):
                return None
            run = self._runs[key] = PodRun(pod, machine, self._addresses.allocate(), self._around, key)
        return await self._advance(key, pod, run)

    async def _advance(self, key: str, pod: Object, run: PodRun) -> float | None:
        wait_s = await run.advance(pod)
        latest = self._store.get(kinds.POD.id, key_of(key))
        if latest is None or objects.uid(latest) != run.uid:
            return 0.0
        status = run.status(latest)
        latest = self._registry.set_status(kinds.POD, latest, status)
        if objects.is_deleting(latest) and run.has_ended:
            if not objects.meta(latest).get("finalizers"):
                self._drop(key, run)
            self._registry.delete(kinds.POD, key_of(key), Deletion(grace_s=0))
        elif status["phase"] in ("Succeeded", "Failed") and run.has_ended:
            self._drop(key, run)
        return wait_s

    async def close(self) -> None:
        for run in self._runs.values():
            run.kill()
        for run in list(self._runs.values()):
            await run.close()
        self._runs.clear()
        self._addresses.close()

    def _on(self, node: str) -> list[Object]:
        return self._parts.on_node.of(node, kinds.POD)

    def _drop(self, key: str, run: PodRun) -> None:
        del self._runs[key]
        run.forget()
        self._addresses.release(run.address)

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == KIND and process.spec.resource in self._runs:
            self._around.wake(process.spec.resource)

"""One cluster: the API server, the controllers, and the kubelets of its nodes, on the daemon's event loop.

    store ──every change──▶ who is concerned? ──▶ their objects are woken, each by its key ──▶ reconciler

A cluster that is not there costs nothing: all of it is made by `Cluster`, and gone with `close`.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import ClassVar, Protocol

from infrastructure.embedded.control.reconciler import Backoff, Reconciler
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.listener import HttpServer
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.kubernetes import admission, certificates, draining, kubeconfig
from infrastructure.embedded.kubernetes.api.access import MASTERS, VIEWERS, User
from infrastructure.embedded.kubernetes.api.bodies import LIMIT
from infrastructure.embedded.kubernetes.api.places import Place, Query
from infrastructure.embedded.kubernetes.api.server import ApiServer, Authenticate
from infrastructure.embedded.kubernetes.controllers.autoscalers import Autoscalers
from infrastructure.embedded.kubernetes.controllers.budgets import Budgets
from infrastructure.embedded.kubernetes.controllers.cron_jobs import CronJobs
from infrastructure.embedded.kubernetes.controllers.daemon_sets import DaemonSets
from infrastructure.embedded.kubernetes.controllers.deployments import Deployments
from infrastructure.embedded.kubernetes.controllers.garbage import Garbage
from infrastructure.embedded.kubernetes.controllers.jobs import Jobs
from infrastructure.embedded.kubernetes.controllers.namespaces import Namespaces
from infrastructure.embedded.kubernetes.controllers.nodes import Nodes
from infrastructure.embedded.kubernetes.controllers.parts import Parts, text_of
from infrastructure.embedded.kubernetes.controllers.replica_sets import ReplicaSets
from infrastructure.embedded.kubernetes.controllers.scheduler import Scheduler
from infrastructure.embedded.kubernetes.controllers.services import Services, selects
from infrastructure.embedded.kubernetes.controllers.target_group_bindings import TargetGroupBindings
from infrastructure.embedded.kubernetes.controllers.target_groups import NoTargetGroups, TargetGroups
from infrastructure.embedded.kubernetes.kubelet import logs
from infrastructure.embedded.kubernetes.kubelet.execution import Execution, Wish
from infrastructure.embedded.kubernetes.kubelet.heartbeats import Heartbeats
from infrastructure.embedded.kubernetes.kubelet.images import Images
from infrastructure.embedded.kubernetes.kubelet.kubelet import Kubelet
from infrastructure.embedded.kubernetes.kubelet.log_times import LogTimes
from infrastructure.embedded.kubernetes.kubelet.machine import LEASES, Machine
from infrastructure.embedded.kubernetes.kubelet.pod_run import Surrounding
from infrastructure.embedded.kubernetes.kubelet.service_links import API_SERVER
from infrastructure.embedded.kubernetes.kubelet.usage import Usage
from infrastructure.embedded.kubernetes.network.addresses import SERVICES, Addresses
from infrastructure.embedded.kubernetes.network.endpoints import SERVICE_NAME
from infrastructure.embedded.kubernetes.network.proxy import ServiceProxy
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Key, Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.store.store import Change, Store
from infrastructure.embedded.kubernetes.tokens import Tokens
from infrastructure.embedded.network.edges import Publisher
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.embedded.pace import Pace
from infrastructure.state import StateFolder

_NAMESPACES = ("default", "kube-system", "kube-public", LEASES)
_RESYNC_S = 30.0
_ADMIN = User(name="kubernetes-admin", groups=(MASTERS,))


class Concerned(Protocol):
    """A controller that says which of its objects a change is about."""

    name: ClassVar[str]
    watches: ClassVar[frozenset[str]]

    async def reconcile(self, key: str, /) -> float | None: ...

    def concerned(self, change: Change) -> Iterable[Key]: ...


class Cluster:
    """A cluster called `name`. `authenticate` says who other bearer tokens than its own belong to, `role_of` which role
    a service account's pods run in, by namespace and name; `target_groups` are those of the cloud that it is in.
    Without a `data_plane` nobody serves at the addresses of its Services.
    """

    def __init__(
        self,
        name: str,
        *,
        supervisor: Supervisor,
        state: StateFolder,
        ports: Ports,
        pace: Pace,
        images: Images,
        authenticate: Authenticate = lambda _: None,
        role_of: Callable[[str, str], str] = lambda _namespace, _account: "",
        target_groups: TargetGroups | None = None,
        data_plane: Publisher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._state = state
        self._ports = ports
        self.supervisor = supervisor
        self._others = authenticate
        self._token = secrets.token_urlsafe(32)
        self.registry = Registry(Store(), clock)
        self._addresses = Addresses("services", SERVICES)
        admission.install(self.registry, self._addresses)
        self.parts = Parts.of(self.registry, pace)
        self._reconciler = Reconciler(_RESYNC_S, Backoff(first_s=0.1, most_s=10.0))
        self._tokens = Tokens(self.registry.store, clock)
        self._times = LogTimes(state.logs, clock)
        supervisor.on_exit(self._times.ended)
        self._kubelet = Kubelet(self.parts, self._surrounding(images, role_of))
        self._usage = Usage(self.parts, self._kubelet)
        self._heartbeats = Heartbeats(self.parts, self._kubelet)
        bindings = TargetGroupBindings(self.parts, target_groups or NoTargetGroups())
        self.registry.admission[kinds.TARGET_GROUP_BINDING.id] = bindings.admit
        self._concerned: list[Concerned] = [
            Deployments(self.parts),
            ReplicaSets(self.parts),
            DaemonSets(self.parts),
            Jobs(self.parts),
            CronJobs(self.parts),
            Scheduler(self.parts),
            Services(self.parts),
            bindings,
            Budgets(self.parts),
            Nodes(self.parts),
            Garbage(self.parts),
            Namespaces(self.parts, lambda: self.authority),
            Autoscalers(self.parts, self._usage.cores_of),
            self._kubelet,
            *((ServiceProxy(self.parts, data_plane, f"kubernetes-{name}"),) if data_plane is not None else ()),
        ]
        self._reconciler.adopt([*self._concerned, self._heartbeats, self._usage])
        self.registry.store.listen(self._changed)
        self._server: HttpServer | None = None
        self.port = 0
        self.authority = b""

    def _surrounding(self, images: Images, role_of: Callable[[str, str], str]) -> Surrounding:
        return Surrounding(
            supervisor=self.supervisor,
            store=self.registry.store,
            events=self.parts.events,
            images=images,
            pace=self.parts.pace,
            clock=self.registry.clock,
            wake=lambda key: self._reconciler.wake(Kubelet.name, key),
            role_of=role_of,
            folder=self._state.run / "pods" / self.name,
            times=self._times,
            tokens=self._tokens,
        )

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """The file by which the cluster's own administrator reaches it."""
        return self._state.kubeconfig(self.name)

    async def open(self) -> None:
        """Serve; ready once it returns."""
        for each in _NAMESPACES:
            self.registry.create(kinds.NAMESPACE, {"metadata": {"name": each}})
        self._add_viewers()
        self.port = self._ports.allocate()
        made = certificates.made(self._state.root, self._add_own_service())
        self.authority = made.authority
        api = ApiServer(self.registry, self, self._authenticate, self._tokens, f"127.0.0.1:{self.port}")
        self._server = HttpServer(api.answer, limit_of=lambda _: LIMIT, talk=api.talk)
        await self._server.serve(self.port, made.context)
        kubeconfig.write(self.kubeconfig, name=self.name, server=self.url, authority=self.authority, token=self._token)
        self._reconciler.start()

    def _add_own_service(self) -> str:
        """The Service by which pods find the API server; its address."""
        namespace, name = API_SERVER
        meta = {"namespace": namespace, "name": name}
        port = {"name": "https", "port": 443, "targetPort": self.port}
        service = self.registry.create(kinds.SERVICE, {"metadata": dict(meta), "spec": {"ports": [port]}})
        slice_ = {
            "metadata": {**meta, "labels": {SERVICE_NAME: name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [LOOPBACK], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": self.port, "protocol": "TCP"}],
        }
        self.registry.create(kinds.ENDPOINT_SLICE, slice_)
        return str(objects.spec(service)["clusterIP"])

    def _add_viewers(self) -> None:
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
        self.registry.create(kinds.CLUSTER_ROLE, {"metadata": {"name": VIEWERS}, "rules": rules})
        role = {"apiGroup": kinds.CLUSTER_ROLE.group, "kind": "ClusterRole", "name": VIEWERS}
        subjects = [{"apiGroup": kinds.CLUSTER_ROLE.group, "kind": "Group", "name": VIEWERS}]
        bound = {"metadata": {"name": VIEWERS}, "roleRef": role, "subjects": subjects}
        self.registry.create(kinds.CLUSTER_ROLE_BINDING, bound)

    async def close(self) -> None:
        """End every pod and the server; nothing is left."""
        await self._reconciler.close()
        self._addresses.close()
        self._times.close()
        if self._server is not None:
            await self._server.close()
            self._server = None
        if self.port:
            self._ports.release(self.port)
            self.port = 0
        self.kubeconfig.unlink(missing_ok=True)

    def join(self, machine: Machine) -> None:
        """A machine becomes a node."""
        self._kubelet.machines[machine.name] = machine
        self._heartbeats.beat(machine)
        self._reconciler.wake(Heartbeats.name)
        self._reconciler.wake(Kubelet.name)

    def fail(self, name: str) -> None:
        """A node's machine dies, with its pods; its object stays, and is noticed to be silent."""
        self._kubelet.fail(name)

    def lives(self, name: str) -> bool:
        """Whether the node's machine is there."""
        return name in self._kubelet.machines

    def is_ready(self, name: str) -> bool:
        """Whether the node is taken for well; one that has died is for a while."""
        node = self.registry.store.get(kinds.NODE.id, ("", name))
        return node is not None and objects.is_true(node, "Ready")

    def drain(self, name: str) -> bool:
        """Cordon the node and evict what its budgets let go; whether nothing is left that would move."""
        return draining.drain(self.parts, name)

    def running(self) -> Iterable[tuple[Object, str, Process]]:
        """Every process of a pod: the pod, the name of the container, the process."""
        for pod in self.registry.store.all(kinds.POD.id):
            run = self._kubelet.run_of(pod)
            for container, process in run.processes if run is not None else ():
                yield pod, container, process

    def services_of(self, pod: Object) -> list[str]:
        """The names of the Services that select the pod."""
        every = self.registry.store.all(kinds.SERVICE.id, objects.namespace(pod))
        return [objects.name(each) for each in every if selects(each, pod)]

    def leave(self, name: str) -> None:
        """A node's machine is gone for good, as the cloud says: so is the node."""
        self._kubelet.fail(name)
        if self.registry.store.get(kinds.NODE.id, ("", name)) is not None:
            self.registry.delete(kinds.NODE, ("", name))

    # --- what the API server asks the nodes ---------------------------------------------------------------------------

    async def log(self, pod: Object, query: Query) -> Answer:
        now = self.registry.clock()
        return logs.log_of(pod, query, self._state.logs, self._times, lambda: self.supervisor.processes, now)

    async def execute(self, pod: Object, wish: Wish) -> Execution:
        run = self._kubelet.run_of(pod)
        if run is None:
            raise LookupError(wish.container)
        return await run.execute(wish)

    def written(self, pod: Object, container: str) -> AsyncGenerator[bytes, None]:
        return logs.from_now_on(pod, container, self._state.logs, lambda: self.supervisor.processes)

    async def connect(self, pod: Object, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        run = self._kubelet.run_of(pod)
        if run is None:
            raise LookupError(f"pod {objects.name(pod)} does not run")
        return await asyncio.open_connection(run.address, port)

    def metrics(self, place: Place, query: Query) -> Answer:
        return self._usage.answer(place, query)

    def _authenticate(self, token: str) -> User | None:
        return _ADMIN if secrets.compare_digest(token.encode(), self._token.encode()) else self._others(token)

    def _changed(self, change: Change) -> None:
        for controller in self._concerned:
            for key in controller.concerned(change):
                self._reconciler.wake(controller.name, text_of(key))

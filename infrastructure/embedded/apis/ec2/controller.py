"""Instances: a machine for each, which boots, is stopped and ends as its record wants it.

    record pending ──due──▶ user data runs ─▶ running ──record stopping, shutting-down──▶ SIGTERM ─▶ stopped, terminated

A machine whose programs have ended goes on running, as on AWS: whoever sends it requests finds out.
"""

import shutil
import time
from collections.abc import Callable, Collection
from typing import ClassVar

from infrastructure.embedded.apis.ec2 import machine as machines
from infrastructure.embedded.apis.ec2.firewall import Firewall
from infrastructure.embedded.apis.ec2.instances import InstancesApi, Record, set_state
from infrastructure.embedded.apis.ec2.machine import KIND, Machine
from infrastructure.embedded.apis.ec2.metadata.listeners import Metadata, MetadataListeners
from infrastructure.embedded.apis.ec2.metadata.options import OptionsApi
from infrastructure.embedded.apis.ec2.metrics import Ec2Metrics
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint

BOOT_S = 20.0
"""From the call until user data begins, at AWS's pace."""
SHUTDOWN_S = 90.0
"""systemd's time for a unit to stop, before it is killed."""
LEAST_SHUTDOWN_S = 2.0
"""A process needs that long at any pace."""
GROUPS = "security-groups"
"""What is looked at beside the instances: whether the groups still permit what they did."""
_FOLLOWERS = ("autoscaling", "eks")
"""Whose controllers go by what state an instance is in."""
KEPT_S = 3600.0
"""For how long a terminated instance can still be described."""


class Ec2Controller:
    """Runs the instances, and has security groups obeyed; networks are records only."""

    name: ClassVar[str] = "ec2"
    watches: ClassVar[frozenset[str]] = frozenset({"ec2", "autoscaling"})
    PARTS: ClassVar[tuple[type, ...]] = (InstancesApi, OptionsApi)

    def __init__(
        self, context: Context, clock: Callable[[], float] = time.time, metadata: Metadata | None = None
    ) -> None:
        self._context = context
        self._clock = clock
        self._backend = context.backends.ec2
        self._around = Surroundings.of(context)
        self._machines: dict[str, Machine] = {}
        self._ended: dict[str, float] = {}
        operations = context.backends.operations
        self._api = InstancesApi(self._backend, operations, self._console)
        operations.bind(self.name, self._api, OptionsApi(self._backend))
        self._metadata = metadata or MetadataListeners(context, clock)
        context.couplings.instance_endpoint = self.endpoint
        context.network.permits = Firewall(self._backend).permits
        self.metrics = Ec2Metrics(self._running)
        context.metrics.register(self.metrics.collect)
        context.supervisor.on_exit(self._on_exit)

    def keys(self) -> Collection[str]:
        """Every instance on record; one that was forgotten while its machine still runs, too; and the groups."""
        found = {each.id: None for each in self._backend.all_instances()}
        return {GROUPS: None, **found, **dict.fromkeys(self._machines)}

    async def reconcile(self, key: str, /) -> float | None:
        if key == GROUPS:
            self._context.network.review()
            return None
        instance = self._backend.get_instance_by_id(key)
        if instance is None:
            await self._discard(key)
            return None
        if instance.state == "pending":
            return await self._boot(instance)
        if instance.state in ("stopping", "shutting-down"):
            await self._halt(instance)
            return 0.0
        if instance.state == "terminated":
            return self._forget(instance)
        if instance.state == "running" and key in self._api.reboots:
            self._api.reboots.discard(key)
            await self._shut_down(self._machines[key])
            await self._start(instance, self._machines[key])
        return None

    def endpoint(self, identity: str) -> Endpoint | None:
        """Where the instance's service listens, whatever port it is asked at; None when it does not run."""
        machine, instance = self._machines.get(identity), self._backend.get_instance_by_id(identity)
        is_up = machine is not None and instance is not None and instance.state == "running"
        return Endpoint(LOOPBACK, machine.port) if machine is not None and is_up else None

    # --- the life of one machine --------------------------------------------------------------------------------------

    async def _boot(self, instance: Record) -> float | None:
        machine = self._machines.get(instance.id)
        now = self._clock()
        if machine is None:
            machine = self._machines[instance.id] = Machine(
                id=instance.id,
                folder=self._context.state.run / "instances" / instance.id,
                port=self._context.ports.allocate(),
                due_at=now + self._context.pace.seconds(BOOT_S),
            )
        if machine.due_at > now:
            return machine.due_at - now
        await self._start(instance, machine)
        if instance.state == "pending":  # nobody has stopped it meanwhile
            set_state(instance, "running")
            for watcher in ("elasticloadbalancing", *_FOLLOWERS):
                self._context.wake(watcher)
        return None

    async def _start(self, instance: Record, machine: Machine) -> None:
        machine.boots += 1
        machine.metadata = machine.metadata or await self._metadata.open(instance.id)
        spec = machines.program(instance, machine, self._around)
        if spec is None:
            machine.note = "cloud-init: user data is no script: it does not begin with #!"
            return
        try:
            self._context.supervisor.users.own(machine.folder, machine.id)
            machine.process = await self._context.supervisor.start(spec)
        except Exception as problem:  # noqa: BLE001  AWS boots a machine whose user data fails, and the console says so
            machine.note = f"cloud-init: user data cannot be run: {problem}"

    async def _halt(self, instance: Record) -> None:
        machine = self._machines.get(instance.id)
        if machine is not None:
            await self._shut_down(machine)
        self._api.cut.discard(instance.id)
        if instance.state == "stopping":
            instance.stop()
            if machine is not None:
                machine.due_at = 0.0
        else:
            instance.terminate()
            self._ended[instance.id] = self._clock()
            self._remove(instance.id)
        for watcher in _FOLLOWERS:
            self._context.wake(watcher)

    async def _shut_down(self, machine: Machine) -> None:
        if machine.process is None or not machine.is_running:
            return
        if machine.id in self._api.cut:
            machine.process.kill()
            await machine.process.wait()
        else:
            await machine.process.stop(self._context.pace.seconds(SHUTDOWN_S, at_least=LEAST_SHUTDOWN_S))

    def _remove(self, identity: str) -> None:
        machine = self._machines.pop(identity, None)
        if machine is not None:
            self._context.ports.release(machine.port)
            self._metadata.close(identity)
            shutil.rmtree(machine.folder, ignore_errors=True)
            self._context.supervisor.users.release(machine.id)

    async def _discard(self, identity: str) -> None:
        if identity in self._machines:
            await self._shut_down(self._machines[identity])
            self._remove(identity)

    def _forget(self, instance: Record) -> float | None:
        """Drop the record of what has been terminated for an hour; seconds until then."""
        left_s = self._ended.setdefault(instance.id, self._clock()) + KEPT_S - self._clock()
        if left_s > 0:
            return left_s
        del self._ended[instance.id]
        for identity, reservation in tuple(self._backend.reservations.items()):
            reservation.instances = [each for each in reservation.instances if each.id != instance.id]
            if not reservation.instances:
                del self._backend.reservations[identity]
        return None

    # --- what others ask ----------------------------------------------------------------------------------------------

    def _running(self) -> list[tuple[Record, Process]]:
        found = [(self._backend.get_instance_by_id(key), each.process) for key, each in self._machines.items()]
        return [(record, process) for record, process in found if record is not None and process is not None]

    def _console(self, identity: str) -> bytes:
        machine = self._machines.get(identity)
        if machine is None:
            return b""
        file = self._context.state.logs / f"{machine.log}.log"
        written = file.read_bytes() if file.exists() else b""
        return written + (f"{machine.note}\n".encode() if machine.note else b"")

    def _on_exit(self, process: Process) -> None:
        machine = self._machines.get(process.spec.resource) if process.spec.kind == KIND else None
        if machine is not None and machine.process is process:
            machine.note = f"cloud-init: user data ended with {process.returncode}"

    def unsettled(self) -> tuple[str, ...]:
        return tuple(
            f"instance {each.id} is {each.state}"
            for each in self._backend.all_instances()
            if each.state in ("pending", "stopping", "shutting-down")
        )

    async def close(self) -> None:
        """Kill every machine and wait for its end."""
        for machine in self._machines.values():
            if machine.process is not None and machine.is_running:
                machine.process.kill()
                await machine.process.wait()
        for identity in self._machines:
            self._metadata.close(identity)
        self._machines.clear()

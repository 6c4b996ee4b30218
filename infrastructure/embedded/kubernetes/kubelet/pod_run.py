"""One pod on its node: what has to happen next to its containers, and what its status is.

    bound ──▶ init containers, one after the other ──▶ containers, side by side
                                                            └── deleted ──▶ preStop, SIGTERM, grace, SIGKILL ──▶ gone

`advance` is one look, level-triggered; what takes time runs beside it and wakes it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from infrastructure.embedded.control.background import Background, end
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.kubernetes import service_accounts
from infrastructure.embedded.kubernetes.controllers.parts import Events
from infrastructure.embedded.kubernetes.kubelet import environment, execution, launch, pod_status, probing
from infrastructure.embedded.kubernetes.kubelet.container import CREATING, INITIALISING, Container
from infrastructure.embedded.kubernetes.kubelet.execution import Execution, Wish
from infrastructure.embedded.kubernetes.kubelet.images import Images, NoProgram, UnknownImage
from infrastructure.embedded.kubernetes.kubelet.log_times import LogTimes
from infrastructure.embedded.kubernetes.kubelet.machine import Machine
from infrastructure.embedded.kubernetes.kubelet.volumes import Unmountable, Volumes
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.store import Store
from infrastructure.embedded.kubernetes.tokens import Tokens
from infrastructure.embedded.pace import Pace
from infrastructure.errors import CafeError

_log = logging.getLogger(__name__)
_LEAST_GRACE_S = 2.0
"""A process needs it to end at any pace."""
_LAST_LINES, _LAST_BYTES = 80, 2_048
"""Of a log, for the message of a container that failed."""
_SOURCE = "kubelet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """What pods run in. `wake` has the kubelet look at a pod again, by its key; `folder` is for their volumes.

    `role_of` gives the role of a service account, by namespace and name; nothing for one that has none.
    """

    supervisor: Supervisor
    store: Store
    events: Events
    images: Images
    pace: Pace
    clock: Callable[[], float]
    wake: Callable[[str], None]
    folder: Path
    times: LogTimes
    tokens: Tokens
    role_of: Callable[[str, str], str] = lambda _namespace, _account: ""


class PodRun:
    """A pod from its binding to its end. `address` is its own, given back by whoever gave it."""

    def __init__(self, pod: Object, machine: Machine, address: str, around: Surrounding, key: str) -> None:
        self.uid = objects.uid(pod)
        self.machine = machine
        self.address = address
        self._pod = pod
        self._around = around
        self._key = key
        spec = objects.spec(pod)
        self._inits = [Container(each, waiting=CREATING) for each in spec.get("initContainers") or ()]
        is_first = not self._inits
        self._containers = [Container(each, CREATING if is_first else INITIALISING) for each in spec["containers"]]
        self._beside = Background(_log)
        self._volumes = Volumes(around.folder / self.uid, around.store, around.tokens, around.clock)
        self._ending: asyncio.Task[None] | None = None

    @property
    def containers(self) -> list[Container]:
        return [*self._inits, *self._containers]

    @property
    def has_ended(self) -> bool:
        return not any(each.is_running for each in self.containers) and (self._ending is None or self._ending.done())

    @property
    def processes(self) -> list[tuple[str, Process]]:
        """Those that run, by the name of their container."""
        return [(each.name, each.process) for each in self._containers if each.process is not None]

    async def advance(self, pod: Object) -> float | None:
        """Close the gap between what the pod wants and what there is; seconds until something is due."""
        self._pod = pod
        now = self._around.clock()
        for each in self.containers:
            process = each.process
            if process is not None and each.note_end(now):
                self._last_words(each, process)
                self._ended(each, now)
        if objects.is_deleting(pod):
            self.end()
            return None
        self._volumes.refresh(self._with_address())
        waits = [await self._start_if_due(each) for each in self._due()]
        return min((each for each in waits if each is not None), default=None)

    def status(self, pod: Object) -> Draft:
        now = objects.stamp(self._around.clock())
        host = self.machine.address
        return pod_status.status(pod, self._inits, self._containers, address=self.address, host=host, now=now)

    def end(self) -> None:
        """Begin to end it, in order: hooks, SIGTERM, and SIGKILL when the grace is over. Once."""
        if self._ending is None:
            seconds = float(objects.meta(self._pod).get("deletionGracePeriodSeconds", 0))
            grace_s = self._around.pace.seconds(seconds, at_least=_LEAST_GRACE_S) if seconds else 0.0
            self._ending = asyncio.create_task(self._end_all(grace_s), name=f"end {self._key}")

    def kill(self) -> None:
        """At once, without a word: what the end of its node does to it."""
        for each in self.containers:
            each.stop_probes()
            if each.process is not None:
                each.process.kill()

    async def close(self) -> None:
        self.kill()
        await self._beside.close()
        for each in self.containers:
            await each.close()
            if each.process is not None:
                await each.process.wait()
        await end(self._ending)
        self.forget()

    def forget(self) -> None:
        """Nothing is left of a pod that is over."""
        self._volumes.remove()

    # --- start --------------------------------------------------------------------------------------------------------

    def _due(self) -> Sequence[Container]:
        """The init container whose turn it is, else all containers."""
        first = next((each for each in self._inits if not each.succeeded), None)
        if first is not None:
            return (first,)
        for each in self._containers:
            if each.waiting == INITIALISING:
                each.waiting = CREATING
        return self._containers

    async def _start_if_due(self, each: Container) -> float | None:
        if each.process is not None or (each.ended is not None and not self._comes_again(each)):
            return None
        now = self._around.clock()
        if each.retry_at > now:
            return each.retry_at - now
        await self._start(each)
        return max(each.retry_at - self._around.clock(), 0.0) if each.process is None else None

    def _comes_again(self, each: Container) -> bool:
        policy = objects.spec(self._pod).get("restartPolicy")
        if each in self._inits:
            return policy != "Never" and not each.succeeded
        return policy == "Always" or (policy == "OnFailure" and not each.succeeded)

    async def _start(self, each: Container) -> None:
        try:
            spec = self._spec(each)
            process = await self._around.supervisor.start(spec)
        except UnknownImage as problem:
            self._wait(each, "ErrImagePull", f'failed to pull image "{each.spec["image"]}": {problem}')
        except Unmountable as problem:
            self._wait(each, CREATING[0], str(problem), event="FailedMount")
        except environment.Unresolved as problem:
            self._wait(each, "CreateContainerConfigError", str(problem))
        except (NoProgram, CafeError) as problem:
            self._wait(each, "RunContainerError", str(problem))
        else:
            each.began(process, self._around.clock())
            self._around.times.follow(process)
            self._tell(each, "Started", f"Started container {each.name}")
            self._watch(each)

    def _wait(self, each: Container, reason: str, message: str, event: str = "Failed") -> None:
        """It cannot start now; it is tried again, ever later."""
        is_again = each.waiting[0] in (reason, "ImagePullBackOff")
        shown = "ImagePullBackOff" if reason == "ErrImagePull" and is_again else reason
        told = f'Back-off pulling image "{each.spec["image"]}": {message}' if shown != reason else message
        each.waiting = (shown, told)
        each.hold_off(self._around.clock(), self._scale)
        self._tell(each, event, message, warning=True)

    def _spec(self, each: Container) -> ProcessSpec:
        image, pod = self._around.images(str(each.spec["image"])), self._with_address()
        mounts = self._volumes.mounts(service_accounts.without_injected(each.spec), pod)
        wanted = launch.wanted(each, pod, self.machine.zone, self._around.store, mounts)
        injected = partial(self._volumes.injected, each.spec, pod)
        return image(replace(wanted, role=self._role(), where=self.machine.where, injected=injected))

    def _role(self) -> str:
        """Its service account's, or its node's."""
        account = objects.spec(self._pod).get("serviceAccountName") or "default"
        return self._around.role_of(objects.namespace(self._pod), account) or self.machine.role

    def _with_address(self) -> Object:
        """The pod as its own environment sees it: the address is known before the status is written."""
        known = {**objects.status(self._pod), "podIP": self.address, "hostIP": self.machine.address}
        return {**self._pod, "status": known}

    @property
    def _scale(self) -> float:
        return 1.0 / self._around.pace.speedup

    # --- while it runs ------------------------------------------------------------------------------------------------

    def _watch(self, each: Container) -> None:
        """Ask its probes; liveness and readiness once it has started."""
        each.tasks.clear()
        if "startupProbe" in each.spec:
            self._probe(each, "startupProbe", lambda good, why: self._startup(each, good=good, why=why))
        else:
            self._watch_started(each)

    def _watch_started(self, each: Container) -> None:
        if "readinessProbe" in each.spec:
            self._probe(each, "readinessProbe", lambda good, why: self._readiness(each, good=good, why=why))
        if "livenessProbe" in each.spec:
            self._probe(each, "livenessProbe", lambda good, why: None if good else self._unfit(each, "Liveness", why))

    def _probe(self, each: Container, which: str, told: Callable[[bool, str], None]) -> None:
        handler: Mapping[str, Any] = each.spec[which]
        ports = launch.ports(each)

        async def question(timeout_s: float) -> None:
            await probing.ask(
                handler, self.address, ports, timeout_s, lambda words, within: self._run(each, words, within)
            )

        prober = probing.Prober(handler, question, told, lambda s, least: self._around.pace.seconds(s, at_least=least))
        each.tasks.append(asyncio.create_task(prober.run(), name=f"{which} {self._key}"))

    def _startup(self, each: Container, *, good: bool, why: str) -> None:
        if good:
            each.is_started = True
            each.is_ready = "readinessProbe" not in each.spec
            each.tasks[0].cancel()
            self._watch_started(each)
            self._around.wake(self._key)
        else:
            self._unfit(each, "Startup", why)

    def _readiness(self, each: Container, *, good: bool, why: str) -> None:
        each.is_ready = good
        if not good:
            self._tell(each, "Unhealthy", f"Readiness probe failed: {why}", warning=True)
        self._around.wake(self._key)

    def _unfit(self, each: Container, which: str, why: str) -> None:
        """It is to be ended, and comes again by its pod's restart policy."""
        if each.is_unfit or each.process is None:
            return
        each.is_unfit = True
        self._tell(each, "Unhealthy", f"{which} probe failed: {why}", warning=True)
        self._tell(each, "Killing", f"Container {each.name} failed {which.lower()} probe, will be restarted")
        grace_s = self._around.pace.seconds(self._own_grace(), at_least=_LEAST_GRACE_S)
        self._beside.spawn(self._end_one(each, grace_s), f"restart {each.name} of {self._key}")

    def _own_grace(self) -> float:
        return float(objects.spec(self._pod).get("terminationGracePeriodSeconds", 30))

    async def execute(self, wish: Wish) -> Execution:
        """Run a client's command in a container. `LookupError` when it does not run; `CafeError`: no such program."""
        name = wish.container or self._containers[0].name
        process = next((each.process for each in self.containers if each.name == name and each.is_running), None)
        if process is None:
            raise LookupError(name)
        made = await execution.started(self._around.supervisor, process, wish)
        self._beside.spawn(execution.end_with(process, made), f"exec in {name} of {self._key}")
        return made

    async def _run(self, each: Container, words: Sequence[str], within_s: float) -> tuple[int, str]:
        """A command of the pod's own in a container: a probe's, a hook's."""
        if each.process is None:
            return 126, "the container does not run"
        spec = execution.spec_beside(each.process, words)
        try:
            process = await self._around.supervisor.start(spec)
        except CafeError as problem:
            return 126, str(problem)
        code = await process.stop(0.0) if not await execution.ends_within(process, within_s) else process.returncode
        return code or 0, "\n".join(self._around.supervisor.tail(spec.id, 5))

    # --- end ----------------------------------------------------------------------------------------------------------

    def _last_words(self, each: Container, process: Process) -> None:
        """The end of its log, where the container wants it told when it failed."""
        wants = each.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        if wants and each.ended is not None and not each.succeeded:
            words = "\n".join(self._around.supervisor.tail(process.spec.id, _LAST_LINES))
            each.ended["message"] = words[-_LAST_BYTES:]

    def _ended(self, each: Container, now: float) -> None:
        """What comes after a run: nothing, or the next one, later every time."""
        each.waiting = CREATING
        if objects.is_deleting(self._pod) or not self._comes_again(each):
            return
        each.back_off(now, self._scale)
        if each.retry_at > now:
            pause = f"back-off {each.retry_at - now:.3g}s restarting failed container={each.name}"
            each.waiting = ("CrashLoopBackOff", f"{pause} pod={self._named()}({self.uid})")
            told = f"Back-off restarting failed container {each.name} in pod {self._named()}({self.uid})"
            self._tell(each, "BackOff", told, warning=True)

    async def _end_all(self, grace_s: float) -> None:
        for each in self.containers:
            each.stop_probes()
        await asyncio.gather(*(self._end_one(each, grace_s, told=True) for each in self.containers if each.is_running))
        self._around.wake(self._key)

    async def _end_one(self, each: Container, grace_s: float, *, told: bool = False) -> None:
        process, begin = each.process, self._around.clock()
        if process is None:
            return
        if told:
            self._tell(each, "Killing", f"Stopping container {each.name}")
        hook = (each.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace_s:
            await self._pre_stop(each, hook, grace_s)
        await process.stop(max(grace_s - (self._around.clock() - begin), 0.0))

    async def _pre_stop(self, each: Container, hook: Mapping[str, Any], grace_s: float) -> None:
        """The hook's time is part of the grace; one that fails is told of, and the container ended all the same."""
        try:
            async with asyncio.timeout(grace_s):
                if "sleep" in hook:
                    await asyncio.sleep(self._around.pace.seconds(float(hook["sleep"]["seconds"])))
                else:
                    await probing.ask(
                        hook, self.address, launch.ports(each), grace_s, lambda words, s: self._run(each, words, s)
                    )
        except (probing.Bad, TimeoutError) as problem:
            self._tell(each, "FailedPreStopHook", f"PreStopHook failed: {problem}", warning=True)

    def _tell(self, each: Container, reason: str, message: str, *, warning: bool = False) -> None:
        group = "initContainers" if each in self._inits else "containers"
        field = f"spec.{group}{{{each.name}}}"
        self._around.events.tell(self._pod, reason, message, source=_SOURCE, warning=warning, field=field)

    def _named(self) -> str:
        return f"{objects.name(self._pod)}_{objects.namespace(self._pod)}"

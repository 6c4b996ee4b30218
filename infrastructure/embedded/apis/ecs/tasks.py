"""The tasks and the processes that stand for them: what the record wants is started, what it does not want is stopped.

    record: task wanted ──due──▶ fork ──▶ RUNNING, registered ──record: unwanted──▶ SIGTERM, out of the target group
                                   │                                                   │ stop time-out: SIGKILL
                                   └── cannot start, or died by itself ──▶ STOPPED ◀───┘

Nothing here waits: starting and stopping run beside, and each end wakes the controller.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from infrastructure.embedded import lags
from infrastructure.embedded.apis.ecs import launch as ecs_launch
from infrastructure.embedded.apis.ecs.launch import Allotment, CannotStart
from infrastructure.embedded.apis.ecs.record import EcsRecord, Exit, Record
from infrastructure.embedded.apis.ecs.schedule import Health
from infrastructure.embedded.apis.ecs.targets import Target, Targets
from infrastructure.embedded.control.background import end
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.host.process import Process
from infrastructure.errors import CafeError

_log = logging.getLogger(__name__)

_SIGNALLED = 128
"""A container that a signal ended exits with this plus the signal's number."""


@dataclass(slots=True, eq=False)
class Live:
    """A task that is not stopped yet. `groups` are the target groups it belongs in."""

    record: Record
    definition: Record
    due_at: float
    grace_s: float = 0.0
    """Seconds between SIGTERM and SIGKILL."""
    service: str | None = None
    """ARN of the service it belongs to; None for a task that was run by itself."""
    groups: tuple[str, ...] = ()
    port: int | None = None
    process: Process | None = None
    registered: set[str] = field(default_factory=set)
    was_ready: bool = False
    launch: asyncio.Task[None] | None = None
    stop: asyncio.Task[int] | None = None
    leaves_at: float = 0.0
    """When a task that is being stopped is taken out of its target groups."""
    problem: str = ""
    """Why it could not be started."""

    @property
    def arn(self) -> str:
        return str(self.record.task_arn)

    @property
    def is_wanted(self) -> bool:
        return bool(self.record.desired_status != "STOPPED")

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.state != "exited"

    @property
    def allotment(self) -> Allotment:
        return Allotment.of(self.definition)


class Tasks:
    """Every task that is not stopped. `ended` is called with each that ends, when its record is up to date."""

    def __init__(self, context: Context, record: EcsRecord, ended: Callable[[Live, float], None]) -> None:
        self._context = context
        self._record = record
        self._ended = ended
        self._targets = Targets(context.backends.operations, context.backends.elbv2.target_groups)
        self._around = Surroundings.of(context)
        self._live: dict[str, Live] = {}
        self._by_process: dict[str, Live] = {}
        context.supervisor.on_exit(self._on_exit)

    def __iter__(self) -> Iterator[Live]:
        return iter(tuple(self._live.values()))

    def add(self, task: Record, now: float, *, service: str | None = None, groups: tuple[str, ...] = ()) -> Live:
        """Take on a task that is yet to start."""
        definition = self._record.definition(task.task_definition_arn)
        live = Live(
            record=task,
            definition=definition,
            due_at=now + self._context.pace.task_start_s,
            grace_s=ecs_launch.stop_timeout_s(definition, self._context.pace),
            service=service,
            groups=groups,
        )
        self._live[live.arn] = live
        return live

    def adopt(self, now: float) -> None:
        """Take on tasks that a call to RunTask or StartTask left in the record."""
        for task in self._record.tasks():
            if task.task_arn not in self._live and task.last_status != "STOPPED":
                self.add(task, now)

    def health(self, live: Live) -> Health:
        """What the load balancers say; without one, a running task is healthy."""
        if not live.is_running or live.port is None or live.registered != set(live.groups):
            return "initial"
        states = {self._targets.health(Target(group, live.port)) for group in live.groups}
        if "unhealthy" in states:
            return "unhealthy"
        health: Health = "initial" if "initial" in states else "healthy"
        live.was_ready = live.was_ready or health == "healthy"
        return health

    def finish_ended(self, now: float) -> None:
        """Write down the tasks whose process has ended, or that need none any more."""
        for live in self:
            if live.process is not None and live.process.state == "exited":
                self._finish(live, now, live.process.returncode)
            elif live.problem or (not live.is_wanted and live.process is None and live.launch is None):
                self._finish(live, now, None)

    def stop_unwanted(self, now: float) -> None:
        """Stop what is not wanted, as far as it has not been."""
        for live in self:
            if not live.is_wanted:
                self._stop(live, now)

    def advance(self, now: float) -> float | None:
        """Start what is due, register what runs. When the next one is due."""
        for live in (each for each in self if each.is_wanted):
            if live.launch is None and live.process is None and live.due_at <= now:
                live.launch = asyncio.create_task(self._start(live, now), name=f"start {live.arn}")
            elif live.is_running:
                self._register(live)
        return min((at for live in self for at in (live.due_at, live.leaves_at) if at > now), default=None)

    async def _start(self, live: Live, now: float) -> None:
        self._record.pending(live.record, now)
        try:
            live.port = self._context.ports.allocate()
            spec = ecs_launch.workload_of(live.record, live.definition, live.port, self._around).process(self._around)
            self._attach_log(live, spec.id)
            live.process = await self._context.supervisor.start(spec)
        except (CannotStart, CafeError) as problem:
            live.problem = str(problem)
        except Exception as defect:  # noqa: BLE001  a defect here is this task's failure, told in its record
            _log.exception("task %s cannot be started", live.arn)
            live.problem = f"CannotStartContainerError: {defect}"
        else:
            self._by_process[spec.id] = live
            self._record.running(live.record, live.process.started_at)
            if live.is_wanted:
                self._register(live)
        finally:
            live.launch = None
            self._context.wake("ecs")

    def _attach_log(self, live: Live, process: str) -> None:
        from infrastructure.embedded.apis.ecs import (
            logs,  # with moto's of CloudWatch Logs, which a start does not wait for
        )

        backends, file = self._context.backends, self._context.state.logs / f"{process}.log"
        create = partial(backends.operations.call, "logs", "CreateLogGroup")
        logs.attach(
            backends.logs.groups,
            lambda name: create(logGroupName=name),
            live.record,
            live.definition,
            file,
            self._context.pace,
        )

    def _register(self, live: Live) -> None:
        for group in live.groups:
            if group not in live.registered and live.port and self._targets.register(Target(group, live.port)):
                live.registered.add(group)

    def _deregister(self, live: Live) -> None:
        for group in live.registered:
            if live.port is not None:
                self._targets.deregister(Target(group, live.port))
        live.registered.clear()

    def _stop(self, live: Live, now: float) -> None:
        """SIGTERM, and out of the target groups: a moment later after StopTask, so the task gets requests meanwhile."""
        if live.stop is not None:
            if now >= live.leaves_at:
                self._deregister(live)
            return
        if live.process is None or live.process.state == "exited":
            return
        self._record.stopping(live.record)
        live.leaves_at = now
        if live.record.stop_code == "UserInitiated":
            live.leaves_at += lags.STOPPED_TASK.at(self._context.pace)
        else:
            self._deregister(live)
        live.process.terminate()
        live.stop = asyncio.create_task(live.process.stop(live.grace_s), name=f"stop {live.arn}")

    def _on_exit(self, process: Process) -> None:
        live = self._by_process.get(process.spec.id)
        if live is not None and live.process is process:
            # At once, not at the next pass: until then the load balancer would send requests to nobody.
            self._deregister(live)
            self._context.wake("ecs")

    def _finish(self, live: Live, now: float, returncode: int | None) -> None:
        if live.problem:
            self._record.unwanted(live.record, Exit(code="TaskFailedToStart", reason=live.problem), now)
        else:
            reason = Exit(code="EssentialContainerExited", reason="Essential container in task exited")
            self._record.unwanted(live.record, reason, now)
        code = None if returncode is None else returncode if returncode >= 0 else _SIGNALLED - returncode
        self._record.stopped(live.record, now, code)
        self._deregister(live)
        del self._live[live.arn]
        if live.process is not None:
            self._by_process.pop(live.process.spec.id, None)
        if live.port is not None:
            self._context.ports.release(live.port)
        self._ended(live, now)

    async def close(self) -> None:
        """Kill every task's process and wait for its end."""
        await end(*(task for live in self for task in (live.launch, live.stop)))
        processes = [live.process for live in self if live.process is not None and live.process.state != "exited"]
        for process in processes:
            process.kill()
        await asyncio.gather(*(process.wait() for process in processes))
        self._live.clear()

"""The part of a stress run that one task does: workers, controller, and the figures they yield."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Final, Literal

from services.chassis.background import cancel
from services.chassis.stress.controller import PERIOD_S, CpuController
from services.chassis.stress.workers import Workers, WorkersFailed

REPORT_S: Final = 1.0
YOUNG_S: Final = 1.0

_log = logging.getLogger(__name__)

State = Literal["starting", "running", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StressRun:
    """One run as all tasks agree on it: percent of each task's allotment, seconds, and its start in Unix seconds."""

    run_id: str
    target_cpu: float
    duration_s: float
    started_at: float


@dataclass(slots=True, kw_only=True)
class TaskProgress:
    """How this task does: CPU in percent of its allotment over the last second, units of work done, live workers."""

    task: str
    state: State = "starting"
    cpu: float = 0.0
    units: int = 0
    workers: int = 0
    at: float = field(default_factory=time.time)


Report = Callable[[StressRun, TaskProgress], Awaitable[None]]
Count = Callable[[int], None]
Beside = Callable[[StressRun], Coroutine[object, object, None]]


def _uncounted(_units: int) -> None:
    """Nobody counts."""


async def nothing_beside(_run: StressRun) -> None:
    """No work comes from outside."""


class Engine:
    """Does this task's part of at most one run at a time. `entry` is the work (see worker.py), `vcpu` the allotment.

    `count` is told of each unit of work once, about once a second. `beside` runs beside the workers, brings in what
    they work on, and is cancelled with them.
    """

    def __init__(
        self,
        *,
        entry: str,
        vcpu: float,
        task: str,
        report: Report,
        count: Count = _uncounted,
        beside: Beside = nothing_beside,
    ) -> None:
        self._entry = entry
        self._vcpu = vcpu
        self._task = task
        self._report = report
        self._count = count
        self._beside = beside
        self._performing: asyncio.Task[None] | None = None
        self._holding: asyncio.Task[None] | None = None
        self._born = time.monotonic()
        self.run: StressRun | None = None
        """The run this task takes part in right now."""

    async def start(self, run: StressRun, *, for_s: float) -> None:
        """Take part in `run` for the `for_s` seconds that are left of it; another run ends first."""
        await self.stop()
        self.run = run
        progress = TaskProgress(task=self._task)
        workers = Workers(self._entry, max(math.ceil(self._vcpu), 1))
        self._holding = holding = asyncio.create_task(self._hold(run, workers, progress), name="stress")
        performing = self._perform(holding, run, for_s, workers, progress)
        self._performing = asyncio.create_task(performing, name="stress run")

    async def stop(self) -> None:
        """End at once; returns when no worker is left.

        Cancels the work only, never what cleans up after it: a run that is just ending by itself is waited for.
        """
        if self._holding is not None:
            self._holding.cancel()
        if self._performing is not None:
            await asyncio.wait({self._performing})

    async def _perform(
        self, holding: "asyncio.Task[None]", run: StressRun, for_s: float, workers: Workers, progress: TaskProgress
    ) -> None:
        _log.info("stress begins", extra={"run_id": run.run_id, "target_cpu": run.target_cpu, "seconds": for_s})
        beside = asyncio.create_task(self._beside(run), name="beside stress")
        try:
            progress.state = await self._end(holding, run, for_s)
        finally:
            await cancel(beside)
            if not beside.cancelled() and (defect := beside.exception()) is not None:
                _log.error("what was to be worked on did not come", exc_info=defect, extra={"run_id": run.run_id})
            self.run = None
            progress.cpu = 0.0
            await workers.close()
            await self._publish(run, progress, workers)
            _log.info("stress ends", extra={"run_id": run.run_id, "state": progress.state, "units": progress.units})

    async def _end(self, holding: "asyncio.Task[None]", run: StressRun, for_s: float) -> State:
        """How `run` ended, once it has: by its time, by `stop`, or by a failure."""
        await asyncio.wait({holding}, timeout=for_s)
        if not holding.done():
            await cancel(holding)
            return "finished"
        if holding.cancelled():
            return "stopped"
        error = holding.exception()
        defect = None if isinstance(error, WorkersFailed) else error
        _log.error("stress failed", exc_info=defect, extra={"run_id": run.run_id, "error": str(error)})
        return "failed"

    async def _hold(self, run: StressRun, workers: Workers, progress: TaskProgress) -> None:
        """Start the workers; measure and correct every period until cancelled."""
        controller = CpuController(target=run.target_cpu / 100, vcpu=self._vcpu, workers=workers.count)
        at, own, worked = *self._baseline(), 0.0
        await workers.start()
        progress.state = "running"
        reported_at = time.monotonic()
        while workers.alive == workers.count:
            now, own_now, worked_now = time.monotonic(), time.process_time(), workers.cpu_s()
            workers.work(controller.update(own_s=own_now - own, worked_s=worked_now - worked, elapsed_s=now - at))
            at, own, worked = now, own_now, worked_now
            progress.cpu = controller.measured
            if now - reported_at >= REPORT_S:
                reported_at = now
                await self._publish(run, progress, workers)
            await asyncio.sleep(PERIOD_S)
        raise WorkersFailed("a worker died")

    def _baseline(self) -> tuple[float, float]:
        """From when on CPU counts, and what the task used by then: nothing for one that has only just started.

        A task that joins a run as it starts has used up part of its first second already; that counts as well.
        """
        if time.monotonic() - self._born < YOUNG_S:
            return self._born, 0.0
        return time.monotonic(), time.process_time()

    async def _publish(self, run: StressRun, progress: TaskProgress, workers: Workers) -> None:
        self._count(workers.done - progress.units)
        progress.units, progress.workers, progress.at = workers.done, workers.alive, time.time()
        await self._report(run, progress)

"""The sandboxes of one function's version: a warm one for an invocation if there is one, else a cold start.

An invocation that starts a sandbox gets that very one. After a failed Init phase the next start waits (AWS does not
say for how long): until then invocations are answered with that failure, so that a broken function costs no processes.
A fleet that was retired finishes what it does and ends; what changed about the function is another fleet.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from infrastructure.embedded.control.background import Background
from infrastructure.embedded.engines.functions.report import Report
from infrastructure.embedded.engines.functions.sandbox import InitFailed, Ran, Sandbox
from infrastructure.embedded.engines.functions.spec import FunctionSpec
from infrastructure.errors import EnvironmentFault

_log = logging.getLogger(__name__)

INIT_LIMIT_S = 10.0
"""AWS's limit of the Init phase; one that takes longer is begun again within the function's own time-out."""
TURN_S = 2.0
"""How long a start keeps others waiting at most: one whose Init phase hangs uses no processor, and holds up nobody."""
_BACK_OFF_S, _LONGEST_BACK_OFF_S = 0.25, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a fleet needs of the engine. `starts` bounds how many sandboxes start side by side, for `TURN_S` each."""

    new_sandbox: Callable[[FunctionSpec], Sandbox]
    starts: asyncio.Semaphore
    idle_s: float


class SandboxFleet:
    """Runs invocations of `spec`, as many side by side as are asked for."""

    def __init__(self, spec: FunctionSpec, host: Host) -> None:
        self.spec = spec
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._sandboxes: set[Sandbox] = set()
        self._idle: list[Sandbox] = []
        self._is_retired = False
        self._failure: InitFailed | None = None
        self._failures = 0
        self._not_before = 0.0
        self._reaper: asyncio.TimerHandle | None = None
        self._endings = Background(_log)

    @property
    def size(self) -> int:
        return len(self._sandboxes)

    @property
    def is_over(self) -> bool:
        """Nothing of it runs any more, not even what is being ended."""
        return not self._sandboxes and not self._endings.tasks

    async def run(self, request_id: str, payload: bytes, arn: str, context: str = "") -> Ran:
        """One invocation. An Init phase that fails is the invocation's error, as on AWS."""
        try:
            async with self._sandbox() as sandbox:
                return await sandbox.run(request_id, payload, arn, context)
        except InitFailed as failure:
            return self._unstarted(request_id, failure)

    def retire(self) -> None:
        """Have no warm sandbox any more: the idle end now, the busy after their invocation."""
        self._is_retired = True
        idle, self._idle = self._idle, []
        for sandbox in idle:
            self._dismiss(sandbox)

    async def close(self) -> None:
        self._is_retired = True
        if self._reaper is not None:
            self._reaper.cancel()
        await asyncio.gather(*(sandbox.stop() for sandbox in tuple(self._sandboxes)))
        await asyncio.gather(*self._endings.tasks)
        self._sandboxes.clear()
        self._idle.clear()

    @contextlib.asynccontextmanager
    async def _sandbox(self) -> AsyncIterator[Sandbox]:
        """A sandbox for one invocation; afterwards it is idle, or goes."""
        sandbox = self._warm() or await self._start()
        try:
            yield sandbox
        finally:
            if sandbox.is_alive and not self._is_retired:
                self._idle.append(sandbox)
                self._reap_later()
            else:
                self._dismiss(sandbox)

    def _warm(self) -> Sandbox | None:
        """The sandbox that was used last, so that those that are too many grow old."""
        while self._idle:
            sandbox = self._idle.pop()
            if sandbox.is_alive:
                return sandbox
            self._dismiss(sandbox)
        return None

    async def _start(self) -> Sandbox:
        async with self._turn():
            if self._failure is not None and self._loop.time() < self._not_before:
                raise self._failure.with_traceback(None)
            try:
                sandbox = await self._started(INIT_LIMIT_S)
            except InitFailed as failure:
                if not failure.is_timeout:
                    self._note(failure)
                    raise
                sandbox = await self._second_start()
            self._failure, self._failures = None, 0
            return sandbox

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the places to start at: given back in the end, or after `TURN_S`."""
        await self._host.starts.acquire()
        with contextlib.ExitStack() as turn:
            turn.callback(self._host.starts.release)
            timer = self._loop.call_later(TURN_S, turn.close)
            try:
                yield
            finally:
                timer.cancel()

    async def _second_start(self) -> Sandbox:
        try:
            return await self._started(self.spec.timeout_s)
        except InitFailed as failure:
            self._note(failure)
            raise

    async def _started(self, limit_s: float) -> Sandbox:
        """A sandbox that waits for work. `EnvironmentFault` when the system refuses what it needs."""
        try:
            sandbox = self._host.new_sandbox(self.spec)
            self._sandboxes.add(sandbox)
            try:
                await sandbox.start(limit_s)
            except BaseException:
                self._sandboxes.discard(sandbox)
                raise
        except OSError as refusal:
            raise EnvironmentFault(f"no sandbox of {self.spec.name} can be started: {refusal}") from refusal
        return sandbox

    def _note(self, failure: InitFailed) -> None:
        self._failure = failure
        self._failures += 1
        pause_s = min(_BACK_OFF_S * 2 ** (self._failures - 1), _LONGEST_BACK_OFF_S)
        self._not_before = self._loop.time() + pause_s

    def _unstarted(self, request_id: str, failure: InitFailed) -> Ran:
        report = Report(
            request_id=request_id,
            duration_ms=failure.elapsed_ms,
            memory_mb=self.spec.memory_mb,
            max_memory_mb=0,
            outcome="timeout" if failure.is_timeout else "error",
        )
        report = report if failure.is_timeout else replace(report, error_type=failure.kind)
        lines = (f"START RequestId: {request_id} Version: {self.spec.version}", f"END RequestId: {request_id}")
        log = "\n".join((failure.log.rstrip("\n"), *lines, report.line, ""))
        return Ran(payload=failure.document, is_error=True, report=report, log=log)

    def _dismiss(self, sandbox: Sandbox) -> None:
        """End a sandbox that nobody uses, in the background."""
        self._endings.spawn(sandbox.stop(), f"the end of sandbox {sandbox.id}")
        self._sandboxes.discard(sandbox)

    def _reap_later(self) -> None:
        if self._reaper is None:
            self._reaper = self._loop.call_later(self._host.idle_s / 4, self._reap)

    def _reap(self) -> None:
        """End what has been idle for too long, or has died; look again while anything is idle."""
        self._reaper = None
        oldest = self._loop.time() - self._host.idle_s
        for sandbox in [s for s in self._idle if not s.is_alive or s.idle_since <= oldest]:
            self._idle.remove(sandbox)
            self._dismiss(sandbox)
        if self._idle:
            self._reap_later()

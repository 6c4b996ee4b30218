"""One sandbox: a process that runs one function's version, one invocation at a time.

    starting ──asked for work──▶ idle ──run──▶ busy ──answered──▶ idle …
        │ init error, exit, limit              │ time-out, exit, memory
        ▼                                      ▼
      ended ◀──────────────────────────────── killed

The Init phase is over when the runtime asks for work for the first time. What the process writes goes to its log in the
state folder; START, END and REPORT are added there, and an invocation's share of it is read back from there.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from infrastructure.embedded.engines.functions.ends import (
    Answered,
    Cause,
    Died,
    ending,
    error_document,
    judge,
    read_error,
)
from infrastructure.embedded.engines.functions.log import SandboxLog
from infrastructure.embedded.engines.functions.report import Report
from infrastructure.embedded.engines.functions.runtime_api import RuntimeApi, RuntimeEvent
from infrastructure.embedded.engines.functions.spec import FunctionSpec, process_spec
from infrastructure.embedded.host import proctree
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.state import StateFolder, make_enterable

MEGABYTE = 1 << 20
_MEMORY_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How an invocation ended in its sandbox."""

    payload: bytes
    is_error: bool
    report: Report
    log: str


class InitFailed(Exception):
    """The Init phase did not end well. `document` is AWS's error document; `is_timeout` when it took too long."""

    def __init__(self, kind: str, message: str, document: bytes, *, elapsed_ms: float, log: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.document = document
        self.elapsed_ms = elapsed_ms
        self.log = log

    @property
    def is_timeout(self) -> bool:
        return self.kind == "Sandbox.Timedout"


class Sandbox:
    """Made for one start; `id` is its process's and its log's name."""

    def __init__(self, sandbox_id: str, spec: FunctionSpec, supervisor: Supervisor, state: StateFolder) -> None:
        self.id = sandbox_id
        self.spec = spec
        self.idle_since = 0.0
        """Loop time."""
        self._supervisor = supervisor
        self._folder = state.run / "functions" / "tmp" / sandbox_id
        own = supervisor.users.of(sandbox_id)
        self._api = RuntimeApi(self, {os.getuid(), os.getuid() if own is None else own})
        self._log = SandboxLog(state.logs / f"{sandbox_id}.log")
        self._process: Process | None = None
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._outcome: asyncio.Future[Answered | Died] | None = None
        self._death: asyncio.Task[None] | None = None
        self._init_error = b""
        self._init_ms: float | None = None
        self._is_waiting = False
        self._work: RuntimeEvent | None = None
        self._request_id = ""
        self._cause: Cause = ""
        self._peak_bytes = 0

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.state != "exited" and not self._cause

    async def start(self, limit_s: float) -> None:
        """Fork the process and wait until it asks for work; `InitFailed` when it does not within `limit_s`.

        `OSError` or `EnvironmentFault` when the system refuses a port, a folder or the process.
        """
        began = time.monotonic()
        try:
            address = await self._api.serve()
            make_enterable(self._folder.parent)
            self._supervisor.users.own(self._folder, self.id)
            self._process = await self._supervisor.start(process_spec(self.spec, self.id, address, self._folder))
            self._death = self._loop.create_task(self._watch(self._process), name=f"watch {self.id}")
            with _Timers(self._loop, limit_s, self._end, self._look):
                await asyncio.wait((self._ready, self._death), return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            await self.stop()
            raise
        elapsed_ms = (time.monotonic() - began) * 1000
        if not self._ready.done():
            failure = self._init_failed(elapsed_ms)
            await self.stop()
            raise failure
        self._init_ms = elapsed_ms
        self.idle_since = self._loop.time()

    async def run(self, request_id: str, payload: bytes, arn: str, context: str = "") -> Ran:
        """Run one invocation; whatever becomes of it is in the result. The sandbox may not be alive afterwards.

        Cancelled, it ends the sandbox.
        """
        self._request_id, self._outcome = request_id, self._loop.create_future()
        self._log.write(f"START RequestId: {request_id} Version: {self.spec.version}")
        deadline_ms = int((time.time() + self.spec.timeout_s) * 1000)
        began = time.monotonic()
        with _Timers(self._loop, self.spec.timeout_s, self._end, self._look):
            self._offer(
                RuntimeEvent(request_id=request_id, payload=payload, arn=arn, deadline_ms=deadline_ms, context=context)
            )
            try:
                outcome = await self._outcome
            except BaseException:
                self._end("abandoned")  # nobody waits for the answer, and it is in no state for another invocation
                raise
        elapsed_s = time.monotonic() - began
        self._request_id, self._outcome = "", None
        self.idle_since = self._loop.time()
        return self._ended(request_id, outcome, elapsed_s)

    async def stop(self) -> None:
        """Kill the process, as AWS does, and wait for its end. Idempotent."""
        if self._process is not None:
            self._process.kill()
        if self._death is not None:
            await self._death
        await self._api.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._supervisor.users.release(self.id)

    # What the Runtime API calls.

    def asked(self) -> None:
        self._is_waiting = True
        if not self._ready.done():
            self._ready.set_result(None)
        if self._work is not None:
            work, self._work = self._work, None
            self._offer(work)

    def answered(self, request_id: str, payload: bytes, *, is_error: bool) -> bool:
        if request_id != self._request_id or self._outcome is None or self._outcome.done():
            return False
        self._outcome.set_result(Answered(payload, is_error))
        return True

    def failed_to_init(self, payload: bytes) -> None:
        self._init_error = payload

    def hung_up(self) -> None:
        """A killed runtime is known by its connection before its end is reported: no work for it from here on."""
        self._is_waiting = False
        if self._outcome is None or self._outcome.done():  # else its own end resolves what became of the invocation
            self._end("abandoned")

    def _offer(self, work: RuntimeEvent) -> None:
        """Hand the work over now, or as soon as the runtime has finished with the last one and asks."""
        if self._is_waiting:
            self._is_waiting = False
            self._api.give(work)
        else:
            self._work = work
        if self._death is not None and self._death.done():
            self._die()

    def _end(self, cause: Cause) -> None:
        """Kill the process for a reason; its end resolves what waits."""
        if self._process is not None and not self._cause:
            self._cause = cause
            self._process.kill()

    def _look(self) -> None:
        """Enforce the memory limit: the resident sets of the whole tree."""
        if self._process is None:
            return
        used_bytes = proctree.usage_of(self._process.pid).rss_bytes
        self._peak_bytes = max(self._peak_bytes, used_bytes)
        if used_bytes > self.spec.memory_mb * MEGABYTE:  # not the peak: an earlier invocation may have had that
            self._end("memory")

    async def _watch(self, process: Process) -> None:
        await process.wait()
        await self._api.close()
        self._die()

    def _die(self) -> None:
        if self._outcome is not None and not self._outcome.done() and self._process is not None:
            code = self._process.returncode
            self._outcome.set_result(Died(0 if code is None else code, self._cause))

    def _ended(self, request_id: str, outcome: Answered | Died, elapsed_s: float) -> Ran:
        """Write the closing lines, and put everything together."""
        init_ms, self._init_ms = self._init_ms, None
        report = Report(
            request_id=request_id,
            duration_ms=min(elapsed_s, self.spec.timeout_s) * 1000,
            memory_mb=self.spec.memory_mb,
            max_memory_mb=self._max_memory_mb(),
            init_ms=init_ms,
        )
        end = judge(outcome, report, self.spec.timeout_s)
        self._log.write(*end.lines, f"END RequestId: {request_id}", end.report.line)
        return Ran(payload=end.payload, is_error=end.is_error, report=end.report, log=self._log.unread())

    def _max_memory_mb(self) -> int:
        """The most the sandbox ever held, within its limit; of a dead process what was seen last."""
        if self._process is not None:
            self._peak_bytes = max(self._peak_bytes, proctree.peak_bytes(self._process.pid))
        return min(-(-self._peak_bytes // MEGABYTE), self.spec.memory_mb)

    def _init_failed(self, elapsed_ms: float) -> InitFailed:
        code = self._process.returncode if self._process is not None else None
        if self._cause == "timeout":
            kind, message = "Sandbox.Timedout", f"Init phase timed out after {elapsed_ms / 1000:.2f} seconds"
            status = "Status: timeout"
        elif self._init_error:
            kind, message = read_error(self._init_error)
            status = f"Status: error\tError Type: {kind}"
        else:
            kind = "Runtime.OutOfMemory" if self._cause == "memory" else "Runtime.ExitError"
            message = f"Runtime exited with error: {ending(code or 0)}"
            status = f"Status: error\tError Type: {kind}"
        document = self._init_error or error_document(kind, message)
        self._log.write(f"INIT_REPORT Init Duration: {elapsed_ms:.2f} ms\tPhase: init\t{status}")
        return InitFailed(kind, message, document, elapsed_ms=elapsed_ms, log=self._log.unread())


class _Timers:
    """The clocks of an Init phase or an invocation: its time-out, and looks at the memory while it lasts."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, timeout_s: float, end: Callable[[Cause], None], look: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._end, self._look = end, look
        self._timeout = loop.call_later(timeout_s, end, "timeout")
        self._next = loop.call_later(_MEMORY_LOOK_S, self._tick)

    def _tick(self) -> None:
        self._look()
        self._next = self._loop.call_later(_MEMORY_LOOK_S, self._tick)

    def __enter__(self) -> None:
        """They run already."""

    def __exit__(self, *_: object) -> None:
        self._timeout.cancel()
        self._next.cancel()

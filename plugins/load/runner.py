"""Runs a load plan in a process of its own: Locust's gevent never enters pytest, and dies with whoever started it.

start ──> spawn ──> ready: first arrival scheduled ──> stop() or the end of the schedule ──> result()
             └────> died before or after ──> LoadError with the log's tail, which makes the run inconclusive
"""

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from infrastructure.embedded.host import launcher
from infrastructure.errors import ExitCode
from plugins.load.errors import LoadError
from plugins.load.journeys import journey
from plugins.load.plan import PLAN_VARIABLE, Assignment, LoadPlan, to_json
from plugins.load.result import LoadResult

READY_VARIABLE = "CAFE_LOAD_READY_FD"
"""Environment variable with the file descriptor that takes one JSON line when the first arrival is scheduled."""

READY_WITHIN_S = 30.0
"""Importing Locust takes a CPU second; on a loaded machine several."""

_PROJECT = Path(__file__).resolve().parents[__name__.count(".")]
_GRACE_S = 5.0
_TAIL = 40


class Endpoints(Protocol):
    """What this module needs of a platform."""

    def endpoint(self, name: str) -> str: ...  # URL of "alb"


class LoadRun:
    """A running generator. Use it as a context manager: leaving the block stops it.

    `started_at` is the Unix time at which the schedule began. The generator dies with the *thread* that started it
    (that is how the kernel understands "parent"), so start it from a thread that outlives the run.
    """

    def __init__(self, plan: LoadPlan, folder: Path, process: subprocess.Popen[bytes], started_at: float) -> None:
        self.plan = plan
        self.folder = folder
        self.started_at = started_at
        self._process = process
        self._is_stopped = False
        self._why = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """`LoadError` if the generator crashed, had to be killed, or was stopped by another: what it offered is then
        not the plan, and what it recorded may not be all of that.
        """
        code = self._process.poll()
        if code == ExitCode.INCONCLUSIVE and not self._is_stopped:
            raise LoadError("the load generator was stopped by somebody else in its run", log=_tail(self.folder))
        if code not in (None, ExitCode.PASSED, ExitCode.INCONCLUSIVE):
            when = "on its way out" if self._is_stopped else "in the middle of its run"
            raise LoadError(f"the load generator died ({_how(code)}) {when}{self._why}", log=_tail(self.folder))

    def snapshot(self) -> LoadResult:
        """What has been recorded so far, at most a second or so old; for stop conditions."""
        self.check()
        return LoadResult.read(self.folder)

    def wait(self, timeout_s: float | None = None) -> None:
        """Until the schedule is over and the last answers are in. `LoadError` if it crashed or takes too long."""
        longest = timeout_s if timeout_s is not None else self._ends_by() - time.time()
        try:
            self._process.wait(max(longest, 0.0))
        except subprocess.TimeoutExpired:
            self._end()
            raise LoadError(f"the load generator was not done {longest:.0f} s later", log=_tail(self.folder)) from None
        self.check()

    def stop(self) -> None:
        """No further arrivals; journeys under way may finish within their own time-out. Safe to call twice.

        `LoadError` if it had crashed before, crashes on its way out, or does not end and has to be killed.
        """
        self.check()
        self._end()
        self.check()

    def result(self) -> LoadResult:
        """Everything recorded; waits for the end of a run that was not stopped. `LoadError` if that is not all."""
        if not self._is_stopped:
            self.wait()
        self.check()
        return LoadResult.read(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._is_stopped = True
        grace_s = self.plan.longest_s + _GRACE_S
        if _end(self._process, grace_s):
            self._why = f": it had not ended {grace_s:g} s after it was asked to, and was killed"

    def _ends_by(self) -> float:
        return self.started_at + self.plan.length_s + self.plan.longest_s + 2 * _GRACE_S


def start(plan: LoadPlan, platform: Endpoints, folder: Path) -> LoadRun:
    """Start a generator on `platform`'s load balancer; returns once its first arrival is scheduled.

    `folder` takes the plan, the log, the samples and the history; one run per folder. `LoadError` if it does not start.
    """
    return start_at(plan, platform.endpoint("alb"), folder)


def start_at(plan: LoadPlan, url: str, folder: Path) -> LoadRun:
    """`start` against any base URL."""
    for name, _ in plan.shares:
        journey(name)  # an unknown one is refused here, by its name, rather than over there
    folder.mkdir(parents=True, exist_ok=True)
    plan_file = folder / "plan.json"
    plan_file.write_text(to_json(Assignment(plan=plan, host=url, folder=folder.resolve())), encoding="utf-8")
    with _pipe() as (read_end, write_end):
        with write_end:
            process = _spawn(plan.locustfile, plan_file, folder, write_end.fileno())
        try:
            started_at = _ready(read_end.fileno(), process, folder)
        except BaseException:
            _end(process, 0.0)
            raise
    return LoadRun(plan, folder, process, started_at)


@contextmanager
def _pipe() -> Iterator[tuple[io.FileIO, io.FileIO]]:
    """Its reading and its writing end, both closed in the end whatever happens."""
    reading, writing = os.pipe()
    with io.FileIO(reading, "r") as read_end, io.FileIO(writing, "w") as write_end:
        yield read_end, write_end


def _spawn(locustfile: Path, plan_file: Path, folder: Path, ready: int) -> subprocess.Popen[bytes]:
    tied = launcher.words()
    command = (*tied, sys.executable, "-m", "locust", "-f", str(locustfile), "--headless", "--only-summary")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    environment |= {PLAN_VARIABLE: str(plan_file.resolve()), READY_VARIABLE: str(ready)}
    with (folder / "generator.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=_PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(ready,),
            start_new_session=True,  # a Ctrl-C at the terminal is pytest's to act on
        )


def _ready(pipe: int, process: subprocess.Popen[bytes], folder: Path) -> float:
    """The schedule's start, from the generator's own line; end of file means it died."""
    if not select.select([pipe], [], [], READY_WITHIN_S)[0]:
        raise LoadError(f"the load generator was not ready after {READY_WITHIN_S:g} s", log=_tail(folder))
    line = os.read(pipe, 4096)
    if not line:
        code = process.wait()
        raise LoadError(f"the load generator did not start ({_how(code)})", log=_tail(folder))
    return float(json.loads(line)["started_at"])


def _end(process: subprocess.Popen[bytes], grace_s: float) -> bool:
    """SIGTERM, and SIGKILL for what is still there after `grace_s`, or when the wait for it is interrupted. The process
    is reaped either way; whether it took the SIGKILL.
    """
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGTERM if grace_s else signal.SIGKILL)
    try:
        process.wait(grace_s or None)
    except subprocess.TimeoutExpired:
        _kill(process)
        return True
    except BaseException:
        _kill(process)
        raise
    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _how(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def _tail(folder: Path) -> tuple[str, ...]:
    log = folder / "generator.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return tuple(lines[-_TAIL:])

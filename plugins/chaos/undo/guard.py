"""Starts the watchdog with a run's first experiment, and ends it with the run."""

import contextlib
import os
import select
import subprocess
import sys
from pathlib import Path

from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder
from plugins.chaos.undo import journal

ARMED_WITHIN_S = 20.0
"""It imports boto3, and Kubernetes' client for a fault that needs it; on a loaded machine that takes seconds."""


class Watchdog:
    """The run's hold on its watchdog process. `platform_id` is None on AWS; `module` is what the process runs."""

    def __init__(
        self, state: StateFolder, platform_id: str | None, *, module: str = "plugins.chaos.undo.watchdog"
    ) -> None:
        self._module = module
        self._state = state
        self._platform_id = platform_id
        self._process: subprocess.Popen[bytes] | None = None
        self._knows_kubernetes = False

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def arm(self, *, with_kubernetes: bool = False) -> None:
        """Return once a watchdog watches; one that has ended is replaced. `EnvironmentFault` if none comes up.

        So is one that would have to load Kubernetes' client in trouble, though `with_kubernetes` says that it takes it:
        nothing is open while a run arms, so nobody misses it until the next is there.
        """
        if self._process is not None and self._process.poll() is None:
            if self._knows_kubernetes or not with_kubernetes:
                return
            self._end()
        self._knows_kubernetes = with_kubernetes
        log = self._log()
        armed, write_end = os.pipe()
        run = os.pidfd_open(os.getpid())
        try:
            try:
                self._process = self._spawn(run, write_end, log)
            finally:
                os.close(write_end)
                os.close(run)
            _await(armed, log)
        except BaseException:
            self._end()  # else it would pass for one that watches when the next experiment asks
            raise
        finally:
            os.close(armed)

    def close(self) -> None:
        """End it, unless this run leaves an experiment open: then it stays, and undoes that once the run has ended."""
        if self._process is None:
            return
        if self._leaves_something_open():
            self._process.returncode = 0  # it outlives us on purpose: Popen takes that for a mistake, and warns of it
        else:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _leaves_something_open(self) -> bool:
        entries = journal.open_entries(self._state.journal)
        return any(entry.origin.pid == os.getpid() for entry in entries)

    def _log(self) -> Path:
        self._state.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._state.logs / f"watchdog-{os.getpid()}.log"

    def _spawn(self, run: int, armed: int, log: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", self._module, "--state", str(self._state.root)]
        command += ["--run-pid", str(os.getpid()), "--run-fd", str(run), "--armed-fd", str(armed)]
        command += ["--with-kubernetes"] if self._knows_kubernetes else []
        if self._platform_id is not None:
            command += ["--platform-id", self._platform_id]
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(run, armed),
                start_new_session=True,
            )


def _await(armed: int, log: Path) -> None:
    is_ready = bool(select.select([armed], [], [], ARMED_WITHIN_S)[0])
    if is_ready and os.read(armed, 16):
        return
    tail: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    raise EnvironmentFault("the watchdog did not start, so no fault is injected: nobody could undo it", log=tuple(tail))

"""Starts and ends the daemon from another process: a pytest run, `cafe`, Locust.

Whoever starts it owns it, unless it is detached: the daemon holds a pidfd of its owner, so that it ends when the owner
does, by whatever signal, and whatever the owner's other children have inherited.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from infrastructure.embedded.host import proctree, residue
from infrastructure.embedded.host.logfile import tail
from infrastructure.embedded.pace import Pace
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, PlatformRecord, StateFolder, make_private

DAEMON: tuple[str, ...] = (sys.executable, "-P", "-m", "infrastructure.embedded")
START_S = 30.0
STOP_S = 25.0
_KILLED_S = 5.0
_LOOK_S = 0.05
_SOURCE_ROOT = Path(__file__).parents[__name__.count(".")]

# Ours to wait for once they end. A detached daemon stays here until this process ends, and then is init's.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A daemon that is ready: its control plane's URL, its pid."""

    url: str
    pid: int


def launch(
    environment_name: str,
    region: str,
    pace: Pace,
    state: StateFolder,
    *,
    detached: bool,
    owner: int | None = None,
    program: tuple[str, ...] = DAEMON,
) -> Launched:
    """Start an embedded cloud and wait until its control plane answers, at most `START_S` seconds.

    It ends with the process `owner` (default: this one); a detached one only until it is ready. Left-overs of an
    earlier one are cleaned first. `EnvironmentFault` with the log's end when it does not start, or one is running;
    nothing of the attempt is left then.
    """
    with _locked(state):
        residue.clean(state)
        state.create()
        arguments = ("--environment", environment_name, "--region", region, "--pace", pace.name)
        command = (*program, *arguments, "--state", str(state.root), *(("--detached",) if detached else ()))
        with contextlib.ExitStack() as undo:
            undo.callback(residue.remove_files, state)
            child, ready = _spawn(command, state, os.getpid() if owner is None else owner)
            undo.callback(_end_attempt, child, state)
            launched = _await_ready(child, ready, state)
            undo.pop_all()
        _children[child.pid] = child
        return launched


def find(state: StateFolder) -> PlatformRecord | None:
    """The platform that is up in the folder; None when there is none, or its daemon is dead."""
    record = PlatformRecord.read(state)
    return record if record is not None and residue.living_daemon(state) == record.pid else None


def stop(state: StateFolder, *, within_s: float = STOP_S) -> None:
    """End the folder's daemon in order, or by force after `within_s` seconds, and remove the folder's content.

    A journal that is not empty stays. Nothing happens when nothing is up; left-overs are cleaned all the same.
    """
    with _locked(state):
        daemon = residue.living_daemon(state)
        if daemon is not None:
            _end(daemon, within_s)
        _reap()
        residue.clean(state)


def _spawn(command: tuple[str, ...], state: StateFolder, owner: int) -> tuple[subprocess.Popen[bytes], int]:
    """The daemon, and the end of the pipe on which it says that it is ready."""
    ready, written = os.pipe()
    with contextlib.ExitStack() as given, contextlib.ExitStack() as ours:
        given.callback(os.close, ready)
        ours.callback(os.close, written)
        try:
            owner_fd = os.pidfd_open(owner)
        except ProcessLookupError:
            raise EnvironmentFault(f"process {owner}, which is to own the embedded cloud, has ended") from None
        ours.callback(os.close, owner_fd)
        log = ours.enter_context((state.logs / "cloud.log").open("ab"))
        child = subprocess.Popen(
            (*command, "--owner-fd", str(owner_fd), "--ready-fd", str(written)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(state),
            cwd=state.root,
            pass_fds=(owner_fd, written),
            start_new_session=True,
        )
        given.pop_all()
    return child, ready


def _environment(state: StateFolder) -> dict[str, str]:
    """Ours without anything of AWS's: the embedded cloud never sees a person's account."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**inherited, "PYTHONPATH": str(_SOURCE_ROOT), MARKER: str(state.root)}


def _await_ready(child: subprocess.Popen[bytes], ready: int, state: StateFolder) -> Launched:
    """The line on the pipe; the pipe's end without one means that the daemon died."""
    with open(ready, encoding="utf-8") as pipe:
        if not _is_readable(ready, START_S):
            raise EnvironmentFault(f"the embedded cloud is not ready after {START_S:.0f} s", log=_log_of(state))
        line = pipe.readline()
    if not line:
        code = child.wait()
        log = _log_of(state)
        why = "" if log else f"; it could not even write a log: see that {state.root} is on a disk with room"
        raise EnvironmentFault(f"the embedded cloud died while it started (exit code {code}){why}", log=log)
    report = json.loads(line)
    if "fault" in report:
        raise EnvironmentFault(f"the embedded cloud did not start: {report['fault']}", log=_log_of(state))
    return Launched(url=report["url"], pid=report["pid"])


def _end_attempt(child: subprocess.Popen[bytes], state: StateFolder) -> None:
    child.kill()
    child.wait()
    residue.sweep(state)


def _end(pid: int, within_s: float) -> None:
    """SIGTERM; SIGKILL when the daemon is still there after `within_s`."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:  # it ended since it was looked for
        return
    try:
        for number in (signal.SIGTERM, signal.SIGCONT):  # a paused daemon must run to hear the first
            signal.pidfd_send_signal(descriptor, number)
        if not _is_readable(descriptor, within_s):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            _is_readable(descriptor, _KILLED_S)
    except ProcessLookupError:  # it ended by itself meanwhile
        return
    finally:
        os.close(descriptor)


def _reap() -> None:
    """Wait for those of our daemons that have ended, however they did; else each stays a zombie as long as we live."""
    for pid, child in tuple(_children.items()):
        if proctree.start_ticks(pid) is None:
            child.wait()  # a moment at most: a killed daemon is there until the last of its threads has gone
            del _children[pid]


def _is_readable(descriptor: int, within_s: float) -> bool:
    """Whether a pipe has something to read, or a pidfd's process has ended, within that time."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(within_s * 1000))


def _log_of(state: StateFolder) -> tuple[str, ...]:
    return tail(state.logs / "cloud.log")


@contextlib.contextmanager
def _locked(state: StateFolder) -> Iterator[None]:
    """Hold off every other start and stop of this environment. The lock dies with its holder."""
    make_private(state.lock.parent)
    deadline = time.monotonic() + START_S + STOP_S
    with state.lock.open("a") as lock:
        while not _is_taken(lock):
            if time.monotonic() >= deadline:
                raise EnvironmentFault(
                    f"another process has been starting or stopping the platform in {state.root} for more than "
                    f"{START_S + STOP_S:.0f} s; `fuser {state.lock}` shows which"
                )
            time.sleep(_LOOK_S)  # flock waits for ever or not at all
        yield


def _is_taken(lock: IO[str]) -> bool:
    """Take the lock if nobody has it; whether it is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""One child process of the embedded cloud: what to start, and the handle on what was started.

          start            SIGTERM             the kernel reports
    spec ───────▶ running ─────────▶ stopping ─────────────────▶ exited
                   │   ▲                                           ▲
           SIGSTOP ▼   │ SIGCONT                                   │
                   paused ─────────────────────────────────────────┘ (SIGKILL works on a paused process too)

Every child leads a session and process group of its own: a kill reaches the whole group, so that what a child forked
ends with it.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from infrastructure.embedded.host import proctree
from infrastructure.embedded.host.proctree import Usage

SERVICES_ZYGOTE = "zygote"
"""The zygote that every supervisor has: it forks the platform's services."""

ProcessState = Literal["running", "stopping", "paused", "exited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """What to start: exactly one of `argv` (a program, exec'd) and `entry` (`module:function`, forked by the zygote).

    `id` is unique among the living and safe as a file name: the log is `<logs>/<id>.log`. `kind` groups for people
    (`ecs-task`, `redis`, `envoy`); `resource` is the ARN or id of the AWS resource the process stands for. `env` is the
    child's environment on top of PATH, HOME, the locale and the platform's marker; nothing else of ours is passed on.
    Started by root, it runs as a user of its own; those of one `account` share theirs, and `reads` are accounts whose
    files it may read as well. `user` is for a program that insists on a system user's name. `zygote` is the one that
    forks the `entry`. `folder` is where an exec'd program starts; None is the platform's own folder for what runs. With
    `low_ports` a program may listen on ports below 1024, if we may. `mounts` are folders and files that a program finds
    elsewhere too (source, target, whether it may only read it), started by root alone. `stdio` are descriptors that it
    has instead of its log; they stay the caller's.
    """

    id: str
    kind: str
    resource: str
    env: Mapping[str, str] = field(repr=False)  # it holds keys
    service: str | None = None
    port: int | None = None
    az: str | None = None
    argv: tuple[str, ...] = ()
    entry: str | None = None
    account: str = ""
    reads: tuple[str, ...] = ()
    user: str | None = None
    zygote: str = SERVICES_ZYGOTE
    folder: Path | None = None
    low_ports: bool = False
    mounts: tuple[tuple[str, str, bool], ...] = ()
    stdio: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if not self.id or set(self.id) - _FILE_NAME_SAFE or self.id.startswith("."):
            raise ValueError(f"process id {self.id!r} is no file name: letters, digits, '.', '_' and '-' are allowed")
        if bool(self.argv) == bool(self.entry):
            raise ValueError(f"process {self.id} needs either argv or entry, and not both")


_FILE_NAME_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Process:
    """The handle on one child; made by the `Supervisor`, on its event loop. `started_at` is in Unix seconds.

    `returncode` is None until the end, then as in `subprocess`: the exit status, or minus the signal's number.
    """

    def __init__(self, spec: ProcessSpec, pid: int, on_exit: Callable[["Process"], None]) -> None:
        self.spec = spec
        self.pid = pid
        self.started_at = time.time()
        self.returncode: int | None = None
        self.state: ProcessState = "running"
        self._on_exit = on_exit
        self._done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._cpu_s = 0.0
        # A pidfd names this very process even when the kernel gives its number to another one.
        self.pidfd: int | None = None
        with contextlib.suppress(ProcessLookupError):  # it ended already; the exit report is under way
            self.pidfd = os.pidfd_open(pid)

    def terminate(self) -> None:
        """SIGTERM, at once; nothing happens when it got one before."""
        if self.state not in ("stopping", "exited"):
            self.state = "stopping"
            self._signal(signal.SIGTERM)

    async def stop(self, grace_s: float) -> int:
        """SIGTERM, after `grace_s` seconds SIGKILL; the return code. A second call may shorten the grace."""
        if self.state != "exited":
            self.terminate()
            await asyncio.wait((self._done,), timeout=grace_s)
            self.kill()
        return await self.wait()

    def kill(self) -> None:
        """SIGKILL to the whole process group; nothing happens when it has ended."""
        if self.state != "exited":
            self._signal_group(signal.SIGKILL)
            self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the whole process group (SIGSTOP): connections stay open and nobody answers."""
        if self.state == "running":
            self._signal_group(signal.SIGSTOP)
            self.state = "paused"

    def resume(self) -> None:
        if self.state == "paused":
            self._signal_group(signal.SIGCONT)
            self.state = "running"

    async def wait(self) -> int:
        return await asyncio.shield(self._done)

    def usage(self) -> Usage:
        """What the process tree uses now; after the end the last CPU reading, and nothing else."""
        if self.state == "exited":
            return Usage(cpu_s=self._cpu_s, rss_bytes=0, processes=0)
        usage = proctree.usage_of(self.pid)
        self._cpu_s = max(self._cpu_s, usage.cpu_s)
        return usage

    def finish(self, returncode: int) -> None:
        """For the supervisor: the process has ended and was waited for."""
        if self.state == "exited":
            return
        self.state = "exited"
        self.returncode = returncode
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None
        self._done.set_result(returncode)
        self._on_exit(self)

    def _signal(self, number: signal.Signals) -> None:
        if self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def _signal_group(self, number: signal.Signals) -> None:
        if self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

"""Every process of the embedded cloud belongs to the supervisor, and dies with it.

    pytest / cafe ── owns ──▶ daemon: control plane, controllers and this supervisor on one event loop, one thread
                                ├── guard     watches the daemon; when it dies, ends whatever still carries the marker
                                ├── envoy     exec'd through launcher.py
                                ├── redis …   exec'd through launcher.py
                                └── zygote    infrastructure.embedded.host.zygote: imports everything once
                                      ├── task   forked in milliseconds, one per ECS task
                                      └── task …

Two nets, each enough by itself in the common case: the kernel sends SIGKILL to each child when its parent dies
(PR_SET_PDEATHSIG, set by the child before it does anything else), and the guard ends what that misses, which is what a
child has forked in turn. A third, `residue.clean`, runs at the next start for the day both were killed as well.

A death is an event: a pidfd becomes readable, or the zygote reports it. Nothing is polled.
"""

import asyncio
import contextlib
import functools
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from infrastructure.embedded.host import launcher, reach, residue
from infrastructure.embedded.host.forkserver import ForkServer
from infrastructure.embedded.host.logfile import tail
from infrastructure.embedded.host.process import SERVICES_ZYGOTE, Process, ProcessSpec, ProcessState
from infrastructure.embedded.host.proctree import Usage
from infrastructure.embedded.host.users import Users
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, StateFolder

__all__ = ["Process", "ProcessSpec", "ProcessState", "Supervisor", "Usage"]

_log = logging.getLogger(__name__)

_SOURCE_ROOT = Path(__file__).parents[__name__.count(".")]

_PYTHON = (sys.executable, "-P", "-m")
ZYGOTE = (*_PYTHON, "infrastructure.embedded.host.zygote")
"""The program that forks entries; it gets the number of its socket as last argument."""
_GUARD_ID = "guard"
_GUARD = (*_PYTHON, "infrastructure.embedded.host.guard")

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""What a child sees of the caller's environment. Nothing of AWS_*: a person's credentials stay with the person."""
_SHIELD = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Nor does a child find a person's account in the files under HOME, or a machine's through the metadata service."""

_NO_HOME = "/nonexistent"
"""The home of whoever is not to have one, by Debian's custom: root's is closed to other users."""
_CLOSE_S = 5.0
_SHORT_LIVED_S = 1.0
_GIVE_UP_AFTER = 3


class Supervisor:
    """Starts, watches and ends child processes. Lives on one event loop and in one thread, which must outlive it.

    The kernel counts the end of the *thread* that started a process as the parent's death, so every start happens in
    the thread that made the supervisor; another one is a `RuntimeError`.
    """

    def __init__(self, state: StateFolder, zygote: tuple[str, ...] = ZYGOTE) -> None:
        self._state = state
        self._processes: dict[str, Process] = {}
        self._helpers: dict[str, Process] = {}
        self._starting: set[str] = set()
        self._callbacks: list[Callable[[Process], None]] = []
        self._thread = threading.get_ident()
        self._is_closing = False
        self._guards_lost = 0
        self.users = Users(note=state.users)
        self._zygotes: dict[str, ForkServer] = {}
        self.add_zygote(SERVICES_ZYGOTE, zygote)
        state.create()

    @property
    def processes(self) -> Mapping[str, Process]:
        """The living processes by id; an ended one is gone from here before its `on_exit` callbacks run."""
        return MappingProxyType(self._processes)

    @property
    def helpers(self) -> Mapping[str, Process]:
        """The supervisor's own processes by id: the guard and the zygotes. It restarts them itself."""
        return MappingProxyType(self._helpers)

    def on_exit(self, callback: Callable[[Process], None]) -> None:
        """Call `callback` on the loop for every process that ends, for whatever reason."""
        self._callbacks.append(callback)

    def add_zygote(self, name: str, argv: tuple[str, ...]) -> None:
        """Have another program that forks (host/forking.py), for specs whose `zygote` is `name`.

        It gets the number of its socket as last argument, and starts with `warm` or the first fork.
        """
        if name in self._zygotes:
            raise ValueError(f"there is a zygote called {name!r} already")
        self._zygotes[name] = ForkServer(
            name,
            start_zygote=functools.partial(self._start_zygote, name, argv),
            adopt=functools.partial(self._adopt, self._processes),
            explain=functools.partial(self.tail, name),
        )

    def warm(self, zygote: str = SERVICES_ZYGOTE) -> None:
        """Start the guard and a zygote now, so that they import while the caller does something else."""
        self._ensure_guard()
        self._zygotes[zygote].warm()

    async def start(self, spec: ProcessSpec) -> Process:
        """The running process. `EnvironmentFault` when the program is missing or the system refuses to start it.

        `ValueError` when a living process has the same id. A program that fails later is reported through `on_exit`.
        """
        if self._is_closing:
            raise EnvironmentFault(f"process {spec.id} is not started any more: the platform is being closed")
        if spec.id in self._processes or spec.id in self._starting or spec.id in (_GUARD_ID, *self._zygotes):
            raise ValueError(f"a process called {spec.id!r} is running already")
        self._ensure_guard()
        user = self._user_of(spec)
        self._starting.add(spec.id)
        try:
            if not spec.entry:
                return self._exec(spec, self._processes, user=user)
            log = str(self._log_of(spec.id))
            return await self._zygotes[spec.zygote].fork(spec, self._environment(spec), log, user)
        finally:
            self._starting.discard(spec.id)
            self._give_back_user(spec)

    def _user_of(self, spec: ProcessSpec) -> tuple[int, ...]:
        """The numbers of the user, its group and further groups; none when it is to run as we do."""
        if spec.user is not None:
            return _system_user(spec)
        number = self.users.of(spec.account or spec.id)
        is_code = bool(spec.entry) or spec.argv[0] == sys.executable
        if number is None or (is_code and self._is_unreachable):
            return ()
        return (number, number, *filter(None, map(self.users.of, spec.reads)))

    @functools.cached_property
    def _is_unreachable(self) -> bool:
        if reach.unreachable():
            _log.warning("%s", reach.warning())
        return bool(reach.unreachable())

    def _give_back_user(self, spec: ProcessSpec) -> None:
        """A process's own number, once it does not run, or not any more."""
        if not spec.account and spec.id not in self._processes:
            self.users.release(spec.id)

    def tail(self, process_id: str, lines: int = 20) -> tuple[str, ...]:
        return tail(self._log_of(process_id), lines)

    def kill_all(self) -> None:
        """SIGKILL every process at once, without waiting: for when the daemon itself is about to end."""
        self._is_closing = True
        for process in (*self._processes.values(), *self._helpers.values()):
            if process.spec.id != _GUARD_ID:
                process.kill()

    async def close(self) -> None:
        """Kill what is left, at once, and wait for its end. Idempotent."""
        self.kill_all()
        guard = self._helpers.get(_GUARD_ID)
        waits = [
            asyncio.ensure_future(p.wait())
            for p in (*self._processes.values(), *self._helpers.values())
            if p is not guard
        ]
        if waits:
            await asyncio.wait(waits, timeout=_CLOSE_S)
        self.users.close()  # nobody takes them while one of their processes lives
        residue.sweep(self._state, spare=() if guard is None else (guard.pid,))
        if guard is not None:
            # Last, so that at no moment anything lives that nobody watches.
            guard.kill()
            await guard.wait()

    def _exec(
        self,
        spec: ProcessSpec,
        register: dict[str, Process],
        inherit: Sequence[int] = (),
        user: tuple[int, ...] = (),
    ) -> Process:
        program = _found_program(spec)
        # A machine's script may call what it likes: all that others cannot enter of ours is shown to it.
        needed = reach.code() if spec.folder is not None else reach.needed_by(program)
        shown = needed if os.getuid() == 0 else ()
        tied = launcher.words(user, shown, low_ports=spec.low_ports, mounts=spec.mounts)
        return self._spawn(spec, (*tied, program, *spec.argv[1:]), register, inherit)

    def _spawn(
        self, spec: ProcessSpec, argv: Sequence[str], register: dict[str, Process], inherit: Sequence[int]
    ) -> Process:
        """A child in a session of its own, with no descriptor of ours but its log and those it is to `inherit`."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("only the thread that made the supervisor may start processes: they die when it ends")
        try:
            child = self._begin(spec, argv, inherit)
            try:
                process = self._adopt(register, spec, child.pid)
            except OSError:  # no descriptor is left to watch it by
                child.kill()
                child.wait()
                raise
        except OSError as error:
            raise EnvironmentFault(f"the system refuses process {spec.id}: {error}") from error
        _reap_at_end(process, child)
        return process

    def _begin(self, spec: ProcessSpec, argv: Sequence[str], inherit: Sequence[int]) -> subprocess.Popen[bytes]:
        descriptor = os.open(self._log_of(spec.id), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        stdin, stdout, stderr = spec.stdio or (subprocess.DEVNULL, descriptor, descriptor)
        try:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=self._environment(spec),
                cwd=spec.folder or self._state.run,
                pass_fds=tuple(inherit),
                start_new_session=True,
            )
        finally:
            os.close(descriptor)

    def _adopt(self, register: dict[str, Process], spec: ProcessSpec, pid: int) -> Process:
        on_exit = self._ended if register is self._processes else self._helper_ended
        process = register[spec.id] = Process(spec, pid, on_exit)
        return process

    def _ended(self, process: Process) -> None:
        del self._processes[process.spec.id]
        self._give_back_user(process.spec)
        _log.info("%s %s (pid %d) ended: %s", process.spec.kind, process.spec.id, process.pid, process.returncode)
        for callback in tuple(self._callbacks):
            try:
                callback(process)
            except Exception:  # noqa: BLE001 - one listener's defect must not keep the others from hearing of the death
                _log.exception("a listener failed when %s ended", process.spec.id)

    def _helper_ended(self, process: Process) -> None:
        del self._helpers[process.spec.id]
        if not self._is_closing:
            _log.warning("the %s (pid %d) died: %s", process.spec.id, process.pid, process.returncode)
        forks = self._zygotes.get(process.spec.id)
        if forks is not None:
            forks.zygote_ended(restart=not self._is_closing)
        elif not self._is_closing:
            self._replace_guard(lost=process)

    def _replace_guard(self, lost: Process) -> None:
        is_short_lived = time.time() - lost.started_at < _SHORT_LIVED_S
        self._guards_lost = self._guards_lost + 1 if is_short_lived else 0
        if self._guards_lost < _GIVE_UP_AFTER:
            self._ensure_guard()
        else:
            _log.error("the guard does not stay alive, going on without it: %s", " | ".join(self.tail(_GUARD_ID, 5)))

    def _ensure_guard(self) -> None:
        if _GUARD_ID in self._helpers or self._guards_lost >= _GIVE_UP_AFTER:
            return
        ourselves = os.pidfd_open(os.getpid())
        argv = (*_GUARD, str(ourselves), str(self._state.root))
        try:
            self._spawn(_helper(_GUARD_ID, argv), argv, self._helpers, (ourselves,))
        finally:
            os.close(ourselves)

    def _start_zygote(self, name: str, argv: tuple[str, ...], descriptor: int) -> Process:
        spec = _helper(name, (*argv, str(descriptor)))
        return self._exec(spec, self._helpers, (descriptor,))

    def _log_of(self, process_id: str) -> Path:
        return self._state.logs / f"{process_id}.log"

    def _environment(self, spec: ProcessSpec) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        source = {"PYTHONPATH": str(_SOURCE_ROOT)} if spec.zygote == SERVICES_ZYGOTE else {}
        home = {"HOME": _NO_HOME} if os.getuid() == 0 else {}
        return {**passed_on, **home, **_SHIELD, **spec.env, **source, MARKER: str(self._state.root)}


def _helper(name: str, argv: tuple[str, ...]) -> ProcessSpec:
    return ProcessSpec(id=name, kind=name, resource="", env={}, argv=argv)


def _reap_at_end(process: Process, child: subprocess.Popen[bytes]) -> None:
    """Wait for our own child when its pidfd is readable; end what it forked while its number cannot be given away."""
    descriptor = process.pidfd
    if descriptor is None:
        raise AssertionError(f"{process.spec.id} vanished though nobody has waited for it")
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(descriptor)
        process.usage()  # a last reading, while the zombie still has one
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.finish(child.wait())

    loop.add_reader(descriptor, ended)


def _found_program(spec: ProcessSpec) -> str:
    program = shutil.which(spec.argv[0])
    if program is None:
        raise EnvironmentFault(
            f"process {spec.id} needs the program {spec.argv[0]!r}, which is not there or not executable; "
            "`cafe doctor` shows what is missing"
        )
    return program


def _system_user(spec: ProcessSpec) -> tuple[int, ...]:
    """The numbers of the user whose name a program insists on; none when that is us."""
    try:
        entry = pwd.getpwnam(spec.user or "")
    except KeyError:
        raise EnvironmentFault(f"process {spec.id} is to run as {spec.user!r}; this system has no such user") from None
    if os.getuid() not in (0, entry.pw_uid):
        raise EnvironmentFault(f"process {spec.id} is to run as {spec.user!r}; only root can start it for another user")
    return (entry.pw_uid, entry.pw_gid) if entry.pw_uid != os.getuid() else ()

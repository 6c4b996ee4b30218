"""Forks processes in milliseconds, out of one process that has imported what they need. Standard library only: an
interpreter that must see nothing of ours (a Lambda sandbox's) loads this file by its path.

SOCKET is the number of an inherited UNIX SEQPACKET socket; each packet is one JSON object:

    in   {"id", "entry", "env", "log", "user"}   fork; in the child call `entry` (`module:function`), no argument
    out  {"event": "ready", "preload_s"}         the imports are done
         {"event": "forked", "id", "pid"}
         {"event": "refused", "id", "reason"}    the system has no process to give
         {"event": "exited", "id", "pid", "returncode"}    waited for; minus the signal's number if one ended it

A closed socket ends the zygote, and the kernel then ends its children. One thread only: a fork copies no other.
A child's result is its exit code (None is 0); an exception leaves its traceback in the log and gives 1.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_NO_NEW_PRIVS = 1, 15, 38
_LARGEST_PACKET = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One process to fork. `env` replaces the whole environment; `log` is appended to.

    `user` are the numbers of the user it becomes, its group and further groups; none: it stays ours.
    """

    id: str
    entry: str
    env: Mapping[str, str]
    log: str
    user: Sequence[int] = ()


class Zygote:
    """The loop: waits for requests and for children's ends, answers in packets."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, str] = {}
        self._pid = os.getpid()
        # A signal writes a byte into the pipe, which wakes the poll below; the handler itself has nothing to do.
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def serve(self) -> None:
        """Returns when the other end of the socket is closed."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        while True:
            for descriptor, _ in poller.poll():
                if descriptor == self._woken:
                    os.read(self._woken, 4096)
                    self._reap()
                elif not self._answer():
                    return

    def report(self, event: str, **details: object) -> None:
        """Send one packet; blocks while the daemon is busy."""
        self._control.send(json.dumps({"event": event, **details}).encode())

    def _answer(self) -> bool:
        packet = self._control.recv(_LARGEST_PACKET)
        if packet:
            self._fork(Request(**json.loads(packet)))
        return bool(packet)

    def _fork(self, request: Request) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        seen, unready = os.pipe2(os.O_CLOEXEC)
        try:
            pid = os.fork()
            if pid == 0:
                os.close(seen)
                self._become(request, unready)
        except OSError as error:
            os.close(unready)
            self.report("refused", id=request.id, reason=str(error))
        else:
            os.close(unready)
            # Ends once the child leads its own process group, or is dead: no signal to the group misses it then.
            os.read(seen, 1)
            self._children[pid] = request.id
            self.report("forked", id=request.id, pid=pid)
        finally:
            os.close(seen)

    def _reap(self) -> None:
        """Report the ended children; end first what they have forked, while their number cannot be given away."""
        while self._children:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ended.si_pid, signal.SIGKILL)
            _, status = os.waitpid(ended.si_pid, 0)
            name = self._children.pop(ended.si_pid)
            self.report("exited", id=name, pid=ended.si_pid, returncode=os.waitstatus_to_exitcode(status))

    def _become(self, request: Request, unready: int) -> NoReturn:
        """In the child: turn into the process that was asked for. Never returns into the zygote's loop."""
        code = 1
        try:
            die_with(self._pid)
            os.setsid()
            os.close(unready)
            self._let_go()
            _redirect(request)
            if request.user:
                become(request.user)
                die_with(self._pid)  # another user's process does not die with us unless it asks again
            code = _run(request.entry)
        except BaseException:  # noqa: BLE001 - the top of this process: everything ends in the log and the exit code
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):  # the log's disk may be full, its stream closed
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _let_go(self) -> None:
        """Drop everything of the zygote's that a service process must not hold."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(self._woken)
        os.close(self._wake)
        self._control.close()


def die_with(parent: int) -> None:
    """Have the kernel send SIGKILL when the process `parent` dies; ends at once when that has happened already."""
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def become(numbers: Sequence[int]) -> None:
    """Drop to the user, its group and the other groups, for good."""
    user, group, *others = numbers
    os.setgroups(others)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _redirect(request: Request) -> None:
    log = os.open(request.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if request.user:
        os.fchown(log, request.user[0], -1)  # /dev/stdout opens it once more
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # text files, as this process made none else
    os.environ.clear()
    os.environ.update(request.env)
    _libc.prctl(_PR_SET_NAME, request.id.encode()[:15], 0, 0, 0)


def _run(entry: str) -> int:
    module, _, function = entry.partition(":")
    try:
        result = getattr(importlib.import_module(module), function)()
    except SystemExit as leaving:
        result = leaving.code
    if isinstance(result, str):  # as `sys.exit("message")` means it
        sys.stderr.write(f"{result}\n")
        return 1
    return int(result or 0)


def main(arguments: list[str], preload: Callable[[], None]) -> int:
    """Preload, then serve SOCKET, the first argument, until it closes; the exit code."""
    began = time.monotonic()
    gc.disable()  # nearly everything an import makes is kept: collecting meanwhile is work for nothing
    zygote = Zygote(socket.socket(fileno=int(arguments[0])))
    preload()
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        sys.stderr.write(f"an import started {threads - 1} threads; a forked copy would hang on their locks\n")
        return 1
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, the pages that children share
    gc.enable()
    zygote.report("ready", preload_s=round(time.monotonic() - began, 3))
    zygote.serve()
    return 0

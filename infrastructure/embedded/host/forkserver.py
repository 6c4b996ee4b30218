"""The daemon's side of the zygote: asks it for processes and hears of their ends.

The protocol is described where it is spoken, in host/forking.py. Requests may be sent before the zygote has
finished its imports; they wait in the socket. When the zygote dies, the kernel kills what it forked; requests that
it had not answered go to the next one.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.errors import EnvironmentFault

_log = logging.getLogger(__name__)

_LARGEST_PACKET = 1 << 20
_GIVE_UP_AFTER = 3
"""Zygotes in a row that died before they were ready: then the fault is in what they import, and lasts."""


@dataclass(slots=True)
class _Wish:
    """A process that was asked for and does not run yet."""

    spec: ProcessSpec
    packet: bytes
    started: asyncio.Future[Process]


class ForkServer:
    """Keeps the zygote called `name` running and passes requests to it.

    `start_zygote(descriptor)` starts one that inherits the descriptor; `adopt(spec, pid)` makes the handle of a
    process that was forked; `explain()` is the end of the zygote's log.
    """

    def __init__(
        self,
        name: str,
        start_zygote: Callable[[int], Process],
        adopt: Callable[[ProcessSpec, int], Process],
        explain: Callable[[], tuple[str, ...]],
    ) -> None:
        self._name = name
        self._start_zygote = start_zygote
        self._adopt = adopt
        self._explain = explain
        self._wishes: dict[str, _Wish] = {}
        self._forked: dict[str, Process] = {}
        self._zygote: Process | None = None
        self._control: socket.socket | None = None
        self._is_ready = False
        self._stillborn = 0

    def warm(self) -> None:
        """Start the zygote, if there is none: it imports while the caller does something else."""
        if self._zygote is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._zygote = self._start_zygote(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        self._control = ours
        self._is_ready = False
        asyncio.get_running_loop().add_reader(ours, self._receive)
        for wish in tuple(self._wishes.values()):
            self._send(wish)

    def fork(self, spec: ProcessSpec, env: Mapping[str, str], log: str, user: Sequence[int] = ()) -> Awaitable[Process]:
        """The process, once it runs, as `user` (host/forking.py). A caller that is cancelled leaves nothing running."""
        request = {"id": spec.id, "entry": spec.entry, "env": dict(env), "log": log, "user": tuple(user)}
        packet = json.dumps(request).encode()
        wish = _Wish(spec, packet, asyncio.get_running_loop().create_future())
        self._wishes[spec.id] = wish
        if self._zygote is None:
            try:
                self.warm()  # sends what is waiting
            except BaseException:
                del self._wishes[spec.id]
                raise
        else:
            self._send(wish)
        return wish.started

    def zygote_ended(self, *, restart: bool) -> None:
        """The zygote is dead: bury what it forked and, if asked to, start another."""
        loop = asyncio.get_running_loop()
        self._receive()  # ends that it reported last
        if self._control is not None:
            loop.remove_reader(self._control)
            self._control.close()
        self._control = self._zygote = None
        for process in tuple(self._forked.values()):
            self._bury(process)
        self._stillborn = 0 if self._is_ready else self._stillborn + 1
        if not restart or self._stillborn >= _GIVE_UP_AFTER:
            self._give_up()
            return
        try:
            self.warm()
        except EnvironmentFault as refusal:  # nobody called: who waits for a process gets the fault
            _log.error("%s is not started again: %s", self._name, refusal)
            self._give_up()

    def _bury(self, process: Process) -> None:
        """Nobody is left to report the end of an orphan, but its pidfd shows it; its group dies with it."""
        process.kill()
        descriptor = process.pidfd
        if descriptor is None:
            self._ended(process.spec.id, -signal.SIGKILL)
            return
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(descriptor)
            self._ended(process.spec.id, -signal.SIGKILL)

        loop.add_reader(descriptor, gone)

    def _give_up(self) -> None:
        wishes, self._wishes = self._wishes, {}
        for wish in wishes.values():
            if not wish.started.done():
                fault = EnvironmentFault(f"{self._name}, which forks processes, does not start", log=self._explain())
                wish.started.set_exception(fault)

    def _send(self, wish: _Wish) -> None:
        if self._control is None:
            return
        try:
            self._control.send(wish.packet)
        except BlockingIOError:
            self._refused(wish.spec.id, "too many are being started at once")
        except (BrokenPipeError, ConnectionResetError):
            _log.info("%s waits for the next zygote", wish.spec.id)  # this one's death is about to be noticed
        except OSError as error:  # an environment that no packet holds, for one
            self._refused(wish.spec.id, str(error))

    def _receive(self) -> None:
        while self._control is not None:
            try:
                packet = self._control.recv(_LARGEST_PACKET)
            except BlockingIOError:
                return
            except ConnectionResetError:
                packet = b""
            if not packet:
                asyncio.get_running_loop().remove_reader(self._control)
                return
            self._hear(json.loads(packet))

    def _hear(self, message: Mapping[str, object]) -> None:
        match message:
            case {"event": "ready", "preload_s": seconds}:
                self._is_ready = True
                _log.info("%s ready after %s s", self._name, seconds)
            case {"event": "forked", "id": str(name), "pid": int(pid)}:
                self._born(name, pid)
            case {"event": "refused", "id": str(name), "reason": reason}:
                self._refused(name, str(reason))
            case {"event": "exited", "id": str(name), "returncode": int(code)}:
                self._ended(name, code)
            case _:
                raise AssertionError(f"the zygote sent {message!r}")

    def _born(self, name: str, pid: int) -> None:
        try:
            process = self._forked[name] = self._adopt(self._wishes[name].spec, pid)
        except OSError as error:  # no descriptor is left to watch it by; the zygote, whose child it is, buries it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self._refused(name, str(error))
            return
        wish = self._wishes.pop(name)
        if wish.started.done():  # who asked for it was cancelled
            process.kill()
        else:
            wish.started.set_result(process)

    def _refused(self, name: str, reason: str) -> None:
        wish = self._wishes.pop(name)
        if not wish.started.done():
            wish.started.set_exception(EnvironmentFault(f"the system refuses process {name}: {reason}"))

    def _ended(self, name: str, code: int) -> None:
        process = self._forked.pop(name, None)
        if process is not None:
            process.finish(code)

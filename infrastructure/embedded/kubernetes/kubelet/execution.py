"""A command that a client runs in a container: beside its process, as its user, in its environment.

client ── stdin ──▶ pipe ──▶ command ──▶ pipes ── stdout, stderr ──▶ client       with a TTY: one line for all three
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from infrastructure.embedded.control.background import end
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.kubernetes.store.objects import new_uid

KIND = "pod-exec"
STDOUT, STDERR = 1, 2
_LONGEST = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client asks for: words of the command, and which of its streams."""

    command: tuple[str, ...]
    container: str = ""
    has_stdin: bool = False
    has_stdout: bool = True
    has_stderr: bool = True
    has_tty: bool = False


@dataclass(slots=True, kw_only=True)
class Execution:
    """A command that runs. `outputs` are what it writes, by channel; `stdin` is where it reads, None if nowhere."""

    process: Process
    outputs: dict[int, asyncio.StreamReader]
    stdin: asyncio.StreamWriter | None = None
    terminal: int | None = None
    _transports: list[asyncio.BaseTransport] = field(default_factory=list)

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal how large it is shown."""
        if self.terminal is not None:
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def write(self, data: bytes) -> None:
        """To its stdin; lost when it does not read any more."""
        if self.stdin is not None:
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                self.stdin.write(data)
                await self.stdin.drain()

    def end_of_input(self) -> None:
        """There is no more for its stdin."""
        if self.stdin is not None and self.terminal is None:
            self.stdin.close()

    async def close(self) -> None:
        """End it, if it has not ended."""
        self.process.kill()
        await self.process.wait()
        for each in self._transports:
            each.close()


def spec_beside(process: Process, words: Sequence[str], **more: str) -> ProcessSpec:
    """A command in the container whose process that is: as its user, with its files and environment, and `more`."""
    beside = process.spec
    return ProcessSpec(
        id=f"{beside.id[:150]}.exec-{new_uid()[:8]}",
        kind=KIND,
        resource=beside.resource,
        argv=tuple(words),
        env={**beside.env, **more},
        account=beside.account or beside.id,
        mounts=beside.mounts,
    )


async def started(supervisor: Supervisor, beside: Process, wish: Wish) -> Execution:
    """Run it beside a container's process. `EnvironmentFault` when there is no such program."""
    spec = spec_beside(beside, wish.command, **({"TERM": "xterm"} if wish.has_tty else {}))
    return await (_on_terminal if wish.has_tty else _on_pipes)(supervisor, spec, wish)


async def _on_pipes(supervisor: Supervisor, spec: ProcessSpec, wish: Wish) -> Execution:
    ours: dict[int, int] = {}
    with contextlib.ExitStack() as theirs:

        def pipe(number: int, *, is_wanted: bool) -> int:
            if not is_wanted:
                return _held(theirs, os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            read, write = os.pipe2(os.O_CLOEXEC)
            ours[number], other = (write, read) if number == 0 else (read, write)
            return _held(theirs, other)

        wanted = (wish.has_stdin, wish.has_stdout, wish.has_stderr)
        stdin, stdout, stderr = (pipe(number, is_wanted=each) for number, each in enumerate(wanted))
        try:
            process = await supervisor.start(replace(spec, stdio=(stdin, stdout, stderr)))
        except BaseException:
            for each in ours.values():
                os.close(each)
            raise
    made = Execution(process=process, outputs={})
    for number, descriptor in ours.items():
        if number:
            made.outputs[number] = await _reader(descriptor, made._transports)
        else:
            made.stdin = await _writer(descriptor, made._transports)
    return made


async def _on_terminal(supervisor: Supervisor, spec: ProcessSpec, wish: Wish) -> Execution:
    ours, theirs = os.openpty()
    try:
        process = await supervisor.start(replace(spec, stdio=(theirs, theirs, theirs)))
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    made = Execution(process=process, outputs={}, terminal=ours)
    if wish.has_stdin:
        made.stdin = await _writer(os.dup(ours), made._transports)
    made.outputs[STDOUT] = await _reader(ours, made._transports)
    return made


def _held(stack: contextlib.ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


async def _reader(descriptor: int, transports: list[Any]) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LONGEST)
    loop, file = asyncio.get_running_loop(), os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    transports.append(transport)
    return reader


async def _writer(descriptor: int, transports: list[Any]) -> asyncio.StreamWriter:
    loop, file = asyncio.get_running_loop(), os.fdopen(descriptor, "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(lambda: asyncio.streams.FlowControlMixin(loop=loop), file)
    transports.append(transport)
    return asyncio.StreamWriter(transport, protocol, None, loop)


async def end_with(process: Process, made: Execution) -> None:
    """A command does not outlive the container that it is in."""
    waits = [asyncio.create_task(each.wait()) for each in (process, made.process)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        made.process.kill()
        await end(*waits)


async def ends_within(process: Process, within_s: float) -> bool:
    """Whether it has ended by then."""
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        return False
    return True

"""What the tests of the process core share: specs of small processes, and waiting for the end of anybody's process."""

import asyncio
import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from infrastructure.embedded.host.process import ProcessSpec
from infrastructure.embedded.host.users import Users

T = TypeVar("T")

# Forks at once: without the services' libraries, whose import takes seconds.
LIGHT_ZYGOTE = (
    sys.executable,
    "-P",
    "-c",
    "from sys import argv; from infrastructure.embedded.host.zygote import main; raise SystemExit(main(argv[1:], int))",
)
MINIMAL_CLOUD = (sys.executable, "-P", "-m", "infrastructure.embedded.tests.minimal_cloud")
PAUSE = "signal:pause"


class OneUser(Users):
    """For supervisors that start nothing: everything stays ours."""

    def of(self, name: str) -> None:
        """No number."""


def program(
    *argv: str, name: str = "program", env: Mapping[str, str] | None = None, user: str | None = None
) -> ProcessSpec:
    return ProcessSpec(id=name, kind="test", resource="", env=env or {}, argv=argv, user=user)


def python(code: str, name: str = "program", env: Mapping[str, str] | None = None) -> ProcessSpec:
    return program(sys.executable, "-c", code, name=name, env=env)


def entry(reference: str, name: str = "entry", env: Mapping[str, str] | None = None) -> ProcessSpec:
    return ProcessSpec(id=name, kind="test", resource="", env=env or {}, entry=reference)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Whoever is started in the block hears SIGINT, even where we do not: a shell starts what is to run in the
    background deaf to it, and children inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def has_ended(pid: int, within_s: float) -> bool:
    """Wait for the end of a process that need not be ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return bool(poller.poll(within_s * 1000))
    finally:
        os.close(descriptor)


async def eventually(look: Callable[[], T | None], within_s: float = 5.0) -> T:
    """What `look` finds, once it finds something: for what the kernel gives no event for, such as a file's content."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing found within {within_s} s"
        await asyncio.sleep(0.005)
    return found

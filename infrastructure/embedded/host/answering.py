"""A server that was started counts as started when it answers: there is no other sign that a program is ready."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from infrastructure.embedded.host.process import Process
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.errors import EnvironmentFault

Answer = TypeVar("Answer")

_LOOK_S = 0.005


async def answer_of(
    supervisor: Supervisor, process: Process, ask: Callable[[], Awaitable[Answer | None]], *, within_s: float
) -> Answer:
    """The first answer that `ask` gets; `OSError`, a refusal by the server and None are none.

    `EnvironmentFault` with the log's tail when the process ends before, or does not answer in time. Whatever is raised,
    the process has ended then, and its name is free for the next attempt.
    """
    deadline = time.monotonic() + within_s
    try:
        while process.state != "exited" and time.monotonic() < deadline:
            with contextlib.suppress(OSError, EnvironmentFault):
                if (answer := await ask()) is not None:
                    return answer
            await asyncio.sleep(_LOOK_S)
        _give_up(supervisor, process, within_s)
    except BaseException:
        process.kill()
        await process.wait()
        raise


def _give_up(supervisor: Supervisor, process: Process, within_s: float) -> NoReturn:
    spec = process.spec
    title = spec.id if spec.id.startswith(spec.kind) else f"{spec.kind} {spec.id}"
    place = f" on port {spec.port}" if spec.port else ""
    ending = f"ended with {process.returncode}" if process.state == "exited" else f"did not answer in {within_s:g} s"
    raise EnvironmentFault(
        f"{title}{place} {ending}; `cafe logs {spec.id}` shows all of its log, `cafe doctor` checks its program",
        log=supervisor.tail(spec.id),
    )

"""Work that runs beside the requests for as long as the process does."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine

_log = logging.getLogger(__name__)
_DOUBLINGS = 64
"""More than any longest pause takes: after hours of failures the power alone would be no float."""


class BackgroundWork:
    """Named tasks of one process. One that ends by an exception is a defect, and logged with its traceback."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background work failed", exc_info=error, extra={"work": task.get_name()})

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        await cancel(*self._tasks)


def backoff_s(failures: int, *, first_s: float, most_s: float) -> float:
    """How long to wait after `failures` in a row, at least one: doubled each time, up to `most_s`, with jitter."""
    doubled_s = first_s * 2.0 ** min(failures - 1, _DOUBLINGS)
    return min(doubled_s, most_s) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret


async def rest(seconds: float, until: asyncio.Event) -> None:
    """So many seconds, or less once `until` is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0.0)):
            await until.wait()


async def cancel(*tasks: "asyncio.Task[None]") -> None:
    """Cancel `tasks` and return when they have ended, however they did.

    Asks once: a second request would interrupt what a task does to clean up. So nothing a task awaits may lose one. Use
    `asyncio.timeout`, not `asyncio.wait_for`, which does before Python 3.12 (python/cpython#86296).
    """
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)

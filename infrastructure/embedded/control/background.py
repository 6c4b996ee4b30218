"""Tasks that nobody awaits: what ends one is logged when it happens, not when the task is collected, or never."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any


def log_defect(task: "asyncio.Task[Any]", log: logging.Logger, what: str) -> None:
    """Log the exception that ends `task`, if one does, as an error: `what` failed inside."""

    def ended(task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("%s failed inside", what, exc_info=defect)

    task.add_done_callback(ended)


async def end(*tasks: "asyncio.Task[Any] | None") -> None:
    """Cancel what still runs of these, and wait until nothing does; how they ended is nobody's business any more."""
    started = [task for task in tasks if task is not None]
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)


async def wait_within(event: asyncio.Event, within_s: float | None) -> None:
    """Until the event is set or the time is over; None for as long as it takes."""
    # Not `wait_for`: Python 3.11's loses a cancellation that coincides with the event.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()


class Background:
    """The tasks that run beside their owner, each until it is done; those that are left end with `close`."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], what: str) -> "asyncio.Task[None]":
        """Let `work` run; a defect that ends it is logged as one of `what`."""
        task = asyncio.create_task(work, name=what)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        log_defect(task, self._log, what)
        return task

    async def close(self) -> None:
        await end(*self.tasks)

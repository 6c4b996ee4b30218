"""The workload queue of a warehouse: so many statements run at a time, and the others wait, first come, first served.

Five slots: the default queue of Redshift's manual workload management.
Source: Amazon Redshift Database Developer Guide, "Implementing manual WLM".
"""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator

SLOTS = 5


class Lost(Exception):
    """The warehouse went away under who waited for it, or ran in it; the text says why."""


class Queue:
    """Slots to run in. `waiting` and `running` are what the metrics show."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._free = slots
        self._waiters: collections.deque[asyncio.Future[None]] = collections.deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        return sum(not waiter.done() for waiter in self._waiters)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Until a slot is free; ours within. `Lost` when the queue is emptied meanwhile."""
        if self._free:
            self._free -= 1
        else:
            await self._wait()
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._give_on()

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_on()  # it was ours already
            raise

    def _give_on(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def empty(self, reason: str) -> None:
        """Fail all that wait."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(Lost(reason))

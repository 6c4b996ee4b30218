"""Servers that have to be asked for their numbers: all of them once a period, side by side, none for ever."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from infrastructure.embedded.control.background import end, log_defect
from infrastructure.embedded.control.failures import raise_all
from infrastructure.embedded.control.metrics import Datum, Metrics

_log = logging.getLogger(__name__)

Member = TypeVar("Member")
Ask = Callable[[Member, float], Awaitable[Iterable[Datum]]]
"""A member's numbers of the seconds since it was last asked."""

WITHIN_S = 2.0


class Asking(Generic[Member]):
    """A metric source whose answers take a moment, and are filed when they come, under the period that they are of.

    A member that died, or hangs for `within_s`, has a period without data, as on AWS; `missed` is called. While a
    question is open nobody is asked again.
    """

    def __init__(
        self,
        metrics: Metrics,
        title: str,
        members: Callable[[], Iterable[Member]],
        ask: Ask[Member],
        missed: Callable[[Member], object] = lambda _: None,
    ) -> None:
        self._metrics = metrics
        self._title = title
        self._members = members
        self._ask = ask
        self._missed = missed
        self.within_s = WITHIN_S
        self.task: asyncio.Task[None] | None = None
        """The question that is open, or was last."""
        metrics.register(self._collect)

    def _collect(self, elapsed_s: float) -> Iterable[Datum]:
        if elapsed_s > 0 and (self.task is None or self.task.done()):
            # Asked on the boundary, so the period that has just ended began one period before the nearest boundary.
            at = (round(time.time() / self._metrics.period_s) - 1) * self._metrics.period_s
            self.task = asyncio.create_task(self._file_answers(elapsed_s, at), name=f"{self._title} metrics")
            log_defect(self.task, _log, f"a look at the metrics of {self._title}")
        return ()

    async def _file_answers(self, elapsed_s: float, at: float) -> None:
        members = tuple(self._members())
        answers = await asyncio.gather(*(self._answer(m, elapsed_s) for m in members), return_exceptions=True)
        for member, answer in zip(members, answers, strict=True):
            if isinstance(answer, OSError):  # TimeoutError is one
                self._missed(member)
            elif not isinstance(answer, BaseException):
                for datum in answer:
                    self._metrics.record(datum, at)
        raise_all(self._title, [e for e in answers if isinstance(e, Exception) and not isinstance(e, OSError)])

    async def _answer(self, member: Member, elapsed_s: float) -> Iterable[Datum]:
        async with asyncio.timeout(self.within_s):
            return await self._ask(member, elapsed_s)

    async def close(self) -> None:
        await end(self.task)

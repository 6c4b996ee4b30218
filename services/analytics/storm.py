"""Query Storm: 500 reports asked of the warehouse at the same time, their answers filed for who works on them.

All instances take the reports from one counter, so that together they ask each once. What the warehouse refuses for the
moment (500 statements are under way) is asked again. When a run ends, whatever is not answered yet is cancelled.
"""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from services.analytics.reports import DRAW, DROP, fingerprint, rows_of, statements, written
from services.chassis.aws.data_api import Record, WarehouseAway
from services.chassis.stress.engine import StressRun

AT_ONCE: Final = 250
"""Of one instance; two of them ask all 500 at the same time."""
AGAIN_S: Final = 0.5

_log = logging.getLogger(__name__)


class Reports(Protocol):
    """The warehouse. Raises `WarehouseAway`."""

    async def ask(self, statement: str) -> str: ...
    async def answer(self, statement: str) -> list[Record]: ...
    async def cancel(self, statement: str) -> None: ...


Next = Callable[[str], Awaitable[int]]
"""The next number of a run, counted from 0 over all instances."""


@dataclass(slots=True)
class Tally:
    """Seconds of each answer from asking to its last page, and how many rows came."""

    seconds: list[float] = field(default_factory=list)
    rows: int = 0


class Storm:
    """This instance's part of storms, one at a time. `folder` holds the answers: `<number>-<sha256>.json`."""

    def __init__(self, warehouse: Reports, following: Next, folder: Path) -> None:
        self._warehouse = warehouse
        self._following = following
        self._folder = folder
        self._asked: set[str] = set()
        self._clearing: asyncio.Task[None] | None = None

    async def perform(self, run: StressRun) -> None:
        """Ask until every report of the run is answered; once cancelled, what is left behind is cleared away."""
        if self._clearing is not None:
            await asyncio.wait({self._clearing})
        tally = Tally()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._answered(DRAW)
            await self._ask_all(run.run_id, tally)
            _log.info("the storm is answered", extra={"run_id": run.run_id, **_figures(tally)})
            await asyncio.get_running_loop().create_future()  # the answers are worked on until the run ends
        finally:
            self._clearing = asyncio.create_task(self._clear(), name="clear after the storm")

    async def _clear(self) -> None:
        """Not waited for: a run that is stopped stops at once."""
        shutil.rmtree(self._folder, ignore_errors=True)
        asked, self._asked = self._asked, set()
        await asyncio.gather(*map(self._warehouse.cancel, asked), return_exceptions=True)  # some have ended meanwhile
        try:
            await self._warehouse.answer(await self._warehouse.ask(DROP))
        except WarehouseAway as error:
            _log.warning("the rehearsed quarter is left behind", extra={"error": str(error)})

    async def _ask_all(self, run_id: str, tally: Tally) -> None:
        """`AT_ONCE` at a time; a report is only taken from the others when it can be asked."""
        reports, slots = statements(), asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as asking:
            while await slots.acquire() and (number := await self._following(run_id)) < len(reports):
                task = asking.create_task(self._ask(number, reports[number], tally))
                task.add_done_callback(lambda _: slots.release())

    async def _ask(self, number: int, report: str, tally: Tally) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        records = await self._answered(report)
        self._file(number, written(rows_of(records)))
        tally.seconds.append(clock() - began)
        tally.rows += len(records)

    async def _answered(self, statement: str) -> list[Record]:
        """Asked as often as it takes."""
        while True:
            try:
                return await self._once(statement)
            except WarehouseAway as error:
                _log.info("a report is asked again", extra={"error": str(error)})
                await asyncio.sleep(AGAIN_S)

    async def _once(self, statement: str) -> list[Record]:
        asked = await self._warehouse.ask(statement)
        self._asked.add(asked)
        records = await self._warehouse.answer(asked)
        self._asked.discard(asked)
        return records

    def _file(self, number: int, text: bytes) -> None:
        """Under its own name at once: a process that looks never sees half of it."""
        half = self._folder / f"{number}.half"
        half.write_bytes(text)
        half.rename(self._folder / f"{number}-{fingerprint(text).sha256}.json")


def _figures(tally: Tally) -> dict[str, float]:
    ordered = sorted(tally.seconds)
    last = len(ordered) - 1
    at = {name: round(ordered[int(last * share)], 3) for name, share in (("p50_s", 0.5), ("p99_s", 0.99)) if ordered}
    return {"reports": len(ordered), "rows": tally.rows, **at}

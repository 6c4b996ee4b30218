"""500 reports asked of the warehouse at once, over 500,000 rows: one run, three figures; and every answer right.

Right is what the same report answers when it is asked alone.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.shared import FigureOfRuns, SharedRuns
from plugins.books.warehouse import Warehouse
from plugins.slo import nearest_rank
from services.analytics.reports import DRAW, DROP, Report, fingerprint, rows_of, statements, written

_THREADS = 32
_PATIENCE_S = 300
"""The last of 500 waits for all that are before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """`rate` in statements/s from the first asked to the last ended; times in ms, one of each statement."""

    rate: float
    queued_ms: tuple[float, ...]
    ran_ms: tuple[float, ...]


class StormRuns(SharedRuns[_Run]):
    """Each with its answers compared. Asked alone once for all runs: the quarter is the same whenever it is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._alone: tuple[Report, ...] = ()

    def make(self, platform: Platform | None) -> _Run:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        warehouse, reports = Warehouse(platform), statements()
        _ended(warehouse, warehouse.ask(DRAW))
        try:
            run, answers = _storm(warehouse, reports)
            self._alone = self._alone or tuple(_alone(warehouse, report) for report in reports)
        finally:
            _ended(warehouse, warehouse.ask(DROP))
        if wrong := [sql for sql, one, other in zip(reports, answers, self._alone, strict=True) if one != other]:
            raise EnvironmentFault(f"{len(wrong)} of {len(reports)} answers differ from those given alone: {wrong[0]}")
        return run


class ReportStormRate(FigureOfRuns[_Run]):
    """Reports answered a second, of 500 that were asked at once."""

    name: ClassVar[str] = "report_storm_rate"
    unit: ClassVar[str] = "/s"

    def read(self, run: _Run) -> float:
        return run.rate


class ReportQueueTime(FigureOfRuns[_Run]):
    """How long they waited for their turn: the p99 of 500."""

    name: ClassVar[str] = "report_queue_p99"
    unit: ClassVar[str] = "ms"

    def read(self, run: _Run) -> float:
        return nearest_rank(sorted(run.queued_ms), 0.99) or 0.0


class ReportRunTime(FigureOfRuns[_Run]):
    """How long they then ran: the p99 of 500."""

    name: ClassVar[str] = "report_run_p99"
    unit: ClassVar[str] = "ms"

    def read(self, run: _Run) -> float:
        return nearest_rank(sorted(run.ran_ms), 0.99) or 0.0


def _storm(warehouse: Warehouse, reports: Sequence[str]) -> tuple[_Run, list[Report]]:
    with ThreadPoolExecutor(_THREADS) as threads:
        began = time.monotonic()
        asked = list(threads.map(warehouse.ask, reports))
        ended = list(threads.map(partial(_ended, warehouse), asked))
        took_s = time.monotonic() - began
        answers = list(threads.map(partial(_report, warehouse), asked))
    ran = [described["Duration"] / 1e6 for described in ended]
    there = [(described["UpdatedAt"] - described["CreatedAt"]).total_seconds() * 1e3 for described in ended]
    queued = tuple(max(whole - run, 0.0) for whole, run in zip(there, ran, strict=True))
    return _Run(rate=len(reports) / took_s, queued_ms=queued, ran_ms=tuple(ran)), answers


def _alone(warehouse: Warehouse, sql: str) -> Report:
    statement = warehouse.ask(sql)
    _ended(warehouse, statement)
    return _report(warehouse, statement)


def _ended(warehouse: Warehouse, statement: str) -> Mapping[str, Any]:
    """Its description once it has ended well; `EnvironmentFault`."""
    described = warehouse.ended(statement, _PATIENCE_S)
    if described["Status"] != "FINISHED":
        raise EnvironmentFault(f"a report is {described['Status']}: {described.get('Error')}")
    return described


def _report(warehouse: Warehouse, statement: str) -> Report:
    return fingerprint(written(rows_of(list(warehouse.records(statement)))))

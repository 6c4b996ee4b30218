"""Runs statements: reads the SQL, waits for a slot, has the warehouse do it, and writes down what came of it.

A batch is one transaction in a session of its own, unless each of its statements is to be committed by itself: then one
that fails does not keep the next from running.
"""

import itertools
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.apis.redshift_data.loads import Loads
from infrastructure.embedded.apis.redshift_data.objects import Missing
from infrastructure.embedded.apis.redshift_data.results import Result
from infrastructure.embedded.apis.redshift_data.statement import Statement, Step
from infrastructure.embedded.engines.warehouse.client import Question, SqlError
from infrastructure.embedded.engines.warehouse.orders import FILE, CopyOrder, UnloadOrder
from infrastructure.embedded.engines.warehouse.queue import Lost
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse

_log = logging.getLogger(__name__)

CANCELLED = "ERROR: Query cancelled on user's request"
_HISTORY = "sys_query_history"
_STATUS = {"FINISHED": "success", "FAILED": "failed", "ABORTED": "canceled"}
_query_ids = itertools.count(1)


class Failure(Exception):
    """A step failed; the text is what its statement shows."""


class Runner:
    """Runs each statement once."""

    def __init__(self, loads: Loads) -> None:
        self._loads = loads
        self._running: dict[str, Question] = {}

    async def run(self, statement: Statement, warehouse: Warehouse) -> None:
        """Until it is over; raises nothing but a cancellation of its own task."""
        statement.become("PICKED")
        try:
            async with warehouse.slot():
                statement.pid = warehouse.node.process.pid if warehouse.node is not None else 0
                statement.become("STARTED")
                await self._run(statement, warehouse)
        except Lost as lost:
            statement.become("FAILED", str(lost))
        except Failure as failure:
            statement.become("ABORTED" if statement.is_cancelled else "FAILED", str(failure))
        except Exception:  # noqa: BLE001  # one statement's defect must become its error
            _log.exception("statement %s failed inside", statement.id)
            statement.become("FAILED", "Internal error: the embedded cloud failed to run the statement")
        else:
            statement.become("FINISHED")  # also one whose cancellation came too late
        finally:
            self._running.pop(statement.id, None)
            warehouse.history.extend(_remembered(statement))

    async def cancel(self, statement: Statement, warehouse: Warehouse | None) -> None:
        """Make it end as ABORTED, whether it waits or runs."""
        statement.is_cancelled = True
        question = self._running.get(statement.id)
        if question is not None and warehouse is not None:
            await warehouse.interrupt(question)

    async def _run(self, statement: Statement, warehouse: Warehouse) -> None:
        if statement.target.refusal:
            raise Failure(statement.target.refusal)
        if not statement.steps:
            await self._step(statement, statement.whole, warehouse, statement.session)
        elif statement.is_atomic:
            await self._transaction(statement, warehouse)
        else:
            await self._one_by_one(statement, warehouse)

    async def _transaction(self, statement: Statement, warehouse: Warehouse) -> None:
        session = statement.session or statement.id
        try:
            await self._answered(statement, warehouse, warehouse.run("BEGIN", session=session))
            for number, step in enumerate(statement.steps, 1):
                await self._numbered(statement, number, step, warehouse, session)
            await self._answered(statement, warehouse, warehouse.run("COMMIT", session=session))
        except Failure:
            await self._roll_back(warehouse, session)
            raise
        finally:
            if not statement.session:
                await warehouse.end_session(session)

    async def _roll_back(self, warehouse: Warehouse, session: str) -> None:
        try:
            await warehouse.run("ROLLBACK", session=session).answered()
        except SqlError:  # there is no transaction any more
            _log.info("session %s had nothing to roll back", session)

    async def _one_by_one(self, statement: Statement, warehouse: Warehouse) -> None:
        failures = []
        for number, step in enumerate(statement.steps, 1):
            try:
                await self._numbered(statement, number, step, warehouse, statement.session)
            except Failure as failure:
                failures.append(failure)
                if statement.is_cancelled:
                    break
        if failures:
            raise failures[0]

    async def _numbered(
        self, statement: Statement, number: int, step: Step, warehouse: Warehouse, session: str
    ) -> None:
        step.become("STARTED")
        try:
            await self._step(statement, step, warehouse, session)
        except Failure as failure:
            step.become("ABORTED" if statement.is_cancelled else "FAILED", str(failure))
            raise Failure(f"Query #{number} failed with {failure}") from failure
        step.become("FINISHED")

    async def _step(self, statement: Statement, step: Step, warehouse: Warehouse, session: str) -> None:
        if statement.is_cancelled:
            raise Failure(CANCELLED)
        step.query_id = next(_query_ids)
        if _HISTORY in step.sql.lower():
            await warehouse.tell_history()
        file = warehouse.results / step.id.replace(":", "-")
        question = warehouse.run(step.sql, parameters=statement.parameters, session=session, result=file)
        answer = await self._answered(statement, warehouse, question)
        if "copy" in answer:
            step.rows = await self._copy(statement, step, CopyOrder(**answer["copy"]), warehouse, session)
        elif "unload" in answer:
            step.rows = await self._unload(statement, UnloadOrder(**answer["unload"]), warehouse, session)
        elif "columns" in answer:
            step.result = Result.of(file, answer)
            step.rows = step.result.rows
        else:
            step.rows = int(answer["changed"])

    async def _copy(
        self, statement: Statement, step: Step, order: CopyOrder, warehouse: Warehouse, session: str
    ) -> int:
        try:
            self._loads.check(statement.target.cluster, order.authorization)
            async with self._loads.brought(order, warehouse) as plan:
                question = warehouse.load(order.insert, plan, query=step.query_id, session=session)
                answer = await self._answered(statement, warehouse, question)
        except Missing as missing:
            raise Failure(f"ERROR: {missing}") from missing
        if answer["failed"]:
            raise Failure(
                f"ERROR: Load into table '{order.table}' failed.  Check 'stl_load_errors' system table for details."
            )
        return int(answer["changed"])

    async def _unload(self, statement: Statement, order: UnloadOrder, warehouse: Warehouse, session: str) -> int:
        try:
            self._loads.check(statement.target.cluster, order.authorization)
            with self._loads.taken(order, warehouse) as file:
                question = warehouse.write(order.sql.replace(FILE, str(file)), session=session)
                answer = await self._answered(statement, warehouse, question)
        except Missing as missing:
            raise Failure(f"ERROR: {missing}") from missing
        return int(answer["changed"])

    async def _answered(self, statement: Statement, warehouse: Warehouse, question: Question) -> Mapping[str, Any]:
        self._running[statement.id] = question
        if statement.is_cancelled:  # while nothing ran that could have been interrupted
            await warehouse.interrupt(question)
        try:
            return await question.answered()
        except SqlError as error:
            raise Failure(error.text) from error


def _remembered(statement: Statement) -> Iterator[tuple[Any, ...]]:
    """The rows of `history` that a statement leaves: one for each of its texts that ran."""
    for step in statement.runs():
        if step.query_id < 0:
            continue
        queued_us, ran_us = step.queued_ns // 1000, max(step.duration_ns, 0) // 1000
        yield (
            step.query_id,
            statement.pid,
            statement.target.database,
            statement.target.user,
            step.sql.split(None, 1)[0].upper()[:32],
            _STATUS.get(step.status, "failed"),
            _time(step.created_at),
            _time(step.updated_at),
            queued_us,
            ran_us,
            max(step.rows, 0),
            step.error,
            step.sql[:4000],
        )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(" ")

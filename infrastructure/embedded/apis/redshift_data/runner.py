"""Runs statements: reads the SQL, waits for a slot, has the warehouse do it, and writes down what came of it.

A batch is one transaction in a session of its own, unless each of its statements is to be committed by itself: then one
that fails does not keep the next from running.
"""

import functools
import itertools
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from infrastructure.embedded.apis.redshift_data.loads import Loads, copy_out
from infrastructure.embedded.apis.redshift_data.objects import Missing
from infrastructure.embedded.apis.redshift_data.results import Result
from infrastructure.embedded.apis.redshift_data.statement import Statement, Step
from infrastructure.embedded.engines.warehouse import dialect
from infrastructure.embedded.engines.warehouse.client import Question, SqlError
from infrastructure.embedded.engines.warehouse.queue import Lost
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse

_log = logging.getLogger(__name__)

CONFLICT = "1023 DETAIL: Serializable isolation violation on table (pid:{pid}): {words}"
"""Redshift's error number for transactions that could not have run one after the other."""
CANCELLED = "ERROR: Query cancelled on user's request"
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$([A-Za-z_]\w*)""", re.VERBOSE | re.DOTALL
)
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
            statement.become("ABORTED" if statement.is_cancelled else "FINISHED")
        finally:
            self._running.pop(statement.id, None)

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
            await self._ask(statement, warehouse, "BEGIN", session)
            for number, step in enumerate(statement.steps, 1):
                await self._numbered(statement, number, step, warehouse, session)
            await self._ask(statement, warehouse, "COMMIT", session)
        except Failure:
            await self._roll_back(warehouse, session)
            raise
        finally:
            if not statement.session:
                await warehouse.end_session(session)

    async def _roll_back(self, warehouse: Warehouse, session: str) -> None:
        try:
            await warehouse.begin("ROLLBACK", session=session).answered()
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
        step.query_id = next(_query_ids)
        read = _read(step.sql)
        sql = bound(read.sql, statement.parameters)
        match read.load:
            case dialect.Copy() as copy:
                step.rows = await self._copy(statement, copy, sql, warehouse, session)
            case dialect.Unload() as unload:
                step.rows = await self._unload(statement, unload, sql, warehouse, session)
            case _:
                await self._ask_for(statement, step, warehouse, sql, session, has_result=read.has_result)

    async def _copy(
        self, statement: Statement, copy: dialect.Copy, insert: str, warehouse: Warehouse, session: str
    ) -> int:
        try:
            async with self._loads.plan(copy, warehouse) as plan:
                answer = await self._answered(statement, warehouse.load(insert, plan, session=session))
        except Missing as missing:
            raise Failure(f"ERROR: {missing}") from missing
        if answer["failed"]:
            raise Failure(
                f"ERROR: Load into table '{copy.table}' failed.  Check 'stl_load_errors' system table for details."
            )
        return int(answer["changed"])

    async def _unload(
        self, statement: Statement, unload: dialect.Unload, query: str, warehouse: Warehouse, session: str
    ) -> int:
        try:
            with self._loads.unloaded(unload, warehouse) as folder:
                question = warehouse.begin(copy_out(unload, query, folder), session=session)
                answer = await self._answered(statement, question)
        except Missing as missing:
            raise Failure(f"ERROR: {missing}") from missing
        return int(answer["changed"])

    async def _ask_for(
        self, statement: Statement, step: Step, warehouse: Warehouse, sql: str, session: str, *, has_result: bool
    ) -> None:
        if not sql.strip():
            step.rows = 0
            return
        file = warehouse.results / step.id.replace(":", "-")
        answer = await self._ask(statement, warehouse, sql, session, result=file if has_result else None)
        if has_result:
            step.result = Result.of(file, answer)
        step.rows = int(answer.get("rows", answer.get("changed", -1)))

    async def _ask(
        self, statement: Statement, warehouse: Warehouse, sql: str, session: str, **members: Any
    ) -> Mapping[str, Any]:
        if statement.is_cancelled:
            raise Failure(CANCELLED)
        return await self._answered(statement, warehouse.begin(sql, session=session, **members))

    async def _answered(self, statement: Statement, question: Question) -> Mapping[str, Any]:
        self._running[statement.id] = question
        try:
            return await question.answered()
        except SqlError as error:
            raise Failure(_words(error, statement)) from error


def _words(error: SqlError, statement: Statement) -> str:
    if error.kind == "interrupted":
        return CANCELLED
    if error.kind == "conflict":
        return f"ERROR: {CONFLICT.format(pid=statement.pid, words=error.text)}"
    return f"ERROR: {dialect.in_redshifts_words(error.text)}"


def _read(sql: str) -> dialect.Statement:
    try:
        found = _translated(sql)
    except dialect.DialectError as refusal:
        raise Failure(f"ERROR: {refusal}") from refusal
    if len(found) != 1:
        raise Failure(f"ERROR: cannot insert multiple commands into a prepared statement ({len(found)} are given)")
    return found[0]


@functools.lru_cache(maxsize=512)
def _translated(sql: str) -> tuple[dialect.Statement, ...]:
    return dialect.translate(sql)


def bound(sql: str, parameters: Sequence[Mapping[str, str]]) -> str:
    """The text with each `$name` that stands for a parameter as a literal, whose type follows from where it stands."""
    if not parameters:
        return sql
    values = {each["name"]: "'" + each["value"].replace("'", "''") + "'" for each in parameters}
    return _TOKEN.sub(lambda found: values.get(found[1], found[0]) if found[1] else found[0], sql)


def names(sql: str) -> frozenset[str]:
    """The parameters that a statement, as it was written, refers to by `:name`."""
    return frozenset(found[1] for found in _PLACEHOLDER.finditer(sql) if found[1])


_PLACEHOLDER = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | :: | (?<![:\w]):([A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)

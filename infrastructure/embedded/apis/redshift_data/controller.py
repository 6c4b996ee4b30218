"""Redshift Data API: every statement is a task, from its submission to its end.

Its records are its own: moto's Data API answers with made-up rows.
"""

import logging
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.apis.redshift_data.api import StatementCalls
from infrastructure.embedded.apis.redshift_data.catalog import CatalogCalls
from infrastructure.embedded.apis.redshift_data.loads import Loads
from infrastructure.embedded.apis.redshift_data.objects import Objects
from infrastructure.embedded.apis.redshift_data.runner import CANCELLED, Runner
from infrastructure.embedded.apis.redshift_data.sessions import Session, Sessions
from infrastructure.embedded.apis.redshift_data.statement import Statement
from infrastructure.embedded.apis.redshift_data.store import Store
from infrastructure.embedded.apis.redshift_data.targets import Targets
from infrastructure.embedded.control.background import Background
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import asyncio

_log = logging.getLogger(__name__)


class RedshiftDataController:
    """Runs the statements of all clusters; what their warehouses do to them is in `Runner`."""

    name: ClassVar[str] = "redshift-data"
    watches: ClassVar[frozenset[str]] = frozenset({"redshift"})
    PARTS: ClassVar[tuple[type, ...]] = (StatementCalls, CatalogCalls)

    def __init__(self, context: Context) -> None:
        self._couplings = context.couplings
        self._background = Background(_log)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        targets = Targets(context.backends)
        self._runner = Runner(Loads(Objects(context.backends), targets.check_role))
        self._sessions = Sessions(self._end_session, self._node, self._background.spawn)
        self._store = Store()
        context.backends.operations.bind(
            self.name,
            StatementCalls(targets, self._store, self._sessions, self._start, self._cancel),
            CatalogCalls(targets, self._warehouse),
        )

    def _warehouse(self, cluster: str) -> Warehouse | None:
        return self._couplings.warehouse(cluster)

    def _start(self, statement: Statement) -> None:
        task = self._background.spawn(self._run(statement), f"statement {statement.id}")
        self._tasks[statement.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(statement.id, None))

    async def _run(self, statement: Statement) -> None:
        warehouse = self._warehouse(statement.target.cluster)
        try:
            if warehouse is None:
                statement.become("FAILED", "The cluster is gone")
            else:
                await self._runner.run(statement, warehouse)
        finally:
            self._sessions.end(statement.session)

    def _cancel(self, statement: Statement) -> None:
        """One that waits is over at once; one that runs is when the warehouse has been told."""
        if statement.whole.status in ("SUBMITTED", "PICKED"):
            statement.become("ABORTED", CANCELLED)
            self._tasks[statement.id].cancel()
            return
        warehouse = self._warehouse(statement.target.cluster)
        self._background.spawn(self._runner.cancel(statement, warehouse), f"cancellation of {statement.id}")

    def _node(self, session: Session) -> object:
        """The process that a session's connection leads to, as long as it is there."""
        warehouse = self._warehouse(session.target.cluster)
        return warehouse.node if warehouse is not None and warehouse.is_running else None

    async def _end_session(self, session: Session) -> None:
        warehouse = self._warehouse(session.target.cluster)
        if warehouse is not None:
            await warehouse.end_session(session.id)

    async def reconcile(self, _key: str, /) -> None:
        """Statements run by themselves; nothing is to be looked at."""

    async def close(self) -> None:
        self._sessions.close()
        await self._background.close()

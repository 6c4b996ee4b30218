"""A cluster's warehouse as those see it who run statements there: it is there or not, and has a queue in front."""

import collections
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infrastructure.embedded.engines.warehouse.client import Question
from infrastructure.embedded.engines.warehouse.engine import WarehouseEngine, WarehouseNode, WarehouseSpec
from infrastructure.embedded.engines.warehouse.loading import Plan
from infrastructure.embedded.engines.warehouse.queue import Lost, Queue

_MOST_HISTORY = 10_000
GONE = "Connection to the cluster was lost"


class Warehouse:
    """One cluster's; the process behind it comes and goes, the data stays until `remove`."""

    def __init__(self, spec: WarehouseSpec, engine: WarehouseEngine) -> None:
        self.spec = spec
        self.queue = Queue()
        self.completed = 0
        """Statements that ran to their end, whatever it was, since the cluster was made."""
        self.history: collections.deque[Sequence[Any]] = collections.deque(maxlen=_MOST_HISTORY)
        """Statements that ran, and no system view shows yet: it costs less than writing each one down."""
        self._sessions: set[str] = set()
        self._alone = 0
        self.node: WarehouseNode | None = None
        self._engine = engine
        self._lost = GONE

    @property
    def is_running(self) -> bool:
        return self.node is not None and self.node.is_alive

    @property
    def connections(self) -> int:
        """Sessions that are open, and statements that run in none."""
        return len(self._sessions) + self._alone

    @property
    def results(self) -> Path:
        return self._engine.results

    @property
    def staging(self) -> Path:
        """Where what is loaded lies while it is."""
        return self._engine.staging

    def lend(self, path: Path) -> None:
        """Give the process a file, or folder, that we have made."""
        self._engine.own(path)

    # --- for those who run statements ---------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A slot of the queue; `Lost` when the cluster goes away before, or within."""
        try:
            async with self.queue.slot():
                yield
                self.completed += 1
        except ConnectionError as broken:
            raise Lost(self._lost) from broken

    def run(
        self, sql: str, *, parameters: Sequence[Mapping[str, str]] = (), session: str = "", result: Path | None = None
    ) -> Question:
        """Begin a statement in Redshift's dialect; see `Database.run`. `ConnectionError` when nothing runs."""
        file = str(result) if result is not None else ""
        return self._ask("run", sql=sql, parameters=list(parameters), session=session, result=file)

    def load(self, insert: str, plan: Plan, *, query: int, session: str = "") -> Question:
        """Begin the loading of files that lie in `staging`, as query number `query`; likewise."""
        return self._ask("load", insert=insert, plan=plan.plain(), query=query, session=session)

    async def tell_history(self) -> None:
        """Let the system views show what is in `history`."""
        queries = list(self.history)
        self.history.clear()
        if queries:
            await self._ask("note", queries=queries).answered()

    def write(self, sql: str, *, session: str = "") -> Question:
        """Begin a text of DuckDB's own that writes files into `staging`; likewise."""
        return self._ask("write", sql=sql, session=session)

    def _ask(self, do: str, **members: Any) -> Question:
        if self.node is None:
            raise ConnectionError(self._lost)
        question = self.node.ask(do, **members)
        if members.get("session"):
            self._sessions.add(members["session"])
        else:
            self._alone += 1
            question.when_answered(self._leave)
        return question

    def _leave(self) -> None:
        self._alone -= 1

    async def interrupt(self, question: Question) -> None:
        """Make a statement that runs end as interrupted."""
        if self.node is not None:
            with contextlib.suppress(ConnectionError):  # then it has ended anyhow
                await self.node.interrupt(question)

    async def end_session(self, session: str) -> None:
        """Close a session: what it has not committed is gone."""
        self._sessions.discard(session)
        if self.node is not None:
            with contextlib.suppress(ConnectionError):
                await self.node.end(session)

    # --- for its controller -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Have a process, on the data that the last one left."""
        if self.is_running:
            return
        if self.node is not None:
            self.queue.empty(GONE)
            await self.node.kill()
        self._sessions.clear()
        self.node = await self._engine.start(self.spec)
        self._lost = GONE

    async def stop(self, reason: str) -> None:
        """End the process. What waits and what runs fails by `reason`; what is committed stays."""
        self._lost = reason
        self.queue.empty(reason)
        if self.node is not None:
            node, self.node = self.node, None
            await node.stop()

    async def kill(self) -> None:
        if self.node is not None:
            await self.node.kill()

    async def remove(self) -> None:
        """End it for good: its data and its port go too."""
        await self.stop("The cluster was deleted")
        self._engine.forget(self.spec.id)
        self._engine.ports.release(self.spec.port)

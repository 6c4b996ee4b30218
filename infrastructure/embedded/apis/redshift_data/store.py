"""The statements of the last day, and their results."""

import time
from collections.abc import Callable, Iterator

from infrastructure.embedded.apis.redshift_data.statement import RETENTION_S, Statement, Step
from infrastructure.embedded.gateway.refused import Refused


class Store:
    """Keeps each until a day after it was submitted; `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._statements: dict[str, Statement] = {}
        self._active: dict[str, dict[str, Statement]] = {}

    def add(self, statement: Statement) -> None:
        self._forget_old()
        self._statements[statement.id] = statement
        self._active.setdefault(statement.target.cluster, {})[statement.id] = statement

    def of(self, cluster: str) -> list[Statement]:
        """Those of a cluster that are not over."""
        active = self._active.get(cluster, {})
        for identity in [identity for identity, each in active.items() if each.is_over]:
            del active[identity]
        return list(active.values())

    def find(self, identity: str) -> tuple[Statement, Step]:
        """The statement of that id, and the step that is meant; `Refused` when there is none."""
        statement = self._statements.get(identity.partition(":")[0])
        step = statement.step(identity) if statement is not None else None
        if statement is None or step is None:
            raise Refused("ResourceNotFoundException", "Query does not exist.", ResourceId=identity)
        return statement, step

    def latest(self) -> Iterator[Statement]:
        """All of them, the newest first."""
        return reversed(self._statements.values())

    def _forget_old(self) -> None:
        limit = self._clock() - RETENTION_S
        while self._statements:
            oldest = next(iter(self._statements.values()))
            if oldest.whole.created_at > limit or not oldest.is_over:
                return
            del self._statements[oldest.id]
            for step in oldest.runs():
                if step.result is not None:
                    step.result.forget()

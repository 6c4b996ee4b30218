"""A statement of the Data API, from its submission to a day after its end.

    SUBMITTED ──▶ PICKED ──▶ STARTED ──▶ FINISHED
        │ no longer          │     ├───▶ FAILED    the engine's words, or the cluster went away
        └────────────────────┴─────┴───▶ ABORTED   cancelled

PICKED waits in the cluster's queue; `Duration` counts from STARTED. A batch has steps with states of their own: what
did not run because one before it failed is ABORTED.
Source: Amazon Redshift Data API Reference, "DescribeStatement", "BatchExecuteStatement".
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from infrastructure.embedded.apis.redshift_data.results import Result
from infrastructure.embedded.apis.redshift_data.targets import Target

Status = Literal["SUBMITTED", "PICKED", "STARTED", "FINISHED", "FAILED", "ABORTED"]
OVER: frozenset[Status] = frozenset({"FINISHED", "FAILED", "ABORTED"})
RETENTION_S = 86_400.0
"""How long a statement and its result are kept after its end."""


@dataclass(slots=True, kw_only=True)
class Step:
    """One SQL text of a statement. Times in Unix seconds, durations in nanoseconds; -1: unknown."""

    id: str
    sql: str
    status: Status = "SUBMITTED"
    error: str = ""
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    query_id: int = -1
    rows: int = -1
    result: Result | None = None
    _created_ns: int = field(default_factory=time.monotonic_ns)
    _started_ns: int = 0
    _duration_ns: int = -1

    @property
    def duration_ns(self) -> int:
        """How long it ran, or has run so far."""
        if self.status == "STARTED":
            return time.monotonic_ns() - self._started_ns
        return self._duration_ns

    @property
    def queued_ns(self) -> int:
        """How long it waited until it ran, or has waited so far."""
        return (self._started_ns or time.monotonic_ns()) - self._created_ns

    def become(self, status: Status, error: str = "") -> None:
        """Go on to another state; from one that is over there is none."""
        if self.status in OVER:
            return
        if status == "STARTED":
            self._started_ns = time.monotonic_ns()
        elif self.status == "STARTED":
            self._duration_ns = time.monotonic_ns() - self._started_ns
        self.status, self.error, self.updated_at = status, error, time.time()

    def described(self) -> dict[str, Any]:
        """The members that a statement and a step have in common."""
        more: dict[str, Any] = {"Error": self.error} if self.error else {}
        return {
            "Id": self.id,
            "CreatedAt": moment(self.created_at),
            "UpdatedAt": moment(self.updated_at),
            "Status": self.status,
            "Duration": self.duration_ns,
            "HasResultSet": self.result is not None,
            "QueryString": self.sql,
            "RedshiftQueryId": self.query_id,
            "ResultRows": self.rows,
            "ResultSize": self.result.size if self.result is not None else (0 if self.status == "FINISHED" else -1),
            **more,
        }


@dataclass(slots=True, kw_only=True)
class Statement:
    """What one call submitted. `whole` has its state; `steps` are those of a batch, none for a single one."""

    whole: Step
    target: Target
    steps: Sequence[Step] = ()
    parameters: Sequence[Mapping[str, str]] = ()
    name: str = ""
    session: str = ""
    result_format: str = "JSON"
    is_atomic: bool = True
    """Whether a batch is one transaction."""
    pid: int = 0
    is_cancelled: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        return self.whole.id

    @property
    def is_over(self) -> bool:
        return self.whole.status in OVER

    def runs(self) -> Sequence[Step]:
        """What is to be run, in order."""
        return self.steps or (self.whole,)

    def step(self, identity: str) -> Step | None:
        """The statement's own step, or one of a batch's, by its id."""
        return next((each for each in (self.whole, *self.steps) if each.id == identity), None)

    def become(self, status: Status, error: str = "") -> None:
        """Go on to another state; the steps that have not run go along when it is over."""
        self.whole.become(status, error)
        if self.is_over:
            for each in self.steps:
                each.become("ABORTED")
            self.over.set()

    def described(self) -> dict[str, Any]:
        """As DescribeStatement shows it."""
        found: dict[str, Any] = {**self.whole.described(), **self.target.described()}
        found |= {"RedshiftPid": self.pid, "ResultFormat": self.result_format}
        if self.parameters:
            found["QueryParameters"] = self.parameters
        if self.session:
            found["SessionId"] = self.session
        if self.steps:
            found["SubStatements"] = [each.described() for each in self.steps]
            found["HasResultSet"] = any(each.result is not None for each in self.steps)
            found["ExecutionMode"] = "TRANSACTION" if self.is_atomic else "AUTO_COMMIT"
        return found

    def listed(self) -> dict[str, Any]:
        """As ListStatements shows it."""
        texts: dict[str, Any] = {"QueryString": self.whole.sql}
        if self.steps:
            texts["QueryStrings"] = [each.sql for each in self.steps]
        optional = {
            "QueryParameters": self.parameters,
            "SecretArn": self.target.secret,
            "SessionId": self.session,
            "StatementName": self.name,
        }
        return {
            "Id": self.id,
            "Status": self.whole.status,
            "CreatedAt": moment(self.whole.created_at),
            "UpdatedAt": moment(self.whole.updated_at),
            "IsBatchStatement": bool(self.steps),
            "ResultFormat": self.result_format,
            **texts,
            **{name: value for name, value in optional.items() if value},
        }


def moment(at: float) -> float:
    """Unix seconds as the Data API shows them: to the millisecond."""
    return round(at, 3)

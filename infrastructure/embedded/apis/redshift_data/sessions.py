"""Sessions: connections that outlive a statement, with their temporary tables and open transactions.

A session is the next statement's while nothing runs in it, and closes once nothing has run for as long as it is to be
kept alive. It ends with its cluster's process, too.
Source: Amazon Redshift Data API Reference, "ExecuteStatement" (SessionId, SessionKeepAliveSeconds), "ListSessions".
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from infrastructure.embedded.apis.redshift_data.statement import RETENTION_S, moment
from infrastructure.embedded.apis.redshift_data.targets import Target, invalid
from infrastructure.embedded.gateway.refused import Refused

MOST = 500
"""Open ones per cluster."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One. `statement` is the id of what runs in it, empty when nothing does."""

    id: str = field(default_factory=lambda: str(uuid4()))
    target: Target
    keep_alive_s: int
    node: object = None
    """The process that its connection leads to."""
    statement: str = ""
    is_closed: bool = False
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    timer: asyncio.TimerHandle | None = None

    @property
    def status(self) -> str:
        return "CLOSED" if self.is_closed else "BUSY" if self.statement else "AVAILABLE"

    def described(self) -> dict[str, Any]:
        """As ListSessions shows it."""
        target = {k: v for k, v in self.target.described().items() if k != "SecretArn"}
        found = {
            "SessionId": self.id,
            "Status": self.status,
            "CreatedAt": moment(self.created_at),
            "UpdatedAt": moment(self.updated_at),
            "SessionAliveSeconds": self.keep_alive_s,
            "SessionTtl": moment(self.updated_at + self.keep_alive_s),
            **target,
        }
        return {**found, "CurrentStatementId": self.statement} if self.statement else found


class Sessions:
    """All of them. `close` ends a session's connection, in a task of `spawn`; `node_of` gives the process that serves
    its cluster now."""

    def __init__(
        self,
        close: Callable[[Session], Coroutine[Any, Any, None]],
        node_of: Callable[[Session], object],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._close = close
        self._spawn = spawn
        self._node_of = node_of
        self._sessions: dict[str, Session] = {}

    def open(self, target: Target, keep_alive_s: int) -> Session:
        """A new one; `Refused` when the cluster has as many as it may."""
        if sum(each.target.cluster == target.cluster for each in self.living()) >= MOST:
            raise Refused(
                "ActiveSessionsExceededException", f"The maximum number of active sessions, {MOST}, was exceeded."
            )
        made = Session(target=target, keep_alive_s=keep_alive_s)
        made.node = self._node_of(made)
        self._sessions[made.id] = made
        return made

    def available(self, identity: str) -> Session:
        """The session of that id, if a statement may run in it now; else `Refused`."""
        found = next((each for each in self.all() if each.id == identity), None)
        if found is None:
            raise Refused("ResourceNotFoundException", "Session does not exist.", ResourceId=identity)
        if found.status != "AVAILABLE":
            raise invalid(f"Session {identity} is {found.status}; a statement runs in an AVAILABLE session only.")
        return found

    def begin(self, session: Session, statement: str) -> None:
        """A statement runs in it from now on."""
        session.statement, session.updated_at = statement, time.time()
        if session.timer is not None:
            session.timer.cancel()

    def end(self, identity: str) -> None:
        """Nothing runs in it any more: from now on its time counts. Without an id there is nothing to end."""
        session = self._sessions.get(identity)
        if session is None:
            return
        session.statement, session.updated_at = "", time.time()
        if not session.is_closed:
            session.timer = asyncio.get_running_loop().call_later(session.keep_alive_s, self._expire, session)

    def _expire(self, session: Session) -> None:
        self.lose(session)
        self._spawn(self._close(session), f"the end of session {session.id}")

    def lose(self, session: Session) -> None:
        """It is closed, and its connection gone."""
        session.is_closed, session.updated_at = True, time.time()
        if session.timer is not None:
            session.timer.cancel()

    def living(self) -> Iterator[Session]:
        """Those that are open. One whose process has ended is not, whatever came after it."""
        return (each for each in self.all() if not each.is_closed)

    def all(self) -> Iterator[Session]:
        """Those of the last day, and those that are open still."""
        limit = time.time() - RETENTION_S
        for session in tuple(self._sessions.values()):
            if session.is_closed and session.created_at < limit:
                del self._sessions[session.id]
                continue
            if not session.is_closed and self._node_of(session) is not session.node:
                self.lose(session)
            yield session

    def close(self) -> None:
        """None of them expires any more."""
        for session in self._sessions.values():
            self.lose(session)

"""One instance of a cluster, and what the cluster's owner is told."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Literal, Protocol

from infrastructure.embedded.control.background import end
from infrastructure.embedded.engines.postgres.engine import NodeSpec, PostgresEngine, PostgresNode
from infrastructure.embedded.engines.postgres.settings import Size

Phase = Literal["new", "starting", "running", "rebooting", "stopping", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An instance as the record wants it."""

    id: str
    arn: str
    az: str
    instance_class: str
    tier: int
    """Promotion tier: 0 is promoted first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The master user, its password, and the database it gets; no database when its name is empty."""

    username: str
    password: str
    database: str


class Owner(Protocol):
    """Whoever keeps the record and the way to the servers."""

    def credentials(self, cluster: str) -> Credentials:
        """What a new cluster is to be opened with."""
        ...

    def changed(self) -> None:
        """Roles or states are others now: publish them at once."""
        ...

    def note_event(self, event_id: str, cluster: str, instance: str = "", name: str = "") -> None:
        """Something happened to the cluster, or to `instance` of it."""
        ...

    def wake(self) -> None:
        """There is something to do."""
        ...


class Member:
    """A server of the cluster and what is being done with it.

    At most one task works on it at a time; while none does, it is running, down, or about to be started.
    """

    def __init__(self, wanted: Wanted, node: PostgresNode) -> None:
        self.wanted = wanted
        self.node = node
        self.phase: Phase = "new"
        self.has_data = False
        """Whether its directory holds a database that could be started; not so while it is being made."""
        self.leader: tuple[str, int] | None = None
        """Whom it followed last, and how many writers the cluster had had by then; None for a writer's data."""
        self.failure: Exception | None = None
        """Why the last attempt to bring it up failed; kept until somebody was told."""
        self.is_known = False
        """Whether it ever ran: then the next start is no creation."""
        self._task: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        return self.wanted.id

    @property
    def name(self) -> str:
        """As it calls itself to its primary."""
        return self.node.spec.name

    @property
    def is_running(self) -> bool:
        return self.phase == "running" and self.node.is_alive

    @property
    def is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def work(self, task: Coroutine[None, None, None], finished: Callable[[], None]) -> None:
        """Let `task` bring it up; an exception leaves it down with its `failure`. `finished` is called in any case."""
        self.phase = "starting"
        self._task = asyncio.create_task(self._guarded(task, finished), name=f"{self.id} comes up")

    async def _guarded(self, task: Coroutine[None, None, None], finished: Callable[[], None]) -> None:
        try:
            await task
        except asyncio.CancelledError:
            self.phase = "down"
            raise
        except Exception as failure:  # noqa: BLE001  it is kept, and raised by the next pass of the controller
            self.phase = "down"
            self.failure = failure
        finally:
            finished()

    async def give_up(self) -> None:
        """Cancel what is being done with it, and wait until it is not."""
        await end(self._task)
        self._task = None


def new_member(wanted: Wanted, engine: PostgresEngine) -> Member:
    """A member with a port and a folder of its own, and nothing in it yet."""
    spec = NodeSpec(
        name=wanted.id,
        resource=wanted.arn,
        az=wanted.az,
        port=engine.allocate(),
        size=Size.of(wanted.instance_class),
    )
    return Member(wanted, engine.node(spec))

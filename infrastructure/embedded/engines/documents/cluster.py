"""The servers of one cluster, whoever asked for them: started, revived, told who is primary.

    none answers ──start──▶ the first is primary ──dies, hangs──▶ killed, another is promoted, the old one starts again
                                     └──────failover is asked for──▶ another is promoted, the old one cuts its clients

All data is in the shared volume, so whoever is promoted has it all. A new primary begins a term there before anybody
hears of it; from then on no write of the old one's is taken, whatever it believes.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.engines.documents.engine import DocumentEngine, DocumentNode, NodeSpec
from infrastructure.embedded.engines.documents.orders import OrderError
from infrastructure.embedded.engines.documents.role import Address, State
from infrastructure.embedded.engines.documents.scram import User
from infrastructure.embedded.host import proctree
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint

_log = logging.getLogger(__name__)

_ANSWER_S = 1.0
"""A server that says nothing for so long has missed a look."""
STOPPED_LOOKS, HUNG_LOOKS = 1, 10
"""Looks in a row that make a primary hung: one that is stopped (SIGSTOP) is seen at once, silence alone has to last."""
Faces = Mapping[int, Mapping[str, Address]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An instance as its record has it. `tier`: 0 is promoted first."""

    id: str
    resource: str
    az: str
    tier: int = 1


@dataclass(slots=True)
class Member:
    """One server: the port is its own for good, the process behind it comes and goes."""

    wanted: Wanted
    port: int
    node: DocumentNode | None = None
    told: State | None = None
    """What it was told last, and has confirmed."""
    missed: int = 0
    """Looks in a row without an answer."""

    @property
    def id(self) -> str:
        return self.wanted.id

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(LOOPBACK, self.port)

    @property
    def is_alive(self) -> bool:
        return self.node is not None and self.node.is_alive


@dataclass(slots=True, kw_only=True)
class DocumentCluster:
    """`changed` is called when another one is primary, or members come or go."""

    id: str
    engine: DocumentEngine
    changed: Callable[[], None]
    user: User | None = None
    faces: Callable[[], Faces] = dict
    members: dict[str, Member] = field(default_factory=dict)
    primary: str = ""
    term: int = 0
    _credentials: tuple[str, str] = field(default=("", ""), init=False, repr=False)

    @property
    def writer(self) -> Member | None:
        """The primary that runs."""
        found = self.members.get(self.primary)
        return found if found is not None and found.is_alive else None

    @property
    def readers(self) -> list[Member]:
        return [each for each in self.members.values() if each.is_alive and each.id != self.primary]

    def running(self) -> list[tuple[str, DocumentNode]]:
        return [(each.id, each.node) for each in self.members.values() if each.node is not None and each.is_alive]

    def admit(self, name: str, password: str) -> None:
        """Have it let this user in; made anew for another password only: that takes a moment, on purpose."""
        if (name, password) != self._credentials:
            self._credentials, self.user = (name, password), User.of(name, password)

    # --- its life -----------------------------------------------------------------------------------------------------

    async def step(self, wanted: Sequence[Wanted], *, reboots: Collection[str] = ()) -> None:
        """Bring the servers in order: whoever died is replaced as primary first, and started again then."""
        for each in wanted:
            if each.id not in self.members:
                self.members[each.id] = Member(each, self.engine.ports.allocate())
        await self._end_hung()
        if self.writer is None and self.readers:
            await self.promote()
        await self._leave({each.id for each in wanted})
        await all_of(self.id, (self._end(self.members[each]) for each in reboots if each in self.members))
        await self._start([each for each in self.members.values() if not each.is_alive])
        if self.writer is None and self.readers:
            await self.promote()
        await self.tell()

    async def promote(self, target: str | None = None) -> bool:
        """Make another one primary, `target` if it is given; False when none can be. The old one learns of it last."""
        able = [each for each in self.readers if target in (None, each.id)]
        for each in sorted(able, key=lambda member: member.wanted.tier):
            before, self.primary, self.term = self.primary, each.id, self.term + 1
            if await self._told(each):
                _log.warning("%s: %s is primary now, after %s", self.id, each.id, before or "none")
                self.changed()
                await self.tell()
                return True
            self.primary = before
        return False

    async def tell(self) -> bool:
        """Have everybody that runs be what it is to be; whether all of them have confirmed."""
        running = [each for each in self.members.values() if each.is_alive]
        await all_of(self.id, (self._told(each) for each in running))
        return all(each.told == self._state(each) for each in running)

    async def _told(self, member: Member) -> bool:
        """Whether it has confirmed; one that does not answer is told again with the next step."""
        state = self._state(member)
        if member.node is None or member.told == state:
            return member.told == state
        try:
            await member.node.be(state, _ANSWER_S)
        except (OSError, OrderError) as silence:  # TimeoutError is one
            _log.warning("%s: %s cannot be told what it is: %r", self.id, member.id, silence)
            return False
        member.told = state
        return True

    def _state(self, member: Member) -> State:
        return State(
            me=member.id,
            term=self.term,
            primary=self.primary,
            members={each.id: (each.endpoint.host, each.port) for each in self.members.values()},
            faces=self.faces(),
            user=self.user,
        )

    async def _end_hung(self) -> None:
        """Kill a primary that lives and does not answer: it may hold the volume."""
        writer = self.writer
        if writer is None or writer.node is None:
            return
        try:
            await writer.node.be(timeout_s=_ANSWER_S)
        except (OSError, OrderError):
            writer.missed += 1
        else:
            writer.missed = 0
            return
        is_stopped = writer.is_alive and proctree.is_stopped(writer.node.process.pid)
        if writer.is_alive and writer.missed >= (STOPPED_LOOKS if is_stopped else HUNG_LOOKS):
            _log.warning("%s: %s does not answer and is restarted", self.id, writer.id)
            await writer.node.kill()

    async def _leave(self, wanted: Collection[str]) -> None:
        for member in [each for each in self.members.values() if each.id not in wanted]:
            await self._end(member)
            del self.members[member.id]
            self.engine.ports.release(member.port)
            self.changed()
        if self.writer is None and self.readers:
            await self.promote()

    async def _end(self, member: Member) -> None:
        if member.node is not None:
            await member.node.stop()
        member.node = member.told = None

    async def _start(self, members: list[Member]) -> None:
        if members:
            await all_of(self.id, (self._start_one(each) for each in members))
            self.changed()

    async def _start_one(self, member: Member) -> None:
        if member.node is not None:
            await member.node.kill()
        member.node, member.told, member.missed = None, None, 0
        member.node = await self.engine.start(
            NodeSpec(
                id=f"documents-{member.id}",
                resource=member.wanted.resource,
                cluster=self.id,
                az=member.wanted.az,
                port=member.port,
            )
        )

    async def stop(self) -> None:
        """End every server; the data stays."""
        await all_of(self.id, (self._end(each) for each in self.members.values()))
        self.primary = ""

    async def kill(self) -> None:
        await asyncio.gather(*(node.kill() for _, node in self.running()))

    async def remove(self) -> None:
        """End everything and forget the data."""
        await self.stop()
        for each in self.members.values():
            self.engine.ports.release(each.port)
        self.members.clear()
        self.engine.forget(self.id)

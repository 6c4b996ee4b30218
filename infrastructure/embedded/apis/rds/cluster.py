"""One Aurora cluster: a writer and its readers, real servers with a role each, and the way from one role to the other.

                 ┌────────────── dies, or a failover is asked for ─────────────┐
                 │                                                            ▼
    new ──▶ writer ◀── promoted ── confirming reader ◀── has all ── reader ◀── down: rewound or copied, started
                                          │                                   ▲
                                          └──────── dies or falls silent ─────┘

A reader is *confirming* when no commit is acknowledged without it and it has every commit that was acknowledged before
it became one. Only such a reader is ever promoted, so no acknowledged commit can be lost; when there is none, a dead
writer is started again where it was. A reader that is lost is first taken off the list of those that confirm: the
writer goes on alone, as it must, and the reader is no candidate from that moment on.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from infrastructure.embedded.apis.rds.confirmation import Confirmation
from infrastructure.embedded.apis.rds.join import join
from infrastructure.embedded.apis.rds.liveness import is_hung
from infrastructure.embedded.apis.rds.member import Member, Owner, Wanted, new_member
from infrastructure.embedded.apis.rds.provision import provision
from infrastructure.embedded.apis.rds.volume import Volume
from infrastructure.embedded.control.failures import raise_all
from infrastructure.embedded.engines.postgres.engine import PostgresEngine
from infrastructure.embedded.network.envoy.model import Endpoint

_log = logging.getLogger(__name__)


class AuroraCluster:
    """Keeps servers level with what is wanted. `step` is called by one task at a time."""

    def __init__(self, identity: str, port: int, engine: PostgresEngine, owner: Owner) -> None:
        self.id = identity
        self.port = port
        """Of its endpoints, which a namesake never has."""
        self.members: dict[str, Member] = {}
        self.writer: Member | None = None
        self.is_switching = False
        self.switches = 0
        """How often another instance became the writer."""
        self._engine = engine
        self._owner = owner
        self._confirmation = Confirmation(identity)
        self._volume = Volume(identity, engine)

    # --- what it looks like -------------------------------------------------------------------------------------------

    @property
    def writers(self) -> tuple[Endpoint, ...]:
        """Where the cluster endpoint leads: nowhere while there is no writer."""
        is_open = self.writer is not None and self.writer.is_running and not self.is_switching
        return (self.writer.node.endpoint,) if self.writer is not None and is_open else ()

    @property
    def readers(self) -> tuple[Endpoint, ...]:
        """Where the reader endpoint leads: to the readers; to the writer only when the cluster has no other instance.

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Endpoints.Reader.html
        """
        if len(self.members) == 1:
            return self.writers
        return tuple(member.node.endpoint for member in self._readers() if member.is_running and not self.is_switching)

    @property
    def is_available(self) -> bool:
        """Whether every instance runs and every reader confirms."""
        return all(m.is_running and (m is self.writer or m in self._confirmation) for m in self.members.values())

    def is_confirming(self, member: Member) -> bool:
        """Whether the member is on the list of those that may be promoted."""
        return member in self._confirmation

    def _readers(self) -> list[Member]:
        return [member for member in self.members.values() if member is not self.writer]

    # --- one step towards what is wanted ------------------------------------------------------------------------------

    async def step(
        self,
        wanted: Sequence[Wanted],
        *,
        failover: bool = False,
        target: str | None = None,
        reboots: Iterable[str] = (),
        is_stopped: bool = False,
    ) -> None:
        """Do what can be done now; long work goes on in tasks. Raises what those tasks met, all of it, once.

        A failover that was asked for is done when `switches` has grown; until then there is nobody to promote.
        """
        for each in wanted:
            if each.id not in self.members:
                self.members[each.id] = new_member(each, self._engine)
            self.members[each.id].wanted = each
        self._notice_deaths()
        failures = self._failures()
        await self._let_go({each.id for each in wanted})
        if is_stopped:
            await self._stop()
        elif self.members:
            await self._bring_in_order(failover, target, frozenset(reboots), has_failed=bool(failures))
        raise_all(f"cluster {self.id}", failures)

    async def _bring_in_order(
        self, failover: bool, target: str | None, reboots: frozenset[str], *, has_failed: bool
    ) -> None:
        """First the roles, then the servers. What has just failed is tried again at the next step, not in this one."""
        writer = self._elected()
        await self._judge(writer)
        await self._reboot(reboots)
        if writer.phase == "down" and not has_failed:
            await self._replace_writer(writer)
        elif failover and writer.is_running:
            await self._fail_over(target)
        await self._release_lost()
        if not has_failed:
            self._join_readers()

    def _notice_deaths(self) -> None:
        for member in self.members.values():
            if member.phase == "running" and not member.node.is_alive:
                member.phase = "down"
                self._owner.note_event("RDS-EVENT-0004", self.id, member.id)
                self._owner.changed()

    def _failures(self) -> list[Exception]:
        """What went wrong since the last step. While the writer is away a reader cannot come up: that is no news."""
        found = []
        for member in self.members.values():
            failure, member.failure = member.failure, None
            is_news = member is self.writer or (self.writer is not None and self.writer.is_running)
            if failure is not None and is_news:
                found.append(failure)
        return found

    # --- the writer ---------------------------------------------------------------------------------------------------

    def _elected(self) -> Member:
        """The writer; in a new cluster the first instance becomes it."""
        if self.writer is None:
            self.writer = min(self.members.values(), key=lambda member: member.wanted.tier)
            self._owner.changed()
        if self.writer.phase == "new":
            self.writer.work(self._open(self.writer), self._owner.wake)
        return self.writer

    async def _open(self, member: Member) -> None:
        """Start a writer on its data, the cluster's volume, or a fresh database."""
        await self._volume.open(member)
        await member.node.start()
        await provision(member.node, self._owner.credentials(self.id))
        self._is_up(member)

    def _is_up(self, member: Member) -> None:
        member.phase = "running"
        self._owner.note_event("RDS-EVENT-0006" if member.is_known else "RDS-EVENT-0005", self.id, member.id)
        member.is_known = True
        self._owner.changed()

    async def _judge(self, writer: Member) -> None:
        """A writer that lives and lets nobody in is as good as dead."""
        if not writer.is_running:
            return
        if await is_hung(writer.node):
            _log.warning("%s: %s lives and does not answer; it is ended", self.id, writer.id)
            await writer.node.kill()
        self._notice_deaths()

    async def _replace_writer(self, writer: Member) -> None:
        """Promote a reader in the place of a dead writer; without a candidate start the writer again."""
        successor = self._successor(None)
        if successor is not None:
            await self._switch(successor, is_planned=False)
        elif not writer.is_busy:
            _log.warning("%s: no reader has all that was committed; %s is started again", self.id, writer.id)
            await self._retreat()
            self._confirmation.clear()
            writer.work(self._open(writer), self._owner.wake)

    async def _fail_over(self, target: str | None) -> bool:
        """Promote a reader in the place of a living writer; whether there was one that may be."""
        successor = self._successor(target)
        if successor is None:
            return False
        await self._switch(successor, is_planned=True)
        return True

    def _successor(self, target: str | None) -> Member | None:
        """The confirming reader to promote: the one asked for, or by promotion tier and then by name."""
        able = [m for m in self._readers() if m.is_running and m in self._confirmation and target in (None, m.id)]
        return min(able, key=lambda member: (member.wanted.tier, member.id), default=None)

    async def _switch(self, successor: Member, *, is_planned: bool) -> None:
        """Make `successor`, which has every acknowledged commit, the writer; the old writer is down afterwards."""
        old = self.writer
        if old is None:
            raise AssertionError(f"{self.id} has nobody to take over from")
        same = old.wanted.az == successor.wanted.az
        self._owner.note_event("RDS-EVENT-0072" if same else "RDS-EVENT-0073", self.id, name=successor.id)
        self.is_switching = True
        self._owner.changed()  # before anything else: from here on nobody new reaches either of them
        try:
            await self._retreat(spare=successor)
            await asyncio.gather(old.node.stop() if is_planned else old.node.kill(), successor.node.cut_sessions())
            old.phase = "down"
            await successor.node.promote()
            await successor.node.cut_sessions()  # of readers that came while the way was being closed
            self._confirmation.clear()
            self.writer, successor.leader = successor, None
            self.switches += 1
        except BaseException:
            # Nobody knows what it is now. It has written nothing: it comes back as a reader of whoever is the writer.
            self._confirmation.forget([successor])
            old.phase = successor.phase = "down"
            successor.leader = None
            await asyncio.gather(old.node.kill(), successor.node.kill())
            self._owner.note_event("RDS-EVENT-0069", self.id)
            raise
        finally:
            self.is_switching = False
            self._owner.changed()
        self._owner.note_event("RDS-EVENT-0071", self.id, name=successor.id)
        _log.warning("%s: %s is the writer after %s, alone until a reader confirms", self.id, successor.id, old.id)

    async def _retreat(self, spare: Member | None = None) -> None:
        """Stop following the present writer: whoever is on the way to it gives up, and all but `spare` go down."""
        others = [member for member in self._readers() if member is not spare]
        await asyncio.gather(*(member.give_up() for member in self._readers()))
        await asyncio.gather(*(member.node.kill() for member in others))
        for member in others:
            if member.phase != "new":
                member.phase = "down"

    async def _reboot(self, instances: frozenset[str]) -> None:
        """Restart servers in their roles. A writer's readers go on confirming, so nothing can be lost meanwhile."""
        for member in [self.members[each] for each in instances if each in self.members]:
            if not member.is_running:
                continue
            member.phase = "rebooting"
            self._owner.changed()
            if member is not self.writer:
                await self._release_lost()
                await member.node.stop()
                member.phase = "down"
                continue
            try:
                await member.node.stop()
                await member.node.start(standbys=self._confirmation.names)
            except BaseException:
                member.phase = "down"
                raise
            self._is_up(member)

    # --- the readers --------------------------------------------------------------------------------------------------

    def _join_readers(self) -> None:
        writer = self.writer
        for member in self._readers():
            if member.is_busy or member.phase in ("running", "stopping") or writer is None:
                continue
            is_early = not member.has_data and self.switches == 0 and writer.phase == "starting"
            if is_early or writer.is_running:
                member.work(self._join(member, writer), self._owner.wake)
                self._owner.changed()

    async def _join(self, member: Member, writer: Member) -> None:
        """Bring a reader up on the writer's data, and on until it confirms every commit."""
        await join(member, writer, self._engine.copies, switches=self.switches)
        self._is_up(member)
        await self._confirmation.add(member, writer)
        self._owner.changed()

    async def _release_lost(self) -> None:
        """Let the writer go on without readers that are gone, and end those that live and do not listen."""
        writer = self.writer
        if writer is None or not writer.is_running:
            return
        silent = await self._confirmation.silent(writer) if self._confirmation.names else []
        lost = [*self._confirmation.dead(), *silent]
        if not lost and self._confirmation.is_announced:
            return
        await self._confirmation.release(lost, writer)
        for member in lost:
            self._owner.note_event("RDS-EVENT-0045", self.id, member.id)
        for member in silent:
            await member.node.kill()
            member.phase = "down"
        self._owner.changed()

    # --- its end, in parts and as a whole -----------------------------------------------------------------------------

    async def _let_go(self, wanted: set[str]) -> None:
        """End the instances nobody wants any more; a writer only once a reader has taken over."""
        for member in [m for m in self.members.values() if m.id not in wanted and m is not self.writer]:
            await self._remove(member)
        writer = self.writer
        if writer is None or writer.id in wanted:
            return
        if len(self.members) > 1:
            if writer.is_running and await self._fail_over(None):
                await self._remove(writer)
            return
        await writer.give_up()
        await writer.node.stop()
        self._volume.keep(writer)
        self.writer = None
        await self._remove(writer)

    async def _remove(self, member: Member) -> None:
        """End an instance; also when the writer cannot be told, which the next step does then."""
        del self.members[member.id]
        try:
            await member.give_up()
            member.phase = "stopping"
            await self._release_lost()
        finally:
            await member.node.stop()
            await member.node.remove()
            self._engine.release(member.node.spec.port)
            self._owner.changed()

    async def _stop(self) -> None:
        """All servers in order, the writer first, so that the readers have everything."""
        ordered = sorted(self.members.values(), key=lambda member: member is not self.writer)
        for member in ordered:
            await member.give_up()
            member.phase = "stopping" if member.node.is_alive else member.phase
        self._owner.changed()
        for member in ordered:
            await member.node.stop()
            member.phase = "down" if member.has_data else "new"
        self._confirmation.clear()
        self._owner.changed()

    async def close(self) -> None:
        """Kill every server; the data stays where it is."""
        for member in self.members.values():
            await member.give_up()
        await asyncio.gather(*(member.node.kill() for member in self.members.values()))

    async def remove(self) -> None:
        """End everything and forget the data."""
        self._confirmation.clear()  # else a reader that goes would have a writer told that goes as well
        await asyncio.gather(*(self._remove(member) for member in tuple(self.members.values())))
        self.writer = None
        await self._volume.forget()

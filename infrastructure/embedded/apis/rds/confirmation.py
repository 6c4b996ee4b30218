"""Who has to confirm a commit before it is acknowledged: the one list that decides whom a failover may promote.

    joins ──▶ commits wait for it ──▶ it has all earlier ones ──▶ on the list ──▶ off the list ──▶ commits go on without

On the way in the writer is told first and the list comes last, on the way out the list comes first: whoever is on it
has every commit that anybody was told of.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Iterable

from infrastructure.embedded.apis.rds.member import Member
from infrastructure.errors import EnvironmentFault

_log = logging.getLogger(__name__)

CATCH_UP_S = 20.0
SILENT_S = 1.5
"""How long a reader on the list may be away from a living writer; commits wait meanwhile."""
_LOOK_S = 0.01


class Confirmation:
    """The list of one cluster, and the setting of its writer that makes it true."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._members: dict[str, Member] = {}
        self._silent_since: dict[str, float] = {}
        self._lock = asyncio.Lock()
        self.is_announced = True
        """Whether the writer waits for those on the list, as far as we know; not so after a call that failed."""

    def __contains__(self, member: Member) -> bool:
        return self._members.get(member.id) is member

    @property
    def names(self) -> tuple[str, ...]:
        """As the readers call themselves to the writer."""
        return tuple(sorted(member.name for member in self._members.values()))

    async def add(self, member: Member, writer: Member) -> None:
        """Have every further commit wait for a reader that streams; returns once it has every earlier one too.

        `EnvironmentFault` when it ends meanwhile or does not catch up: nothing waits for it then.
        """
        async with self._lock:
            try:
                await self._announce(writer, (*self.names, member.name))
                await self._await_all(member, writer)
            except BaseException:
                if writer.is_running:
                    await self._announce(writer, self.names)
                raise
            self._members[member.id] = member
        _log.info("%s: every commit waits for %s", self._cluster, ", ".join(self.names))

    async def release(self, lost: Collection[Member], writer: Member) -> None:
        """Let the writer go on without these; they are no candidates from here on. Without any, tell it once more."""
        async with self._lock:
            self.forget(lost)
            await self._announce(writer, self.names)
        if not lost:
            return
        names = ", ".join(sorted(member.id for member in lost))
        _log.warning("%s: %s no longer confirms; %s goes on without", self._cluster, names, writer.id)

    def forget(self, lost: Iterable[Member]) -> None:
        """Take these off the list when there is no writer to be told."""
        for member in lost:
            self._members.pop(member.id, None)
            self._silent_since.pop(member.id, None)

    def clear(self) -> None:
        """Nobody confirms: there is another writer, or it starts alone."""
        self.forget(tuple(self._members.values()))
        self.is_announced = True

    def dead(self) -> list[Member]:
        """Those on the list whose server has ended or is about to."""
        return [member for member in self._members.values() if not member.is_running]

    async def silent(self, writer: Member) -> list[Member]:
        """Those that live and have not streamed for `SILENT_S`."""
        streaming = {each.name for each in await writer.node.followers()}
        now = time.monotonic()
        for member in self._members.values():
            if member.name in streaming or not member.is_running:
                self._silent_since.pop(member.id, None)
            else:
                self._silent_since.setdefault(member.id, now)
        return [m for m in self._members.values() if now - self._silent_since.get(m.id, now) > SILENT_S]

    async def _announce(self, writer: Member, standbys: tuple[str, ...]) -> None:
        """What a writer did not hear it must be told again: it waits for ever for one that is on nobody's list."""
        self.is_announced = False
        await writer.node.confirm_by(standbys)
        self.is_announced = True

    async def _await_all(self, member: Member, writer: Member) -> None:
        position = await writer.node.value("SELECT pg_current_wal_flush_lsn()")
        deadline = time.monotonic() + CATCH_UP_S
        while not await writer.node.has_confirmed(member.name, position):
            if not member.node.is_alive or time.monotonic() > deadline:
                raise EnvironmentFault(f"{member.id} has not confirmed the log up to {position}")
            await asyncio.sleep(_LOOK_S)  # PostgreSQL tells no outsider

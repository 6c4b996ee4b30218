"""A cluster's data while no instance has it: as with Aurora's cluster volume, it outlives the instances."""

from infrastructure.embedded.apis.rds.member import Member
from infrastructure.embedded.engines.postgres.engine import PostgresEngine


class Volume:
    """Where the last instance leaves the data, and the next first one finds it."""

    def __init__(self, cluster: str, engine: PostgresEngine) -> None:
        self._engine = engine
        self._folder = engine.folder / f"{cluster}.volume"
        self._is_kept = False

    async def open(self, member: Member) -> None:
        """Give a member without data what is kept here, or a fresh database."""
        if member.has_data:
            return
        if self._is_kept:
            self._folder.rename(member.node.data)
            self._is_kept = False
        else:
            await self._engine.copies.fresh(member.node.data, member.id)
        member.has_data = True

    def keep(self, member: Member) -> None:
        """Take the data of a member that has stopped."""
        if member.has_data:
            member.node.data.rename(self._folder)
            self._is_kept = True

    async def forget(self) -> None:
        """Remove what is kept."""
        if self._is_kept:
            self._is_kept = False
            await self._engine.forget(self._folder)

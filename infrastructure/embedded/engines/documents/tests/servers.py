"""A cluster of real server processes under the real supervisor, and pymongo with its default options in front."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pymongo import AsyncMongoClient

from infrastructure.embedded.engines.documents.cluster import DocumentCluster, Member, Wanted
from infrastructure.embedded.engines.documents.engine import DocumentEngine
from infrastructure.embedded.engines.documents.scram import User
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.state import StateFolder

USER = User.of("cafe", "correct-horse")
WANTED = tuple(Wanted(id=f"menu-{n}", resource=f"menu-{n}", az=f"us-east-1{zone}") for n, zone in ((1, "a"), (2, "b")))
Client = AsyncMongoClient[dict[str, Any]]


@dataclass(slots=True)
class Servers:
    """Driven by hand: nothing happens between two steps."""

    cluster: DocumentCluster
    supervisor: Supervisor

    @property
    def primary(self) -> Member:
        assert self.cluster.writer is not None
        return self.cluster.writer

    @property
    def secondary(self) -> Member:
        (found,) = self.cluster.readers
        return found

    async def step(self) -> None:
        await self.cluster.step(WANTED)

    async def kill(self, member: Member) -> None:
        """As the machine does it: without a word."""
        assert member.node is not None
        member.node.process.kill()
        await member.node.process.wait()

    @contextlib.asynccontextmanager
    async def client(self, member: Member | None = None, **options: Any) -> AsyncIterator[Client]:
        """Of the set; or of one member alone, if it is given."""
        port = (member or self.primary).port
        more = {"directConnection": True} if member is not None else {"replicaSet": "rs0"}
        login = {"username": "cafe", "password": "correct-horse"}
        made: Client = AsyncMongoClient("127.0.0.1", port, **{**login, **more, **options})
        try:
            yield made
        finally:
            await made.close()


@contextlib.asynccontextmanager
async def servers(state: StateFolder) -> AsyncIterator[Servers]:
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    engine = DocumentEngine(supervisor, ports, state)
    made = Servers(DocumentCluster(id="menu", engine=engine, changed=lambda: None, user=USER), supervisor)
    try:
        await made.step()
        yield made
    finally:
        await made.cluster.kill()
        await supervisor.close()
        ports.close()


async def eventually(asked: Any, within_s: float = 20.0) -> None:
    """Until `asked()` is true."""
    async with asyncio.timeout(within_s):
        while not await asked():  # noqa: ASYNC110  another process tells of nothing
            await asyncio.sleep(0.01)

"""A relay on a bench: over a world in memory, told by hand what it owns and hears."""

import asyncio

from services.order.outbox import SHARDS, Row, unpack
from services.order.relay import Relay, RelayReport
from services.order.tests.fakes import MemoryOutbox, MemoryQueue, MemoryStream, World

ALL = frozenset(SHARDS)


class ShardOwner:
    """Owns what it is told to."""

    def __init__(self, shards: frozenset[str] = ALL) -> None:
        self.shards = shards


class Post:
    """What was told to other tasks."""

    def __init__(self) -> None:
        self.told: list[Row] = []

    async def __call__(self, message: bytes) -> None:
        self.told += unpack(message)


class Bench:
    """A relay over a world; a new bench on the same world is the task that takes over."""

    def __init__(self, world: World, owner: ShardOwner | None = None) -> None:
        self.world = world
        self.post = Post()
        self.queue = MemoryQueue(world)
        self.stream = MemoryStream(world)
        self.outbox = MemoryOutbox(world)
        self.lags: list[float] = []
        self._handed_on = asyncio.Event()
        self.relay = Relay(
            outbox=self.outbox,
            channels=(self.queue, self.stream),
            owner=owner or ShardOwner(),
            announce=self.post,
            report=RelayReport(on_done=self._done),
        )

    def _done(self, lag: float) -> None:
        self.lags.append(lag)
        self._handed_on.set()

    async def until(self, *, handed_on: int) -> None:
        while len(self.lags) < handed_on:
            self._handed_on.clear()
            await self._handed_on.wait()

    async def settle(self, steps: int = 20) -> None:
        for _ in range(steps):
            await self.relay.step()
            if not self.world.table and not self.relay.depth:
                return

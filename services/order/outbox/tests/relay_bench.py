"""A relay and its settling on a bench: over a world in memory, told by hand what they own and hear."""

import asyncio

from services.chassis.resilience.tests.clock import Clock
from services.order.outbox.relay import Relay, RelayReport
from services.order.outbox.settling import Settling, SettlingReport
from services.order.outbox.table import SHARDS, Row, unpack
from services.order.tests.fakes import MemoryOutbox, MemoryQueue, MemoryStream, World
from services.order.tests.samples import AT

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
    """A task over a world; a new bench on the same world is the task that takes over."""

    def __init__(self, world: World, owner: ShardOwner | None = None) -> None:
        self.world = world
        self.post = Post()
        self.queue = MemoryQueue(world)
        self.stream = MemoryStream(world)
        self.outbox = MemoryOutbox(world)
        self.lags: list[float] = []
        self.taken: list[float] = []
        self.put_aside = self.unsettled = 0
        self.clock = Clock()
        self.clock.now = AT
        self._handed_on = asyncio.Event()
        self.owner = owner or ShardOwner()
        self.relay = Relay(
            outbox=self.outbox,
            channels=(self.queue, self.stream),
            owner=self.owner,
            announce=self.post,
            settle=lambda rows: self.settling.offer(rows),  # noqa: PLW0108 - made below: each needs the other
            report=RelayReport(on_done=self._done),
        )
        self.settling = Settling(
            table=self.outbox,
            inventory=world.inventory,
            owner=self.owner,
            settled=self.relay.settled,
            report=SettlingReport(on_taken=self.taken.append, on_aside=self._aside, on_unsettled=self._given_up),
            clock=self.clock,
        )

    def _aside(self, count: int) -> None:
        self.put_aside += count

    def _given_up(self) -> None:
        self.unsettled += 1

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
            await self.settling.step()
            if not self.world.table and not self.relay.depth:
                return

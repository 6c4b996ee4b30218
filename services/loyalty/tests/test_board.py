"""The leaderboard on a real Redis that goes away and comes back: it says when it is degraded, and is right again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.postgres.tests.server import free_port
from services.chassis.redis.cache import connect
from services.chassis.resilience.breaker import Breaker
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilient
from services.chassis.web.health import Dependencies
from services.loyalty.board import KEY, NAME, Board
from services.loyalty.domain import Account

TIMEOUT_S = 20.0
ADA, BOB, EVE = (Account(customer_id=name, earned=earned) for name, earned in (("ada", 30), ("bob", 20), ("eve", 10)))


class MemoryDb:
    """An address that leads to Redis or to nobody."""

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("unix://")
        self._port = free_port()
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    async def come(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def go(self) -> None:
        """Nobody listens any more, and no connection lives on."""
        if self._server is not None:
            self._server.close()
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)
            self._pumps.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._path)
        for source, sink in ((reader, back), (there, writer)):
            self._pumps.add(asyncio.create_task(_pump(source, sink)))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
    finally:
        sink.close()


@asynccontextmanager
async def boards(memorydb: MemoryDb) -> AsyncIterator[tuple[Board, Board]]:
    """Of two instances of the service."""
    clients = [connect(memorydb.url, Resilient(budget=RetryBudget(), on_retry=lambda: None)) for _ in range(2)]
    await memorydb.come()
    await clients[0].delete(KEY)
    first, second = (Board(client, Dependencies(NAME), Breaker(open_s=0.05)) for client in clients)
    try:
        yield first, second
    finally:
        for client in clients:
            await client.aclose()
        await memorydb.go()


def test_a_board_that_missed_points_says_so_and_is_right_again_once_memorydb_is_back(redis_url: str) -> None:
    async def story() -> None:
        memorydb = MemoryDb(redis_url)
        async with boards(memorydb) as (mine, other):
            truth = [ADA, BOB]

            async def leaders(count: int) -> list[Account]:
                return truth[:count]

            for each in (mine, other):
                await each.fill(truth)
            assert (mine.is_stale, await other.top(10)) == (False, [("ada", 30), ("bob", 20)])
            await memorydb.go()
            truth.append(EVE)
            await mine.note(EVE)  # never fails: points are kept in the database
            assert mine.is_stale
            assert await mine.top(10) is None
            assert await other.top(10) is None
            await memorydb.come()
            mending = asyncio.create_task(mine.keep(leaders, look_s=0.01))
            while mine.is_stale:  # noqa: ASYNC110 - a board announces nothing
                await asyncio.sleep(0.01)
            mending.cancel()
            assert await mine.top(10) == [("ada", 30), ("bob", 20), ("eve", 10)]
            while (found := await other.top(10)) is None:  # noqa: ASYNC110 - nor does a breaker
                await asyncio.sleep(0.01)
            assert found == [("ada", 30), ("bob", 20), ("eve", 10)], "and so it is for whoever shares the board"

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))


def test_a_board_whose_database_is_away_as_well_stays_stale_and_goes_on(redis_url: str) -> None:
    async def story() -> None:
        asked = asyncio.Event()

        async def away(count: int) -> list[Account]:
            asked.set()
            raise StoreUnavailable(f"no {count} accounts: nobody there")

        async with boards(MemoryDb(redis_url)) as (mine, _):
            mending = asyncio.create_task(mine.keep(away, look_s=0.01))
            for _ in range(2):
                asked.clear()
                await asked.wait()
            assert mine.is_stale
            assert not mending.done()
            mending.cancel()

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))

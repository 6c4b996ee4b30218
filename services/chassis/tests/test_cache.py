import asyncio
import contextlib

import pytest

from services.chassis.background import cancel
from services.chassis.budget import RetryBudget
from services.chassis.cache import CONNECT_S, READ_S, Breaker, CacheUnavailable, RedisCache, connect
from services.chassis.health import Dependencies
from services.chassis.resilience import Resilient

RESILIENT = Resilient(budget=RetryBudget(), on_retry=lambda: None)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_after_failures_in_a_row_and_closes_by_itself() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, open_s=1.0, clock=clock)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open
    clock.now += 1.0
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open


def test_a_cache_that_is_gone_is_not_asked_every_time() -> None:
    async def ask() -> list[str]:
        async with await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
        redis = connect(f"redis://127.0.0.1:{port}/0", RESILIENT)
        cache = RedisCache(redis, Dependencies("elasticache"))
        errors = []
        for _ in range(5):
            with pytest.raises(CacheUnavailable) as raised:
                await cache.get("k")
            errors.append(str(raised.value))
        with contextlib.suppress(CacheUnavailable):
            await cache.put("k", b"v", ttl_s=1)
        await redis.aclose()
        return errors

    errors = asyncio.run(ask())
    assert ["not asked" in error for error in errors] == [False, False, False, True, True]


def test_a_cache_that_hangs_costs_a_time_out_and_no_more() -> None:
    async def ask() -> float:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(4096):
                pass
            writer.close()

        async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            redis = connect(f"redis://127.0.0.1:{port}/0", RESILIENT)
            loop = asyncio.get_running_loop()
            began = loop.time()
            with pytest.raises(CacheUnavailable, match="TimeoutError"):
                await RedisCache(redis, Dependencies("elasticache")).get("k")
            took = loop.time() - began
            await redis.aclose()
        return took

    assert asyncio.run(asyncio.wait_for(ask(), 5)) >= min(CONNECT_S, READ_S)


@pytest.mark.parametrize("turns", range(12))
def test_a_cancellation_is_never_lost_whenever_it_comes(redis_url: str, turns: int) -> None:
    """After each number of turns of the loop, so also in the one in which a write is through."""

    async def story() -> None:
        redis = connect(redis_url, RESILIENT)
        await redis.ping()

        async def work() -> None:
            while True:
                await redis.set("k", b"v")

        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        await cancel(task)
        assert task.cancelled()
        assert await redis.get("k") in {None, b"v"}
        await redis.aclose()

    asyncio.run(asyncio.wait_for(story(), 5))

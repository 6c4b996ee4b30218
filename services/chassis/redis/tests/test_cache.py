import asyncio
import contextlib

import pytest

from services.chassis.background import cancel
from services.chassis.redis.cache import CONNECT_S, CONNECTIONS, READ_S, CacheUnavailable, RedisCache, connect
from services.chassis.resilience.breaker import Breaker
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilient
from services.chassis.resilience.tests.clock import Clock
from services.chassis.web.health import Dependencies

RESILIENT = Resilient(budget=RetryBudget(), on_retry=lambda: None)


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


def test_more_questions_at_once_than_connections_wait_for_one_and_no_cache_is_down_for_that(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.redis.cache.CONNECT_S", 30.0)  # this is not about a machine that is slow

    async def ask() -> list[bytes | BaseException | None]:
        redis = connect(redis_url, RESILIENT)
        cache = RedisCache(redis, Dependencies("elasticache"))
        await cache.put("k", b"v", ttl_s=60)
        try:
            return await asyncio.gather(*(cache.get("k") for _ in range(CONNECTIONS + 8)), return_exceptions=True)
        finally:
            await redis.aclose()

    assert set(asyncio.run(ask())) == {b"v"}


def test_a_cache_that_was_down_is_tried_by_one_while_the_others_go_on_without_it() -> None:
    """Else each of those who ask at the same time would wait for the time-out, again and again."""

    async def ask() -> tuple[int, int]:
        connections = 0
        may_end = asyncio.Event()

        async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await may_end.wait()
            writer.close()

        async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            redis = connect(f"redis://127.0.0.1:{port}/0", RESILIENT)
            clock = Clock()
            breaker = Breaker(failures=1, open_s=1.0, clock=clock)
            breaker.failed()
            clock.now += 1.0
            cache = RedisCache(redis, Dependencies("elasticache"), breaker)
            answers = await asyncio.gather(*(cache.get("k") for _ in range(8)), return_exceptions=True)
            may_end.set()
            await redis.aclose()
        assert all(isinstance(answer, CacheUnavailable) for answer in answers)
        return connections, sum("not asked" in str(answer) for answer in answers)

    assert asyncio.run(ask()) == (1, 7)


def test_a_trial_that_was_given_up_is_followed_by_another() -> None:
    """Whoever tries may be cancelled, and then nobody says how it went."""
    clock = Clock()
    breaker = Breaker(failures=1, open_s=1.0, clock=clock)
    breaker.failed()
    assert not breaker.may_ask()
    clock.now += 1.0
    assert [breaker.may_ask(), breaker.may_ask()] == [True, False]
    clock.now += 1.0
    assert [breaker.may_ask(), breaker.may_ask()] == [True, False]
    breaker.succeeded()
    assert [breaker.may_ask(), breaker.may_ask()] == [True, True]

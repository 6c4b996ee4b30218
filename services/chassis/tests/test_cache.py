import asyncio
import contextlib

import pytest

from services.chassis.budget import RetryBudget
from services.chassis.cache import Breaker, CacheUnavailable, RedisCache, connect
from services.chassis.health import Dependencies
from services.chassis.resilience import Resilient


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
        redis = connect(f"redis://127.0.0.1:{port}/0", Resilient(budget=RetryBudget(), on_retry=lambda: None))
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

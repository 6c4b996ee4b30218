"""ElastiCache as a cache: fast when there, never missed for long when gone.

Short time-outs, no retries, and a breaker that stops asking for a moment after failures in a row: a cache that is down
must cost one time-out now and then, not one per request.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError

from services.chassis.resilience.breaker import Breaker
from services.chassis.resilience.policy import Resilience
from services.chassis.web.health import Dependencies

NAME = "elasticache"
CONNECT_S = 0.25
READ_S = 0.25
CONNECTIONS = 64

_log = logging.getLogger(__name__)


class CacheUnavailable(Exception):
    """The cache did not answer, or is not being asked because it did not a moment ago."""


class Cache(Protocol):
    """Bytes under keys, for a time. What was put may be gone at any moment."""

    async def get(self, key: str) -> bytes | None:
        """What lies under `key`; None when nothing does. `CacheUnavailable` when it cannot be known."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds. `CacheUnavailable` when that failed."""
        ...


class DroppingCache(Cache, Protocol):
    """A cache for what changes."""

    async def drop(self, *keys: str) -> None:
        """Nothing lies under `keys` any more. `CacheUnavailable` when that failed."""
        ...


class BoundedRedis(Redis):
    """A client whose every command ends within `CONNECT_S` + `READ_S` by `TimeoutError`.

    A primary that was demoted keeps its connections and answers READONLY: nothing was written then, the idle
    connections are closed, and the command is sent once more, on a new one.

    Instead of the library's `socket_timeout`, which writes under `asyncio.wait_for`: before Python 3.12 that loses a
    cancellation which meets a result (python/cpython#86296), and then whatever was being stopped runs on.
    """

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with asyncio.timeout(CONNECT_S + READ_S):
            try:
                return await self._sent(*args, **options)
            except ReadOnlyError:
                await self.connection_pool.disconnect(inuse_connections=False)
                return await self._sent(*args, **options)

    async def _sent(self, *args: Any, **options: Any) -> Any:
        # redis annotates neither the arguments nor the result
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


def connect(url: str, resilience: Resilience) -> "Redis":
    """A client for `url`, with our time-outs (if the resilience has any) and without the library's own retries."""
    is_bounded = resilience.timeouts.read_s is not None
    kind = BoundedRedis if is_bounded else Redis
    pool = BlockingConnectionPool.from_url(
        url,
        socket_connect_timeout=CONNECT_S if is_bounded else None,
        socket_timeout=None,
        max_connections=CONNECTIONS,
        timeout=None,  # a command that waits for a connection ends by its own time-out
        retry=Retry(NoBackoff(), 0),
    )
    client: Redis = kind.from_pool(pool)
    return client


class RedisCache:
    """`Cache` on a Redis server."""

    def __init__(self, redis: "Redis", dependencies: Dependencies, breaker: Breaker | None = None) -> None:
        self._redis = redis
        self._dependencies = dependencies
        self._breaker = breaker or Breaker()

    async def get(self, key: str) -> bytes | None:
        with self._watched():
            value = await self._redis.get(key)
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        with self._watched():
            await self._redis.set(key, value, px=int(ttl_s * 1000))

    async def drop(self, *keys: str) -> None:
        with self._watched():
            await self._redis.delete(*keys)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """One command, if the breaker lets it pass; what became of it is known to the breaker and the dependencies."""
        if not self._breaker.may_ask():
            raise CacheUnavailable("not asked: it failed a moment ago")
        try:
            yield
        except (RedisError, OSError) as error:
            self._breaker.failed()
            self._dependencies.failed(NAME, type(error).__name__)
            raise CacheUnavailable(f"{type(error).__name__}: {error}") from error
        self._breaker.succeeded()
        self._dependencies.succeeded(NAME)

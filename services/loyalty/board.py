"""The leaderboard in MemoryDB: who has earned most, kept sorted as points come in.

A courtesy, not the truth: what cannot be noted is made good from the database, and the answer says that it was. An
instance that could not note something fills the board again as soon as MemoryDB is back, for the others read it too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, cast

from redis.exceptions import RedisError

from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.resilience.breaker import Breaker
from services.chassis.web.health import Dependencies
from services.loyalty.domain import Account

if TYPE_CHECKING:
    from redis.asyncio import Redis

NAME: Final = "memorydb"
KEY: Final = "loyalty:leaderboard"
MOST: Final = 1000
"""Customers that the board holds; no page asks for more."""

LOOK_S: Final = 1.0
"""How soon a board that is stale is looked after."""

_log = logging.getLogger(__name__)


class Board:
    """Sorted by points earned; `None` where MemoryDB cannot say."""

    def __init__(self, redis: "Redis", dependencies: Dependencies, breaker: Breaker | None = None) -> None:
        self._redis = redis
        self._dependencies = dependencies
        self._breaker = breaker or Breaker()
        self._is_stale = True
        """Whether somebody's points may be missing: at the start, and after a failure."""

    @property
    def is_stale(self) -> bool:
        return self._is_stale

    async def note(self, *accounts: Account) -> None:
        """Put the accounts where they belong. Never fails: what is not noted makes the board stale."""
        if not accounts:
            return
        if not self._breaker.may_ask():
            self._is_stale = True
            return
        try:
            if await self._redis.zadd(KEY, {each.customer_id: each.earned for each in accounts}, gt=True):
                await self._redis.zremrangebyrank(KEY, 0, -MOST - 1)  # somebody is new on it
        except (RedisError, OSError) as error:
            self._failed(error)
        else:
            self._succeeded()

    async def fill(self, leaders: list[Account]) -> None:
        """Begin anew with the database's word."""
        await self.note(*leaders)
        self._is_stale = self._breaker_is_open()

    async def keep(self, leaders: Callable[[int], Awaitable[list[Account]]], look_s: float = LOOK_S) -> None:
        """Until cancelled: fill the board whenever it is stale, and MemoryDB and `leaders`, the database, answer."""
        while True:
            if self._is_stale and await self.top(1) is not None:
                try:
                    await self.fill(await leaders(MOST))
                except StoreUnavailable as error:
                    _log.warning("the leaderboard stays stale", extra={"error": str(error)})
            await asyncio.sleep(look_s)

    async def top(self, count: int) -> list[tuple[str, int]] | None:
        """Customers with their points, most first."""
        if not self._breaker.may_ask():
            return None
        try:
            found = await self._redis.zrevrange(KEY, 0, count - 1, withscores=True)
        except (RedisError, OSError) as error:
            self._failed(error)
            return None
        self._succeeded()
        pairs = cast("list[tuple[bytes, float]]", found)  # the annotation is that of every kind of reply
        return [(name.decode(), int(score)) for name, score in pairs]

    def _breaker_is_open(self) -> bool:
        return self._dependencies.report()[NAME]["state"] != "ok"

    def _succeeded(self) -> None:
        self._breaker.succeeded()
        self._dependencies.succeeded(NAME)

    def _failed(self, error: Exception) -> None:
        self._is_stale = True
        self._breaker.failed()
        self._dependencies.failed(NAME, type(error).__name__)
        _log.warning("the leaderboard does not answer", extra={"error": type(error).__name__})

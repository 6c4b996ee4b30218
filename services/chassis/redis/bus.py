"""Messages between the tasks of a service, through ElastiCache's publish/subscribe: at most once, now or never.

Whoever needs more keeps the truth elsewhere and uses the bus to be notified sooner.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.chassis.redis.cache import CONNECT_S

RECONNECT_S = 0.5

_log = logging.getLogger(__name__)

Handler = Callable[[bytes], None]


class Bus:
    """Publishes on, and listens to, channels of one Redis. Run `listen` as a task; it ends only when cancelled.

    `on_connect` is called after each (re)subscription: what was published in between is lost, so look anew then.
    """

    def __init__(self, redis: "Redis", url: str) -> None:
        self._redis = redis
        self._url = url

    async def publish(self, channel: str, message: bytes) -> int:
        """Publish to everybody who listens; how many that were. 0 when the bus is down."""
        try:
            return int(await self._redis.publish(channel, message))
        except (RedisError, OSError):
            return 0

    async def listen(self, handlers: Mapping[str, Handler], on_connect: Callable[[], None]) -> None:
        while True:
            try:
                await self._listen(handlers, on_connect)
            except (RedisError, OSError) as error:
                _log.warning("the bus is down", extra={"error": type(error).__name__})
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self, handlers: Mapping[str, Handler], on_connect: Callable[[], None]) -> None:
        # A connection of its own, which may be silent for as long as nobody speaks: no read time-out, only TCP probes.
        probes = {} if self._url.startswith("unix:") else {"socket_keepalive": True}
        redis: Redis = Redis.from_url(self._url, socket_connect_timeout=CONNECT_S, socket_timeout=None, **probes)
        async with redis, redis.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(*handlers)
            on_connect()
            async for message in subscription.listen():
                _hand_to(handlers[message["channel"].decode()], message)


def _hand_to(handler: Handler, message: Mapping[str, bytes]) -> None:
    """Another version of the service may say what this one cannot read; the messages after it are read all the same."""
    try:
        handler(message["data"])
    except Exception:  # whatever the handler makes of it, the log has all of it  # noqa: BLE001
        _log.exception("a message of the bus is dropped", extra={"channel": message["channel"].decode()})

"""A cache whose primary was demoted and lives on: real servers behind an address that leads to one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from services.chassis.redis.cache import CacheUnavailable, RedisCache, connect
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilient
from services.chassis.web.health import Dependencies

RESILIENT = Resilient(budget=RetryBudget(), on_retry=lambda: None)


@dataclass
class Endpoint:
    """A name: new connections go to the server at `path`, old ones stay where they are."""

    path: str
    port: int = 0
    connections: int = 0
    pumps: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_unix_connection(self.path)
        for source, sink in ((reader, back), (there, writer)):
            self.pumps.add(asyncio.create_task(_pump(source, sink)))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
    finally:
        sink.close()


@asynccontextmanager
async def demoted(old: str, new: str) -> AsyncIterator[tuple[Endpoint, RedisCache]]:
    """A cache with an open connection to `old`, which has become a replica since, of nobody who answers."""
    endpoint = Endpoint(old.removeprefix("unix://"))
    async with await asyncio.start_server(endpoint.serve, "127.0.0.1", 0) as server:
        endpoint.port = server.sockets[0].getsockname()[1]
        client = connect(f"redis://127.0.0.1:{endpoint.port}/0", RESILIENT)
        cache = RedisCache(client, Dependencies("elasticache"))
        await cache.put("k", b"before", ttl_s=60)
        async with Redis.from_url(old) as operator:
            await operator.replicaof("127.0.0.1", 1)
            yield endpoint, cache
            await operator.replicaof("NO", "ONE")
        await client.aclose()
        await asyncio.gather(*endpoint.pumps)


def test_what_a_demoted_primary_refuses_is_written_to_the_new_one(redis_url: str, other_redis_url: str) -> None:
    async def story() -> tuple[bytes | str | None, int]:
        async with demoted(redis_url, other_redis_url) as (endpoint, cache):
            endpoint.path = other_redis_url.removeprefix("unix://")
            await cache.put("k", b"after", ttl_s=60)
            async with Redis.from_url(other_redis_url) as new:
                return await new.get("k"), endpoint.connections

    assert asyncio.run(asyncio.wait_for(story(), 10)) == (b"after", 2)


def test_while_the_name_still_leads_to_the_demoted_one_the_cache_is_unavailable_and_not_asked_for_ever(
    redis_url: str, other_redis_url: str
) -> None:
    async def story() -> int:
        async with demoted(redis_url, other_redis_url) as (endpoint, cache):
            with pytest.raises(CacheUnavailable, match="ReadOnlyError"):
                await cache.put("k", b"after", ttl_s=60)
            assert await cache.get("k") == b"before"
            return endpoint.connections

    assert asyncio.run(asyncio.wait_for(story(), 10)) == 2

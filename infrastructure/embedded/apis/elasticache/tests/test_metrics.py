"""What the nodes of a cache report."""

from dataclasses import replace

import pytest

from infrastructure.embedded.apis.elasticache.tests.world import GROUP, call, platform
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.engines.redis.reading import Reading, metrics_between
from infrastructure.embedded.tests.passes import measure
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_hits_and_items_are_counted_per_node(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        await cache.settle()
        await call(cache.primary.port, "SET", "key", "1")
        await call(cache.primary.port, "GET", "key")
        await call(cache.primary.port, "GET", "other")
        metrics = cache.world.context.metrics
        await measure(metrics, cache.controller._metrics)
        store = metrics.store

        def value(name: str) -> float:
            key = Key.of("AWS/ElastiCache", name, {"CacheClusterId": f"{GROUP}-001"})
            [(_, bucket)] = store.query(key, 0, 1e12, 60)
            return bucket.total

        assert (value("CacheHits"), value("CacheMisses"), value("CurrItems")) == (1.0, 1.0, 1.0)
        assert value("CurrConnections") >= 1.0


def test_counters_begin_anew_with_a_new_server() -> None:
    before = Reading(pid="1", cpu_s=50.0, hits=100, misses=7, evictions=0, connections=1, items=1, used_bytes=1)
    same = {n: v for n, v, _ in metrics_between(before, replace(before, cpu_s=50.5, hits=130), 2.0)}
    assert (same["EngineCPUUtilization"], same["CacheHits"], same["CacheMisses"]) == (25.0, 30.0, 0.0)
    fresh = {n: v for n, v, _ in metrics_between(before, replace(before, pid="2", cpu_s=0.1, hits=3), 1.0)}
    assert (fresh["EngineCPUUtilization"], fresh["CacheHits"]) == (10.0, 3.0)

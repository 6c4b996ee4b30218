"""05: every key of the order service's cache is dropped."""

from plugins.chaos.faults.elasticache_flush import ElastiCacheFlush
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source
from plugins.load.journeys import BrowseBack, PlaceOrder
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly

_NODE = (("CacheClusterId", "{CacheReplicationGroupId}-001"), ("CacheNodeId", "0001"))

ELASTICACHE_FLUSH = Scenario(
    id="05-elasticache-flush",
    title="ElastiCache flush",
    hypothesis="An empty cache costs time and nothing else: every answer stays correct, and the cache warms again.",
    fault=ElastiCacheFlush(),
    rate=40.0,
    mix=((PlaceOrder.name, 0.5), (BrowseBack.name, 0.5)),
    baseline=Slo.of("before the flush", "p95 <= 250 ms", "errors <= 0 %", "dropped <= 0 %"),
    during=Slo.of("without a warm cache", "p99 <= 500 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of("warm again", "p99 <= 250 ms", "errors <= 0 %", "rto <= 3 s", "rpo <= 0"),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "p50 <= 100 ms"), counted_from="inject"),
    anomalies=(
        Expected(
            anomaly=Anomaly(name="CurrItems", direction="down", by=20, unit="keys"),
            source=Source(namespace="AWS/ElastiCache", metric="CurrItems", stat="Minimum", dimensions=_NODE),
        ),
    ),
)

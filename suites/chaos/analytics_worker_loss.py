"""09: the analytics worker that reads most shards loses its power in the middle of a batch."""

from plugins.chaos.faults.stream_worker_kill import StreamWorkerKill
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source, Windows
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly
from services.catalog import http_service

ANALYTICS_WORKER_LOSS = Scenario(
    id="09-analytics-worker-loss",
    title="Analytics worker loss in mid-batch",
    hypothesis="Another worker reads on from the checkpoint: no customer notices, no row is lost, none is doubled.",
    fault=StreamWorkerKill(service=http_service("analytics")),
    rate=40.0,
    warm_up_s=4.0,
    baseline=Slo.of("before the loss", "p95 <= 250 ms", "revenue.p95 <= 2000 ms", "errors <= 0 %", "dropped <= 0 %"),
    during=Slo.of("orders go on", "p99 <= 500 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of(
        "read on",
        "p99 <= 500 ms",
        "revenue.p95 <= 2000 ms",
        "errors <= 0 %",
        "rto <= 1 s",
        "revenue.rto <= 10 s",  # a lease time, a beat, and what came meanwhile
        "rpo <= 0",
    ),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 30 /s"), counted_from="inject"),
    revenue_recovery=Recovery(good=Slo.of("loaded soon", "revenue.max <= 2000 ms"), counted_from="inject"),
    anomalies=(
        Expected(
            anomaly=Anomaly(name="RevenueLag", direction="up", by=1500, unit="ms"),
            source=Source(
                namespace="CloudCafe/Analytics",
                metric="RevenueLag",
                stat="Maximum",
                dimensions=(("Environment", "{EnvironmentName}"),),
            ),
        ),
        Expected(
            anomaly=Anomaly(name="HealthyHostCount", direction="down", by=1, unit="hosts"),
            source=Source(
                namespace="AWS/NetworkELB",
                metric="HealthyHostCount",
                stat="Minimum",
                dimensions=(
                    ("TargetGroup", "{AnalyticsTargetGroupFullName}"),
                    ("LoadBalancer", "{NlbFullName}"),
                ),
            ),
        ),
    ),
    quick=Windows(baseline_s=6.0, fault_s=12.0, recovery_s=12.0),
)

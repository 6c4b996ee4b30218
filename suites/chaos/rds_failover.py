"""03: the Aurora cluster fails over."""

from plugins.chaos.faults.rds_failover import RdsFailover
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly

RDS_FAILOVER = Scenario(
    id="03-rds-failover",
    title="RDS failover",
    hypothesis="While Aurora changes its writer, orders go on, payments and stock wait; none is lost or taken twice.",
    fault=RdsFailover(),
    rate=33.0,
    warm_up_s=4.0,
    baseline=Slo.of(
        "before the failover", "p95 <= 250 ms", "capture.p95 <= 1000 ms", "errors <= 0 %", "dropped <= 0 %"
    ),
    # Of ten seconds five are the time to live of the writer's name, for which sandboxes land on the old writer.
    during=Slo.of("while it fails over", "p99 <= 500 ms", "capture.p99 <= 10000 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of(
        "with the new writer",
        "p99 <= 250 ms",
        "capture.p99 <= 1000 ms",
        "errors <= 0 %",
        "rto <= 2 s",
        "capture.rto <= 10 s",
        "rpo <= 0",
    ),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 24 /s"), counted_from="inject"),
    capture_recovery=Recovery(good=Slo.of("captured soon", "capture.max <= 1000 ms"), counted_from="inject"),
    anomalies=(
        Expected(
            anomaly=Anomaly(name="LedgerReconnects", direction="up", by=1, silent_is_zero=True),
            source=Source(
                namespace="CloudCafe/Payment",
                metric="LedgerReconnects",
                stat="Sum",
                dimensions=(("Environment", "{EnvironmentName}"),),
            ),
        ),
        Expected(
            anomaly=Anomaly(name="StockOwed", direction="up", by=5, unit="orders", silent_is_zero=True),
            source=Source(
                namespace="CloudCafe/Order",
                metric="StockOwed",
                stat="Sum",
                dimensions=(("Environment", "{EnvironmentName}"),),
            ),
        ),
    ),
)

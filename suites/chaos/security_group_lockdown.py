"""10: no service's security group may reach the database."""

from plugins.chaos.faults.security_group_lockdown import SecurityGroupLockdown
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly

SECURITY_GROUP_LOCKDOWN = Scenario(
    id="10-security-group-lockdown",
    title="Security group lockdown",
    hypothesis="While connecting to the database times out, orders are taken, payments and stock wait; none is lost.",
    fault=SecurityGroupLockdown(),
    rate=33.0,
    warm_up_s=4.0,
    baseline=Slo.of("before it", "p95 <= 250 ms", "capture.p95 <= 1000 ms", "errors <= 0 %", "dropped <= 0 %"),
    during=Slo.of("orders go on", "p99 <= 500 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of(
        "drained",
        "p99 <= 1000 ms",  # captures that catch up share the cores with the orders that come
        "capture.max <= 75000 ms",  # a message whose capture was given up is invisible for a minute, its customer waits
        "errors <= 0 %",
        "rto <= 2 s",
        "rpo <= 0",
    ),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 24 /s"), counted_from="rollback"),
    capture_recovery=Recovery(good=Slo.of("captured soon", "capture.max <= 1000 ms"), counted_from="rollback"),
    anomalies=(
        Expected(
            # One of each task that keeps a pool; what the pools had grown to before, they need not want again.
            anomaly=Anomaly(name="DatabaseConnections", direction="down", by=4, unit="connections", may_stay=0.5),
            source=Source(
                namespace="AWS/RDS",
                metric="DatabaseConnections",
                stat="Minimum",
                dimensions=(("DBClusterIdentifier", "{AuroraClusterIdentifier}"), ("Role", "WRITER")),
            ),
        ),
        Expected(
            anomaly=Anomaly(name="ApproximateAgeOfOldestMessage", direction="up", by=5, unit="s", must_return=False),
            source=Source(
                namespace="AWS/SQS",
                metric="ApproximateAgeOfOldestMessage",
                stat="Maximum",
                dimensions=(("QueueName", "{PaymentQueueName}"),),
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

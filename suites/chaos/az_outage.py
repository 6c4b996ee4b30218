"""02: everything in one Availability Zone stops."""

from plugins.chaos.faults.az_outage import AzOutage
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly
from services.catalog import http_service, services_on

AZ_OUTAGE = Scenario(
    id="02-az-outage",
    title="AZ outage",
    hypothesis="When a zone goes, with tasks, instances and the writer, the other one serves on; no order is lost.",
    fault=AzOutage(tasks=http_service("order"), instances=services_on("ec2"), pods=services_on("eks")),
    rate=33.0,
    warm_up_s=4.0,
    baseline=Slo.of("in two zones", "p95 <= 250 ms", "capture.p95 <= 1000 ms", "errors <= 0 %", "dropped <= 0 %"),
    # Of ten seconds five are the time to live of the writer's name, for which sandboxes land on the old writer.
    # A zone's programs all start anew at once: on one machine they share its cores with the orders for a second or two.
    during=Slo.of("from one zone", "p99 <= 1000 ms", "capture.p99 <= 10000 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of(
        "in two zones again",
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
            anomaly=Anomaly(name="HealthyHostCount", direction="down", by=1, unit="hosts"),
            source=Source(
                namespace="AWS/ApplicationELB",
                metric="HealthyHostCount",
                stat="Minimum",
                dimensions=(("TargetGroup", "{OrderTargetGroupFullName}"), ("LoadBalancer", "{AlbFullName}")),
            ),
        ),
        Expected(
            anomaly=Anomaly(name="LedgerReconnects", direction="up", by=1, silent_is_zero=True),
            source=Source(
                namespace="CloudCafe/Payment",
                metric="LedgerReconnects",
                stat="Sum",
                dimensions=(("Environment", "{EnvironmentName}"),),
            ),
        ),
    ),
)

"""01: the orders rule of the load balancer is sent to an empty target group."""

from plugins.chaos.faults.alb_routing_failure import AlbRoutingFailure
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly
from services.catalog import http_service

ALB_ROUTING_FAILURE = Scenario(
    id="01-alb-routing-failure",
    title="ALB routing failure",
    hypothesis="While the orders rule leads nowhere, errors are fast and clean; restored, every order passes again.",
    fault=AlbRoutingFailure(service=http_service("order")),
    rate=40.0,
    clean_statuses=frozenset({503}),
    baseline=Slo.of("before the fault", "p95 <= 250 ms", "errors <= 0 %", "dropped <= 0 %"),
    during=Slo.of("fast and clean errors", "errors.p99 <= 250 ms", "errors.unclean <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of("after the restore", "p99 <= 250 ms", "errors <= 0 %", "rto <= 2 s", "rpo <= 0"),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 30 /s"), counted_from="rollback"),
    anomalies=(
        Expected(
            anomaly=Anomaly(name="HTTPCode_ELB_5XX_Count", direction="up", by=20, silent_is_zero=True),
            source=Source(
                namespace="AWS/ApplicationELB",
                metric="HTTPCode_ELB_5XX_Count",
                stat="Sum",
                dimensions=(("LoadBalancer", "{AlbFullName}"),),
            ),
        ),
    ),
)

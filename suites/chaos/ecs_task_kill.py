"""06: one running task of the order service is stopped."""

from plugins.chaos.faults.ecs_task_kill import EcsTaskKill
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly
from services.catalog import http_service

ECS_TASK_KILL = Scenario(
    id="06-ecs-task-kill",
    title="ECS task kill",
    hypothesis="A stopped task is drained, routed round and replaced: customers notice nothing, and no order is lost.",
    fault=EcsTaskKill(service=http_service("order")),
    rate=40.0,
    baseline=Slo.of("before the kill", "p95 <= 250 ms", "errors <= 0 %", "dropped <= 0 %"),
    during=Slo.of("routed round", "p99 <= 500 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of("replaced", "p99 <= 250 ms", "errors <= 0 %", "rto <= 5 s", "rpo <= 0"),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 30 /s"), counted_from="inject"),
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
    ),
)

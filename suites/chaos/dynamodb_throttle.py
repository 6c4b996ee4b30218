"""04: the orders table is cut to one read and one write unit."""

from plugins.chaos.faults.dynamodb_throttle import DynamoDbThrottle
from plugins.chaos.scenario import Expected, PerRequest, Recovery, Scenario, Source
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly

_THROTTLES = Source(
    namespace="AWS/DynamoDB",
    metric="WriteThrottleEvents",
    stat="Sum",
    dimensions=(("TableName", "{OrdersTableName}"),),
)

DYNAMODB_THROTTLE = Scenario(
    id="04-dynamodb-throttle",
    title="DynamoDB throttle",
    hypothesis="A throttled table makes orders fail cleanly and soon, with no storm of retries; restored, it drains.",
    fault=DynamoDbThrottle(),
    rate=40.0,
    clean_statuses=frozenset({429, 503}),
    per_request=(PerRequest(name="throttles", source=_THROTTLES),),
    baseline=Slo.of("before the fault", "p95 <= 250 ms", "errors <= 0 %", "dropped <= 0 %"),
    during=Slo.of("back-off", "errors.p99 <= 3000 ms", "errors.unclean <= 0 %", "throttles <= 3", "dropped <= 0 %"),
    recovered=Slo.of("after the restore", "p99 <= 500 ms", "errors <= 1 %", "rto <= 5 s", "rpo <= 0"),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 30 /s"), counted_from="rollback"),
    anomalies=(
        Expected(
            anomaly=Anomaly(name="WriteThrottleEvents", direction="up", by=10, silent_is_zero=True),
            source=_THROTTLES,
        ),
    ),
)

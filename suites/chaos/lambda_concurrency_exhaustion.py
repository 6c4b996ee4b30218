"""08: the payment function may not run any more."""

from plugins.chaos.faults.lambda_concurrency_exhaustion import LambdaConcurrencyExhaustion
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source, Windows
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly
from services.catalog import function

LAMBDA_CONCURRENCY_EXHAUSTION = Scenario(
    id="08-lambda-concurrency-exhaustion",
    title="Lambda concurrency exhaustion",
    hypothesis="While no payment can be captured, orders are taken and wait for theirs; none ends as a dead letter.",
    fault=LambdaConcurrencyExhaustion(service=function("payment")),
    rate=30.0,
    warm_up_s=4.0,
    baseline=Slo.of("before it", "p95 <= 250 ms", "capture.p95 <= 1000 ms", "errors <= 0 %", "dropped <= 0 %"),
    during=Slo.of("orders go on", "p99 <= 500 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of(
        "drained",
        "p99 <= 1000 ms",  # captures that catch up share the cores with the orders that come
        "errors <= 0 %",
        "rto <= 2 s",
        "capture.rto <= 120 s",  # a queue that filled for three minutes, as in the full profile, takes its time
        "rpo <= 0",
    ),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 24 /s"), counted_from="rollback"),
    capture_recovery=Recovery(good=Slo.of("captured soon", "capture.max <= 1000 ms"), counted_from="rollback"),
    anomalies=(
        Expected(
            anomaly=Anomaly(name="Throttles", direction="up", by=1, silent_is_zero=True),
            source=Source(
                namespace="AWS/Lambda",
                metric="Throttles",
                stat="Sum",
                dimensions=(("FunctionName", "{PaymentFunctionName}"),),
            ),
        ),
        Expected(
            anomaly=Anomaly(name="ApproximateAgeOfOldestMessage", direction="up", by=5, unit="s"),
            source=Source(
                namespace="AWS/SQS",
                metric="ApproximateAgeOfOldestMessage",
                stat="Maximum",
                dimensions=(("QueueName", "{PaymentQueueName}"),),
            ),
        ),
    ),
    quick=Windows(baseline_s=5.0, fault_s=10.0, recovery_s=15.0),
)

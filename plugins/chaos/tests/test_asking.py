"""What an experiment asks, while it runs and after: alarms, sums and anomalies of CloudWatch, a tally of the load."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plugins.chaos import traffic
from plugins.chaos.judgement import cloudwatch
from plugins.chaos.judgement.measure import Figures
from plugins.chaos.scenario import Expected, PerRequest, Source, Windows
from plugins.chaos.stop import AlarmRaised, StopCondition, Tally
from plugins.chaos.tests.fakes import scenario
from plugins.chaos.trace import Phase
from plugins.chaos.traffic import OrderTraffic
from plugins.load.arrivals import Constant
from plugins.load.plan import LoadPlan
from plugins.slo import Verdict
from plugins.telemetry.anomaly import Anomaly
from plugins.telemetry.cloudwatch import Metric
from plugins.telemetry.timeline import Series, Span

THROTTLES = Source(
    namespace="AWS/DynamoDB",
    metric="ThrottledRequests",
    stat="Sum",
    dimensions=(("TableName", "{OrdersTableName}"), ("Group", "cafe-{EnvironmentName}")),
)
SPANS: Mapping[Phase, Span] = {
    Phase.BASELINE: Span(name="baseline", start=0, end=10),
    Phase.OBSERVE: Span(name="fault", start=10, end=20, is_fault=True),
    Phase.RECOVERY: Span(name="recovery", start=21, end=31),
}
RISES = Expected(anomaly=Anomaly(name="throttles", direction="up", by=5), source=THROTTLES)


def asking(*stops: StopCondition, raised: tuple[str, ...] = (), **declared: Any) -> Any:
    """A run on a platform with these alarms raised."""

    def describe_alarms(**wanted: str) -> dict[str, Any]:
        assert wanted == {"StateValue": "ALARM"}
        return {"MetricAlarms": [{"AlarmName": name} for name in raised]}

    platform = SimpleNamespace(
        metric_period_s=1.0,
        environment=SimpleNamespace(suffix="dev"),
        output={"OrdersTableName": "orders-dev"}.__getitem__,
        client={"cloudwatch": SimpleNamespace(describe_alarms=describe_alarms)}.__getitem__,
    )
    return SimpleNamespace(platform=platform, scenario=scenario(*stops, **declared))


def showing(monkeypatch: pytest.MonkeyPatch, *points: tuple[float, float]) -> list[tuple[Metric, float, float]]:
    """Have CloudWatch show these points of every metric; what it was asked for."""
    asked: list[tuple[Metric, float, float]] = []

    def read(_platform: object, metric: Metric, start: float, end: float) -> Series:
        asked.append((metric, start, end))
        return Series(name="m", unit="", points=points, period_s=1.0)

    monkeypatch.setattr(cloudwatch, "read", read)
    return asked


def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_asked: object) -> Series:
        raise ConnectionError("no answer")

    monkeypatch.setattr(cloudwatch, "read", read)


@pytest.mark.parametrize(
    ("stops", "seen"), [((AlarmRaised(alarm="a"),), {"a", "b"}), ((), set())], ids=["an alarm stops it", "none does"]
)
def test_cloudwatch_is_asked_for_alarms_where_one_may_stop_the_experiment(
    stops: tuple[StopCondition, ...], seen: set[str]
) -> None:
    assert cloudwatch.alarms(asking(*stops, raised=("a", "b")))() == seen


def figures(samples: int = 200) -> Figures:
    return Figures(span=SPANS[Phase.OBSERVE], indicators={"errors": 1.0}, samples=samples)


def test_an_indicator_per_request_is_the_metrics_sum_over_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = showing(monkeypatch, (10, 30.0), (11, 20.0))
    found = cloudwatch.with_ratios(asking(per_request=(PerRequest(name="throttles", source=THROTTLES),)), figures())
    assert found == replace(figures(), indicators={"errors": 1.0, "throttles": 0.25})
    dimensions = {"TableName": "orders-dev", "Group": "cafe-dev"}
    assert asked == [(Metric.of("AWS/DynamoDB", "ThrottledRequests", "Sum", dimensions), 10, 20)]


def test_an_indicator_per_request_is_unknown_without_requests_and_without_the_metric(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = asking(per_request=(PerRequest(name="throttles", source=THROTTLES),))
    showing(monkeypatch, (10, 30.0))
    assert cloudwatch.with_ratios(run, figures(samples=0)).indicators == {"errors": 1.0}
    unreadable(monkeypatch)
    assert cloudwatch.with_ratios(run, figures()).indicators == {"errors": 1.0}


@pytest.mark.parametrize(
    ("during", "verdict"), [(9.0, Verdict.PASS), (4.0, Verdict.FAIL)], ids=["it rises", "it hardly moves"]
)
def test_an_anomaly_is_looked_for_in_whole_periods_of_all_three_windows(
    monkeypatch: pytest.MonkeyPatch, during: float, verdict: Verdict
) -> None:
    points = [(float(at), during if 10 <= at < 20 else 0.0) for at in range(31)]
    asked = showing(monkeypatch, *points)
    [found] = cloudwatch.anomalies(asking(anomalies=(RISES,)), SPANS)
    assert found.verdict is verdict
    assert [(start, end) for _, start, end in asked] == [(0, 31)]


def test_an_anomaly_that_cannot_be_read_is_a_doubt_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    unreadable(monkeypatch)
    [found] = cloudwatch.anomalies(asking(anomalies=(RISES,)), SPANS)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.text == "throttles: CloudWatch could not be read: ConnectionError: no answer"


def test_no_anomaly_is_looked_for_where_a_window_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = showing(monkeypatch)
    cut_short = dict([*SPANS.items()][:2])
    assert list(cloudwatch.anomalies(asking(anomalies=(RISES,)), cut_short)) == []
    assert asked == []


class Generator:
    """A run of load, as far as an experiment asks it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.counts = (0, 0)

    def check(self) -> None:
        self.asked.append("check")

    def stop(self) -> None:
        self.asked.append("stop")

    def snapshot(self) -> Any:
        self.asked.append("snapshot")
        samples, bad = self.counts
        return SimpleNamespace(whole=lambda: SimpleNamespace(samples=samples, bad=SimpleNamespace(total=bad)))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Generator, list[tuple[LoadPlan, Any, Path]]]]:
    generator, asked = Generator(), list[tuple[LoadPlan, Any, Path]]()

    def start(plan: LoadPlan, platform: Any, folder: Path) -> Generator:
        asked.append((plan, platform, folder))
        return generator

    monkeypatch.setattr(traffic, "start", start)
    return lambda: (generator, asked)


def test_orders_flow_at_the_scenarios_rate_for_longer_than_its_windows(started: Any, tmp_path: Path) -> None:
    """A rollback may take minutes on AWS. At most as many are under way as come within one and a half time-outs."""
    generator, asked = started()
    windows = Windows(baseline_s=5.0, fault_s=10.0, recovery_s=15.0)
    load = OrderTraffic(scenario(rate=40.0), windows, "platform", tmp_path, lambda: 0.0)  # type: ignore[arg-type] # passed on
    load.start()
    arrivals = Constant(per_s=40.0, duration_s=330.0)
    plan = LoadPlan(arrivals=arrivals, mix=(("order", 1.0),), max_in_flight=300, timeout_s=5.0)
    assert asked == [(plan, "platform", tmp_path)]
    load.stop()
    assert generator.asked == ["stop"]


def test_the_tally_is_two_seconds_old_at_most_and_the_generator_is_looked_after_each_time(
    started: Any, tmp_path: Path
) -> None:
    now = [100.0]
    windows = Windows(baseline_s=5.0, fault_s=10.0, recovery_s=15.0)
    load = OrderTraffic(scenario(), windows, "platform", tmp_path, lambda: now[0])  # type: ignore[arg-type] # passed on
    assert (load.tally(), load.result()) == (Tally(), None)
    load.stop()
    load.start()
    generator, _ = started()
    seen = []
    for now[0], generator.counts in ((101.9, (50, 1)), (102.0, (100, 7)), (103.9, (150, 8)), (104.0, (200, 9))):
        tally = load.tally()
        seen.append((tally.requests, tally.errors))
    assert seen == [(0, 0), (100, 7), (100, 7), (200, 9)]
    assert generator.asked == ["check", "check", "snapshot", "check", "check", "snapshot"]

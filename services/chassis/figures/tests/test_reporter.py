import logging

import pytest

from services.chassis.aws.json_apis import Json
from services.chassis.aws.tests.refusals import unreachable
from services.chassis.figures.counters import Figures
from services.chassis.figures.reporter import Reporter


class CloudWatch:
    """Takes reports; refuses while `is_down`."""

    def __init__(self) -> None:
        self.reports: list[Json] = []
        self.is_down = False

    def call(self, operation: str, parameters: Json) -> Json:
        assert operation == "PutMetricData"
        if self.is_down:
            raise unreachable(operation)
        self.reports.append(parameters)
        return {}


class Clock:
    now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


def test_figures_are_reported_once_a_period_with_their_time() -> None:
    cloudwatch, clock, figures = CloudWatch(), Clock(), Figures({"Environment": "dev"})
    reporter = Reporter(cloudwatch, figures, namespace="N", period_s=10.0, clock=clock)
    for seconds in (0.0, 4.0, 4.0, 4.0):
        clock.now += seconds
        figures.count("Things")
        reporter.report()
    assert [report["Namespace"] for report in cloudwatch.reports] == ["N", "N"]
    datum = {"MetricName": "Things", "Dimensions": [{"Name": "Environment", "Value": "dev"}], "Unit": "Count"}
    assert [report["MetricData"] for report in cloudwatch.reports] == [
        [{**datum, "Value": 1, "Timestamp": 1_795_000_000.0}],
        [{**datum, "Value": 3, "Timestamp": 1_795_000_012.0}],
    ]


def test_nothing_counted_is_nothing_reported() -> None:
    cloudwatch = CloudWatch()
    Reporter(cloudwatch, Figures({}), namespace="N", period_s=1.0).report()
    assert cloudwatch.reports == []


def test_a_report_that_is_not_taken_is_said_and_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    cloudwatch, figures = CloudWatch(), Figures({})
    cloudwatch.is_down = True
    figures.count("Things")
    with caplog.at_level(logging.WARNING):
        Reporter(cloudwatch, figures, namespace="N", period_s=1.0).report()
    assert "metrics were not taken" in caplog.text

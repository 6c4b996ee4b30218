import asyncio

import pytest

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Json
from services.chassis.figures.metrics import MetricReports


class CloudWatch:
    """Keeps what it is told; fails when `error` is set."""

    def __init__(self) -> None:
        self.told: list[Json] = []
        self.error: AwsError | None = None

    async def call(self, operation: str, parameters: Json) -> Json:
        assert operation == "PutMetricData"
        if self.error:
            raise self.error
        self.told.append(parameters)
        return {}


def metrics(cloudwatch: CloudWatch) -> MetricReports:
    return MetricReports(cloudwatch, namespace="CloudCafe/Order", dimensions={"Environment": "dev"}, period_s=1.0)


def test_one_call_reports_all_that_happened() -> None:
    cloudwatch = CloudWatch()
    recorded = metrics(cloudwatch)
    recorded.declare("Rejected")
    recorded.count("Accepted")
    recorded.count("Accepted", 2)
    recorded.gauge("Depth", lambda: 7.0)
    recorded.duration("Latency", 0.010)
    recorded.duration("Latency", 0.010)
    asyncio.run(recorded.flush())
    [told] = cloudwatch.told
    assert told["Namespace"] == "CloudCafe/Order"
    by_name = {datum["MetricName"]: datum for datum in told["MetricData"]}  # type: ignore[attr-defined]  # Json is open
    assert by_name["Accepted"]["Value"] == 3
    assert by_name["Rejected"]["Value"] == 0
    assert by_name["Depth"]["Value"] == 7.0
    assert (by_name["Latency"]["Values"], by_name["Latency"]["Counts"]) == ([10.0], [2.0])
    assert all(datum["Dimensions"] == [{"Name": "Environment", "Value": "dev"}] for datum in by_name.values())


def test_a_count_starts_again_after_each_report() -> None:
    recorded = metrics(CloudWatch())
    recorded.count("Accepted")
    recorded.collect()
    assert [datum["Value"] for datum in recorded.collect()] == [0]


@pytest.mark.parametrize("seconds", [0.0, 0.000_01, 0.001, 0.25, 3.0, 60.0])
def test_a_duration_is_reported_within_three_percent(seconds: float) -> None:
    recorded = metrics(CloudWatch())
    recorded.duration("Latency", seconds)
    [datum] = recorded.collect()
    assert datum["Values"] == [pytest.approx(max(seconds * 1e3, 0.01), rel=0.03)]


def test_a_datum_never_has_more_values_than_cloudwatch_takes() -> None:
    recorded = metrics(CloudWatch())
    for step in range(1, 3000):
        recorded.duration("Latency", 1e-5 * 1.01**step)
    [datum] = recorded.collect()
    values, counts = datum["Values"], datum["Counts"]
    assert isinstance(values, list)
    assert isinstance(counts, list)
    assert len(values) == len(counts) == 150
    assert sum(counts) == 2999


def test_figures_that_cannot_be_reported_are_dropped_without_an_error() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.error = AwsError(operation="PutMetricData", code="Unreachable", message="no")
    recorded = metrics(cloudwatch)
    recorded.count("Accepted")
    asyncio.run(recorded.flush())
    assert [datum["Value"] for datum in recorded.collect()] == [0]

import time
from collections.abc import Iterator
from typing import Any

import boto3
import moto
import pytest

from infrastructure.errors import EnvironmentFault
from plugins.telemetry import Metric, charted, read
from services.catalog import SERVICES, Service, http_services


class _Platform:
    metric_period_s = 1.0

    def output(self, key: str) -> str:
        groups = {f"{name.capitalize()}AutoScalingGroupName": name for name in ("loyalty", "analytics")}
        kubernetes = {"EksClusterName": "cafe", "EksNamespace": "cafe"}
        return {"ClusterName": "cafe", "OrderServiceName": "order", **groups, **kubernetes}[key]

    def client(self, service: str) -> Any:
        return boto3.client(service, "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")  # type: ignore[call-overload]  # the name is a variable


@pytest.fixture
def platform() -> Iterator[_Platform]:
    with moto.mock_aws():
        yield _Platform()


def test_a_series_holds_one_point_per_period_in_order(platform: _Platform) -> None:
    start = int(time.time()) - 60
    dimension = [{"Name": "ServiceName", "Value": "order"}]
    for offset, value in ((2, 30.0), (0, 10.0), (1, 20.0)):
        platform.client("cloudwatch").put_metric_data(
            Namespace="AWS/ECS",
            MetricData=[{"MetricName": "CPU", "Value": value, "Timestamp": start + offset, "Dimensions": dimension}],
        )
    metric = Metric.of("AWS/ECS", "CPU", "Average", {"ServiceName": "order"}, unit="%")
    series = read(platform, metric, start, start + 3)
    assert series.points == ((start, 10.0), (start + 1, 20.0), (start + 2, 30.0))


def test_a_metric_nobody_reported_is_an_empty_series(platform: _Platform) -> None:
    metric = Metric.of("AWS/ECS", "Nothing", "Sum", {})
    assert read(platform, metric, time.time() - 5, time.time()).points == ()


def test_a_chart_shows_the_cpu_of_each_service_or_notes_why_not(platform: _Platform) -> None:
    notes: list[str] = []
    start = int(time.time()) - 60
    dimensions = [{"Name": "ClusterName", "Value": "cafe"}, {"Name": "ServiceName", "Value": "order"}]
    datum = {"MetricName": "CPUUtilization", "Value": 42.0, "Timestamp": start, "Dimensions": dimensions}
    platform.client("cloudwatch").put_metric_data(Namespace="AWS/ECS", MetricData=[datum])
    series, *others = charted(platform, start, start + 1, notes.append)
    assert (series.name, series.values, notes) == ("CPU of order", (42.0,), [])
    silent = [one.name for one in http_services() if one.name != "order"]
    assert [(each.name, each.values) for each in others] == [(f"CPU of {name}", ()) for name in silent]
    nobody = Service(name="nobody", platform="ecs", entry="", edges=())
    assert charted(platform, start, start + 1, notes.append, (nobody, *SERVICES)) == (series, *others)
    assert notes == ["no CPU in the chart of nobody: KeyError: 'NobodyServiceName'"]


class _Paginator:
    """CloudWatch's pages, by their status."""

    def __init__(self, *statuses: str) -> None:
        self._statuses = statuses

    def get_paginator(self, _name: str) -> "_Paginator":
        return self

    def paginate(self, **_request: object) -> Iterator[dict[str, Any]]:
        for status in self._statuses:
            yield {"MetricDataResults": [{"Id": "m", "StatusCode": status, "Timestamps": [], "Values": []}]}


class _Answering(_Platform):
    def __init__(self, *statuses: str) -> None:
        self._statuses = statuses

    def client(self, service: str) -> Any:
        return _Paginator(*self._statuses)


@pytest.mark.parametrize(
    "statuses", [("InternalError",), ("Forbidden",), ("PartialData",), ("Complete", "PartialData")]
)
def test_a_metric_that_was_not_read_whole_is_an_error_and_no_silence(statuses: tuple[str, ...]) -> None:
    """A count that is silent reads zero: what CloudWatch kept back would pass for a system that is well."""
    metric = Metric.of("AWS/Lambda", "Throttles", "Sum", {})
    with pytest.raises(EnvironmentFault, match=f"AWS/Lambda Throttles.*{statuses[-1]}"):
        read(_Answering(*statuses), metric, 0.0, 5.0)


@pytest.mark.parametrize("statuses", [("Complete",), ("PartialData", "Complete"), ("InternalError", "Complete")])
def test_a_metric_whose_last_page_is_complete_was_read(statuses: tuple[str, ...]) -> None:
    assert read(_Answering(*statuses), Metric.of("AWS/Lambda", "Throttles", "Sum", {}), 0.0, 5.0).points == ()

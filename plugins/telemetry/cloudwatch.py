"""Reads series from CloudWatch, by the same call on both targets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from infrastructure.errors import EnvironmentFault
from plugins.telemetry.timeline import Series

_WHOLE = "Complete"


class MetricsPlatform(Protocol):
    """What this module needs of a platform."""

    @property
    def metric_period_s(self) -> float: ...  # how often the platform reports, seconds

    def client(self, service: str) -> Any: ...  # a boto3 client


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One CloudWatch metric with the statistic to read: Average, Sum, Minimum, Maximum, SampleCount or a pNN."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    unit: str = ""

    @classmethod
    def of(cls, namespace: str, name: str, stat: str, dimensions: Mapping[str, str], unit: str = "") -> "Metric":
        return cls(namespace=namespace, name=name, dimensions=tuple(sorted(dimensions.items())), stat=stat, unit=unit)


def read(platform: MetricsPlatform, metric: Metric, start: float, end: float) -> Series:
    """`metric` from `start` to `end` (Unix seconds), one point per reporting period, stamped with the period's start.

    Periods without data have no point (CloudWatch returns none either). `EnvironmentFault` when CloudWatch did not give
    all of it: what is kept back is no silence. Only the last page counts, since the next one completes a partial one.
    The window is widened to whole periods:
    CloudWatch aligns periods to the clock, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """
    period = max(1, math.ceil(platform.metric_period_s))
    first, last = math.floor(start / period) * period, math.ceil(end / period) * period
    points: list[tuple[float, float]] = []
    status, name = "no result", f"{metric.namespace} {metric.name} ({metric.stat})"
    pages = (
        platform.client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=[_query(metric, period)],
            StartTime=datetime.fromtimestamp(first, UTC),
            EndTime=datetime.fromtimestamp(last, UTC),
            ScanBy="TimestampAscending",
        )
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            stamps = (stamp.timestamp() for stamp in result["Timestamps"])
            points.extend(zip(stamps, result["Values"], strict=True))
            status = result["StatusCode"]
    if status != _WHOLE:
        raise EnvironmentFault(
            f"CloudWatch did not give all of {name}, but {status}: Forbidden wants cloudwatch:GetMetricData, any other"
            " another try"
        )
    return Series(name=name, unit=metric.unit, points=tuple(sorted(points)), period_s=period)


def _query(metric: Metric, period: int) -> dict[str, object]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {
        "Id": "m",
        "MetricStat": {
            "Metric": {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions},
            "Period": period,
            "Stat": metric.stat,
        },
    }

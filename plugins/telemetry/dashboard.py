"""The series every chart of a run shows beside what the load generator measured."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from plugins.telemetry.cloudwatch import Metric, MetricsPlatform, read
from plugins.telemetry.timeline import Series


class DashboardPlatform(MetricsPlatform, Protocol):
    """What this module needs of a platform."""

    def output(self, key: str) -> str: ...  # a stack output


def cpu_metric(platform: DashboardPlatform, service: str) -> Metric:
    """CPU of an ECS service as a share of its allotment, as AWS itself reports it."""
    name = platform.output(f"{service.capitalize()}ServiceName")
    dimensions = {"ClusterName": platform.output("ClusterName"), "ServiceName": name}
    return Metric.of("AWS/ECS", "CPUUtilization", "Average", dimensions, unit="%")


def charted(
    platform: DashboardPlatform, service: str, start: float, end: float, note: Callable[[str], None]
) -> tuple[Series, ...]:
    """What a chart of `service` shows from `start` to `end` (Unix seconds): its CPU in percent of its allotment.

    No verdict hangs on it, so CloudWatch that cannot be read leaves it out and is told to `note`.
    """
    try:
        series = read(platform, cpu_metric(platform, service), start, end)
    except Exception as crash:  # noqa: BLE001 - see above
        note(f"no CPU in the chart: {type(crash).__name__}: {crash}")
        return ()
    return (replace(series, name=f"CPU of {service}", unit="% of the allotment"),)

"""The series every chart of a run shows beside what the load generator measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from plugins.telemetry.cloudwatch import MetricsPlatform, read
from plugins.telemetry.cpu import Outputs, cpu_metric, has_cpu_metric
from plugins.telemetry.timeline import Series
from services.catalog import SERVICES, Service


class DashboardPlatform(MetricsPlatform, Outputs, Protocol):
    """What this module needs of a platform."""


def charted(
    platform: DashboardPlatform,
    start: float,
    end: float,
    note: Callable[[str], None],
    services: Sequence[Service] = SERVICES,
) -> tuple[Series, ...]:
    """What every chart shows from `start` to `end` (Unix seconds): each service's CPU in percent of its allotment.

    No verdict hangs on it, so what CloudWatch does not give is left out, and reported to `note`.
    """
    return tuple(_cpu(platform, start, end, note, services))


def _cpu(
    platform: DashboardPlatform, start: float, end: float, note: Callable[[str], None], services: Sequence[Service]
) -> Iterator[Series]:
    for service in filter(has_cpu_metric, services):
        try:
            series = read(platform, cpu_metric(platform, service), start, end)
        except Exception as crash:  # noqa: BLE001 - see `charted`
            note(f"no CPU in the chart of {service.name}: {type(crash).__name__}: {crash}")
        else:
            yield replace(series, name=f"CPU of {service.name}", unit="% of the allotment")

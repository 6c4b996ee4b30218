"""Holds each stage of a load run against its SLO. Pure: a result in, reports out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plugins.load.arrivals import Stages
from plugins.load.result import LoadResult, Window
from plugins.slo import Slo, SloReport, Verdict
from plugins.telemetry.timeline import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """One stage: when it was, what was measured in it, and how that compares."""

    span: Span
    window: Window
    slo: SloReport

    @property
    def verdict(self) -> Verdict:
        return self.slo.verdict


def judge_stages(
    stages: Stages, slos: Mapping[str, Slo], result: LoadResult, started_at: float
) -> tuple[StageReport, ...]:
    """Every stage of a schedule that began at `started_at` (Unix seconds), each on its own window."""
    reports = []
    for offset, stage in stages.offsets():
        start = started_at + offset
        span = Span(name=stage.name, start=start, end=start + stage.arrivals.duration_s)
        window = result.window(span.start, span.end)
        slo = slos[stage.name]
        judged = Slo(f"{stage.name}: {slo.name}", slo.objectives).judge(window.indicators(), samples=window.samples)
        reports.append(StageReport(span=span, window=window, slo=judged))
    return tuple(reports)


def verdict_of(reports: Iterable[StageReport]) -> Verdict:
    """All stages together."""
    return Verdict.all_of(report.verdict for report in reports)

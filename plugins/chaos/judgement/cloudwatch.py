"""What an experiment asks of CloudWatch: raised alarms while it runs; anomalies and sums per request afterwards."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from infrastructure.cloud import Platform
from plugins.chaos.experiment_run import ExperimentRun
from plugins.chaos.judgement.measure import Figures, compared
from plugins.chaos.scenario import Expected, Source, resolved
from plugins.chaos.stop import AlarmRaised
from plugins.chaos.trace import Phase
from plugins.slo import Verdict
from plugins.telemetry.anomaly import AnomalyResult
from plugins.telemetry.cloudwatch import Metric, read
from plugins.telemetry.timeline import Series, Span


def alarms(run: ExperimentRun) -> Callable[[], frozenset[str]]:
    """The alarms that are raised; CloudWatch is only asked where a stop condition wants to know."""
    if not any(isinstance(condition, AlarmRaised) for condition in run.scenario.stops):
        return frozenset

    def raised() -> frozenset[str]:
        found = run.platform.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
        return frozenset(alarm["AlarmName"] for alarm in found)

    return raised


def anomalies(run: ExperimentRun, spans: Mapping[Phase, Span]) -> Iterator[AnomalyResult]:
    """What CloudWatch has to show; asked only where all three windows were watched to their ends."""
    if len(spans) == len((Phase.BASELINE, Phase.OBSERVE, Phase.RECOVERY)):
        for expected in run.scenario.anomalies:
            yield _anomaly(run.platform, expected, spans)


def with_ratios(run: ExperimentRun, figures: Figures) -> Figures:
    """Adds the indicators per request; one that cannot be read stays None, and so inconclusive."""
    ratios: dict[str, float] = {}
    for ratio in run.scenario.per_request:
        series = _read(run.platform, ratio.source, figures.span.start, figures.span.end)
        if figures.samples and isinstance(series, Series):
            ratios[ratio.name] = sum(series.values) / figures.samples
    return replace(figures, indicators={**figures.indicators, **ratios})


def _anomaly(platform: Platform, expected: Expected, spans: Mapping[Phase, Span]) -> AnomalyResult:
    before, during, after = compared(spans)
    series = _read(platform, expected.source, before.start, after.end)
    if isinstance(series, str):
        return AnomalyResult(verdict=Verdict.INCONCLUSIVE, text=f"{expected.anomaly.name}: {series}")
    return expected.anomaly.check(series, before, during, after)


def _read(platform: Platform, source: Source, start: float, end: float) -> Series | str:
    """The series, or why there is none."""

    def known(key: str) -> str:
        return platform.environment.suffix if key == "EnvironmentName" else platform.output(key)

    dimensions = {name: resolved(value, known) for name, value in source.dimensions}
    try:
        return read(platform, Metric.of(source.namespace, source.metric, source.stat, dimensions), start, end)
    except Exception as crash:  # noqa: BLE001 - whatever it was, CloudWatch not read is CloudWatch silent
        return f"CloudWatch could not be read: {type(crash).__name__}: {crash}"

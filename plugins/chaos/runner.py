"""Runs one scenario against a platform: sets up the bench, lets the machine run, gathers what is known, judges it."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from infrastructure.cloud import Platform
from plugins.books.captures import CaptureTimeline, read_captures
from plugins.books.reconcile import reconcile
from plugins.chaos import evidence as telling
from plugins.chaos.experiment import Bench, Experiment
from plugins.chaos.fault import Fault
from plugins.chaos.guard import Watchdog
from plugins.chaos.journal import Journal, Origin
from plugins.chaos.judge import BooksResult, Evidence, judge
from plugins.chaos.measure import Figures, measure, recovery_time, whole_periods, windows, with_captures
from plugins.chaos.pulse import WallPulse, interruptible
from plugins.chaos.reach import reach
from plugins.chaos.restore import check_clear, restore
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source, Windows, resolved
from plugins.chaos.stop import AlarmRaised
from plugins.chaos.trace import Phase, Trace
from plugins.chaos.traffic import OrderTraffic
from plugins.environment.lease import Held
from plugins.load.folder import run_name
from plugins.load.result import LoadResult
from plugins.reporting.progress import Progress
from plugins.reporting.record import RunRecord
from plugins.slo import Verdict
from plugins.telemetry.anomaly import AnomalyResult
from plugins.telemetry.cloudwatch import Metric, read
from plugins.telemetry.dashboard import charted
from plugins.telemetry.timeline import Series, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One experiment as it is to be done. `reports` takes its raw data; `watchdog` is None where none is needed."""

    scenario: Scenario
    fault: Fault
    windows: Windows
    platform: Platform
    held: Held
    watchdog: Watchdog | None
    progress: Progress
    reports: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A judged run. `told` is for the terminal; `is_interrupted`: somebody asked the whole test run to end."""

    verdict: Verdict
    record: RunRecord
    told: str
    is_interrupted: bool


def perform(run: Run) -> Outcome:
    """Do the experiment and judge it. Raises only where nothing was touched, or where the run is ended at once."""
    pulse = WallPulse()
    name = run_name(f"chaos-{run.scenario.id}")
    folder = run.reports / name
    journal = Journal.of(run.platform.state.journal, name, pulse.now)
    load = OrderTraffic(run.scenario, run.windows, run.platform, folder, pulse.now)
    with interruptible(pulse):
        with ExitStack() as shown:
            bench = Bench(
                cloud=run.platform,
                load=load,
                pulse=pulse,
                journal=journal,
                origin=_origin(run, name),
                is_held=run.held.is_valid,
                clear=lambda: check_clear(restore(run.platform.state, reach)),
                arm=run.watchdog.arm if run.watchdog else lambda: None,
                alarms=_alarms(run),
                enter=_shown(run.progress, shown),
            )
            machine = Experiment(scenario=run.scenario, fault=run.fault, windows=run.windows, bench=bench)
            trace = machine.run()
        result = load.result()
        books = _books(run, result) if result and not pulse.is_interrupted else None
        captures = _captures(run, trace, result) if books and result else None
        evidence = _gather(run, trace, result, books, captures)
    judgement = judge(evidence)
    series = _charted(run, result, captures) if result is not None else ()
    log = journal.text()
    journal.discard()
    return Outcome(
        verdict=judgement.verdict,
        record=telling.record(evidence, judgement, series=series, journal=log, folder=folder),
        told=f"{telling.told(evidence, judgement)}\n  raw data: {folder}",
        is_interrupted=pulse.is_interrupted,
    )


def _gather(
    run: Run, trace: Trace, result: LoadResult | None, books: BooksResult | None, captures: CaptureTimeline | None
) -> Evidence:
    """Measure every window and ask CloudWatch; nothing more is asked of an interrupted run."""
    scenario, spans = run.scenario, windows(trace)
    figures = {}
    if result:
        figures = {phase: measure(span, result.window, scenario.clean_statuses) for phase, span in spans.items()}
    if captures:
        figures = {phase: with_captures(known, captures.window) for phase, known in figures.items()}
    if Phase.OBSERVE in figures and not trace.is_interrupted:
        figures[Phase.OBSERVE] = _with_ratios(run, figures[Phase.OBSERVE])
    scale = run.platform.environment.slo.latency_scale

    def rto_s(recovery: Recovery | None, source: LoadResult | CaptureTimeline | None) -> float | None:
        return recovery_time(trace, recovery.stretched(scale), source.window) if recovery and source else None

    return Evidence(
        scenario=scenario,
        trace=trace,
        figures=figures,
        rto_s=rto_s(scenario.recovery, result),
        capture_rto_s=rto_s(scenario.capture_recovery, captures),
        books=books,
        anomalies=() if trace.is_interrupted else tuple(_anomalies(run, spans)),
        latency_scale=scale,
    )


def _captures(run: Run, trace: Trace, result: LoadResult) -> CaptureTimeline | None:
    """The captures of the run's own orders, once the books have settled; None where they are no part of the claim."""
    if run.scenario.capture_recovery is None:
        return None
    try:
        ours = {attempt.order_id for attempt in result.attempts if attempt.order_id}
        return CaptureTimeline(tuple(capture for capture in read_captures(run.platform) if capture.order_id in ours))
    except Exception as crash:  # noqa: BLE001 - whatever it was: unread captures prove nothing, and that is in the verdict
        trace.crashes.append(f"captures: {type(crash).__name__}: {crash}")
        return None


def _charted(run: Run, result: LoadResult, captures: CaptureTimeline | None) -> tuple[Series, ...]:
    cpu = charted(run.platform, result.started, result.ended, run.progress.note)
    return *result.series(), *cpu, *(captures.series() if captures else ())


def _origin(run: Run, experiment: str) -> Origin:
    return Origin(
        experiment=experiment,
        scenario=run.scenario.id,
        environment=run.platform.environment.name,
        target=run.platform.target,
        platform_id=run.platform.status().platform_id,
        pid=os.getpid(),
        lease_id=run.held.id,
    )


def _books(run: Run, result: LoadResult) -> BooksResult:
    report = reconcile(run.platform, result.history)
    lost = None if report.verdict is Verdict.INCONCLUSIVE else report.lost
    return BooksResult(verdict=report.verdict, reasons=report.reasons, lost=lost, text=str(report))


def _anomalies(run: Run, spans: Mapping[Phase, Span]) -> Iterable[AnomalyResult]:
    """What CloudWatch has to show; asked only where all three windows were watched to their ends."""
    if len(spans) == len((Phase.BASELINE, Phase.OBSERVE, Phase.RECOVERY)):
        for expected in run.scenario.anomalies:
            yield _anomaly(run.platform, expected, spans)


def _anomaly(platform: Platform, expected: Expected, spans: Mapping[Phase, Span]) -> AnomalyResult:
    before, during, after = whole_periods(spans, platform.metric_period_s)
    series = _read(platform, expected.source, before.start, after.end)
    if isinstance(series, str):
        return AnomalyResult(verdict=Verdict.INCONCLUSIVE, text=f"{expected.anomaly.name}: {series}")
    return expected.anomaly.check(series, before, during, after)


def _with_ratios(run: Run, figures: Figures) -> Figures:
    """Adds the indicators per request; one that cannot be read stays None, and so inconclusive."""
    ratios: dict[str, float] = {}
    for ratio in run.scenario.per_request:
        series = _read(run.platform, ratio.source, figures.span.start, figures.span.end)
        if figures.samples and isinstance(series, Series):
            ratios[ratio.name] = sum(series.values) / figures.samples
    return replace(figures, indicators={**figures.indicators, **ratios})


def _read(platform: Platform, source: Source, start: float, end: float) -> Series | str:
    """The series, or why there is none."""

    def known(key: str) -> str:
        return platform.environment.suffix if key == "EnvironmentName" else platform.output(key)

    dimensions = {name: resolved(value, known) for name, value in source.dimensions}
    try:
        return read(platform, Metric.of(source.namespace, source.metric, source.stat, dimensions), start, end)
    except Exception as crash:  # noqa: BLE001 - whatever it was, CloudWatch not read is CloudWatch silent
        return f"CloudWatch could not be read: {type(crash).__name__}: {crash}"


def _alarms(run: Run) -> Callable[[], frozenset[str]]:
    """The alarms that are raised; CloudWatch is only asked where a stop condition wants to know."""
    if not any(isinstance(condition, AlarmRaised) for condition in run.scenario.stops):
        return frozenset

    def raised() -> frozenset[str]:
        alarms = run.platform.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
        return frozenset(alarm["AlarmName"] for alarm in alarms)

    return raised


def _shown(progress: Progress, shown: ExitStack) -> Callable[[Phase, float], None]:
    """Each phase ends the line of the one before; phases without a length of their own are notes."""

    def enter(phase: Phase, seconds: float) -> None:
        shown.close()
        if seconds:
            shown.enter_context(progress.phase(phase, seconds))
        else:
            progress.note(phase)

    return enter

"""Gathers what is known of an experiment that is over: the load's result, books and captures, then the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass

from plugins.books.captures import CaptureTimeline
from plugins.books.reconcile import reconcile
from plugins.books.stages import Stage
from plugins.chaos.experiment_run import ExperimentRun
from plugins.chaos.judgement.cloudwatch import anomalies, with_ratios
from plugins.chaos.judgement.evidence import BooksResult, Evidence
from plugins.chaos.judgement.measure import Figures, measure, recovery_time, windows, with_captures
from plugins.chaos.scenario import Recovery
from plugins.chaos.trace import Phase, Trace
from plugins.load.result import LoadResult
from plugins.reporting.impact import Felt
from plugins.slo import Verdict
from plugins.telemetry.dashboard import charted
from plugins.telemetry.timeline import Series, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class RawData:
    """What a run left; None for each that there is none of."""

    result: LoadResult | None
    books: BooksResult | None = None
    stages: tuple[CaptureTimeline, ...] = ()


def collect(run: ExperimentRun, trace: Trace, result: LoadResult, letters_before: int | None) -> RawData:
    """The load's result with its books, and with the stages that are a part of the claim."""
    books = _books(run, result, letters_before)
    timelines = (_timeline(run, trace, result, stage) for stage in run.scenario.stages)
    return RawData(result=result, books=books, stages=tuple(one for one in timelines if one is not None))


def gather(run: ExperimentRun, trace: Trace, data: RawData) -> Evidence:
    """Measure every window and ask CloudWatch; nothing more is asked of an interrupted run."""
    scenario, spans = run.scenario, windows(trace)
    return Evidence(
        scenario=scenario,
        trace=trace,
        figures=_figures(run, trace, data, spans),
        rto_s=_rto_s(run, trace, scenario.recovery, data.result),
        stage_rtos=_stage_rtos(run, trace, data.stages),
        books=data.books,
        felt=_felt(data.result, spans),
        anomalies=() if trace.is_interrupted else tuple(anomalies(run, spans)),
        latency_scale=run.platform.environment.slo.latency_scale,
    )


def charts(run: ExperimentRun, data: RawData) -> tuple[Series, ...]:
    """The lines of the run's timeline; none of a run without load."""
    result = data.result
    if result is None:
        return ()
    cpu = charted(run.platform, result.started, result.ended, run.progress.note)
    return *result.series(), *cpu, *(series for stage in data.stages for series in stage.series())


def _figures(run: ExperimentRun, trace: Trace, data: RawData, spans: Mapping[Phase, Span]) -> Mapping[Phase, Figures]:
    if data.result is None:
        return {}
    window, clean = data.result.window, run.scenario.clean_statuses
    figures = {phase: measure(span, window, clean) for phase, span in spans.items()}
    for stage in data.stages:
        figures = {phase: with_captures(known, stage.window) for phase, known in figures.items()}
    if Phase.OBSERVE in figures and not trace.is_interrupted:
        figures[Phase.OBSERVE] = with_ratios(run, figures[Phase.OBSERVE])
    return figures


def _felt(result: LoadResult | None, spans: Mapping[Phase, Span]) -> Felt | None:
    """Over all that was measured: what fails before the fault and after it is felt as well."""
    if result is None or not spans:
        return None
    return result.felt(min(span.start for span in spans.values()), max(span.end for span in spans.values()))


def _rto_s(
    run: ExperimentRun, trace: Trace, recovery: Recovery | None, source: LoadResult | CaptureTimeline | None
) -> float | None:
    if recovery is None or source is None:
        return None
    return recovery_time(trace, recovery.stretched(run.platform.environment.slo.latency_scale), source.window)


def _books(run: ExperimentRun, result: LoadResult, letters_before: int | None) -> BooksResult:
    report = reconcile(run.platform, result.history, letters_before=letters_before)
    is_known = report.verdict is not Verdict.INCONCLUSIVE
    lost, doubled = (report.lost, report.doubled) if is_known else (None, None)
    return BooksResult(verdict=report.verdict, reasons=report.reasons, lost=lost, doubled=doubled, text=str(report))


def _timeline(run: ExperimentRun, trace: Trace, result: LoadResult, stage: Stage) -> CaptureTimeline | None:
    """The way of the run's own orders through a stage, once the books have settled; None where it cannot be read."""
    try:
        ours = {attempt.order_id for attempt in result.attempts if attempt.order_id}
        return CaptureTimeline(tuple(one for one in stage.read(run.platform) if one.order_id in ours), stage.name)
    except Exception as crash:  # noqa: BLE001 - whatever it was: what is unread proves nothing, and that is in the verdict
        trace.crashes.append(f"{stage.name}s: {type(crash).__name__}: {crash}")
        return None


def _stage_rtos(run: ExperimentRun, trace: Trace, stages: tuple[CaptureTimeline, ...]) -> Mapping[str, float | None]:
    read = {timeline.stage: timeline for timeline in stages}
    return {
        stage.name: _rto_s(run, trace, recovery, read.get(stage.name))
        for stage, recovery in run.scenario.stages.items()
    }

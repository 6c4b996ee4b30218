"""An experiment as somebody who was not there reads it: verdict first, then phases, symptom, undo, books."""

import math
from collections.abc import Iterable
from pathlib import Path

from plugins.books.stages import STAGES
from plugins.chaos.judgement.evidence import Evidence
from plugins.chaos.judgement.judge import Judgement
from plugins.chaos.scenario import INJECTION
from plugins.chaos.trace import Phase, Trace
from plugins.reporting.impact import Back, Course, Impact
from plugins.reporting.record import Attachment, RunRecord, Step
from plugins.slo import SloReport, Verdict, unit_of
from plugins.telemetry.timeline import Series, Timeline

_BOOK_LINES = 20
"""Of the books on the terminal; a broken platform can fill hundreds, and the first few show what went wrong."""

_OF_STAGES = tuple(f"{stage.name}.{what}" for stage in STAGES for what in ("p50", "p99", "rate"))
_INDICATORS = ("p50", "p95", "p99", "errors", "goodput", *_OF_STAGES)
"""Of each phase, in the history."""

_WHEN = {Phase.BASELINE: "before", Phase.OBSERVE: "during", Phase.RECOVERY: "after"}
_COUNTED_FROM = {"inject": "injection", "rollback": "rollback"}


def record(
    evidence: Evidence, judgement: Judgement, *, series: tuple[Series, ...], journal: str, folder: Path
) -> RunRecord:
    """The run for every exporter; `journal` is its file's text, `folder` where the load's raw data lies."""
    scenario, trace = evidence.scenario, evidence.trace
    spans = tuple(figures.span for figures in evidence.figures.values())
    return RunRecord(
        kind="chaos",
        name=scenario.id,
        title=scenario.title,
        story=scenario.hypothesis,
        verdict=judgement.verdict,
        impact=impact(evidence),
        reasons=judgement.reasons,
        started=trace.spans[0].start,
        ended=trace.spans[-1].end,
        steps=tuple(_steps(evidence, judgement.slos)),
        slos=judgement.slos,
        timeline=Timeline(series=series, spans=spans),
        attachments=tuple(_attachments(evidence, journal)),
        metrics=tuple(_metrics(evidence)),
        evidence=(folder,),
    )


def render(evidence: Evidence, judgement: Judgement) -> str:
    """The same for the terminal: reasons first, then what was seen."""
    trace, books = evidence.trace, evidence.books
    lines = [f"{evidence.scenario.id}: {judgement.verdict.upper()}", f"  {impact(evidence)}"]
    lines += [f"  because {reason}" for reason in judgement.reasons]
    lines += [f"  {line}" for report in judgement.slos for line in str(report).splitlines()]
    lines.append(f"  symptom: {_symptom(trace)}")
    lines.append(f"  undo: {trace.undo or 'nothing was injected'}")
    lines += [f"  CloudWatch: {anomaly.verdict.upper()} {anomaly.text}" for anomaly in evidence.anomalies]
    page = (books.text if books else "books: not opened").splitlines()
    lines += [f"  {line}" for line in page[:_BOOK_LINES]]
    if len(page) > _BOOK_LINES:
        lines.append(f"    … {len(page) - _BOOK_LINES} more lines are in the report")
    return "\n".join(lines)


def impact(evidence: Evidence) -> Impact:
    """Who felt it, how latency went, when it was good again, what the books say is lost."""
    scenario, books = evidence.scenario, evidence.books
    recoveries = (
        (scenario.recovery, evidence.rto_s, "back"),
        *((how, evidence.stage_rtos.get(one.name), one.again) for one, how in scenario.stages.items()),
    )
    return Impact(
        felt=(evidence.felt,) if evidence.felt else (),
        courses=tuple(
            filter(None, (_course(evidence, "p95"), *(_course(evidence, f"{one.name}.p95") for one in STAGES)))
        ),
        back=tuple(
            Back(after_s=after_s, counted_from=_COUNTED_FROM[recovery.counted_from], what=what)
            for recovery, after_s, what in recoveries
            if recovery is not None and after_s is not None
        ),
        lost=books.lost if books else None,
        doubled=books.doubled if books else None,
    )


def _course(evidence: Evidence, indicator: str) -> Course | None:
    """One indicator before, during and after; None where no phase measured it."""
    found = tuple((_WHEN[phase], figures.indicators.get(indicator)) for phase, figures in evidence.figures.items())
    is_known = any(value is not None for _, value in found)
    return Course(name=indicator, unit=unit_of(indicator) or "", values=found) if is_known else None


def _steps(evidence: Evidence, slos: tuple[SloReport, ...]) -> Iterable[Step]:
    reports = dict(zip(evidence.figures, slos, strict=True))
    details = {
        Phase.OBSERVE: f"symptom: {_symptom(evidence.trace)}",
        Phase.ROLLBACK: f"undo: {evidence.trace.undo or 'nothing was injected'}",
    }
    for span in evidence.trace.spans:
        phase = Phase(span.name)
        report = reports.get(phase)
        detail = "\n".join(filter(None, (details.get(phase), str(report) if report else None)))
        verdict = report.verdict if report else _of_act(phase, evidence.trace)
        yield Step(name=span.name, start=span.start, end=span.end, verdict=verdict, detail=detail)


def _of_act(phase: Phase, trace: Trace) -> Verdict:
    """The verdict of a phase that does something and measures nothing."""
    if phase is Phase.ROLLBACK and trace.undo is not None:
        return Verdict.PASS if trace.undo.is_proven else Verdict.FAIL
    is_crashed = any(crash.startswith(f"{phase}:") for crash in trace.crashes)
    return Verdict.INCONCLUSIVE if is_crashed else Verdict.PASS


def _attachments(evidence: Evidence, journal: str) -> Iterable[Attachment]:
    if evidence.trace.plan is not None:
        yield Attachment(name="plan", media_type="application/json", body=evidence.trace.plan.to_json())
    if journal:
        yield Attachment(name="journal", media_type="text/plain", body=journal)
    if evidence.anomalies:
        anomalies = "\n".join(f"{anomaly.verdict.upper()} {anomaly.text}" for anomaly in evidence.anomalies)
        yield Attachment(name="CloudWatch anomalies", media_type="text/plain", body=anomalies)
    if evidence.books is not None:
        yield Attachment(name="books", media_type="text/plain", body=evidence.books.text)


def _metrics(evidence: Evidence) -> Iterable[tuple[str, float, str]]:
    stages = ((f"{stage}.rto", seconds) for stage, seconds in evidence.stage_rtos.items())
    for name, seconds in ((INJECTION, evidence.trace.injection_s), ("rto", evidence.rto_s), *stages):
        if seconds is not None and math.isfinite(seconds):
            yield name, seconds, "s"
    if evidence.books is not None and evidence.books.lost is not None:
        yield "rpo", float(evidence.books.lost), "orders"
    for figures in evidence.figures.values():
        for name in _INDICATORS:
            value = figures.indicators.get(name)
            if value is not None:
                yield f"{figures.span.name} {name}", value, unit_of(name) or ""


def _symptom(trace: Trace) -> str:
    observed = trace.span(Phase.OBSERVE)
    if trace.symptom is None or trace.symptom_at is None or observed is None:
        return "none"
    return f"{trace.symptom} (seen {trace.symptom_at - observed.start:.2f} s after the injection)"

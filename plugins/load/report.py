"""A load run as a record, and as text for the terminal. Pure."""

from collections.abc import Iterator
from pathlib import Path

from plugins.load.errors import LoadError
from plugins.load.evidence import LoadEvidence, reasons
from plugins.load.hdr import to_text
from plugins.load.scenario import LoadScenario
from plugins.reporting.impact import Course, Impact
from plugins.reporting.record import Attachment, RunRecord, Step
from plugins.slo import Verdict
from plugins.telemetry.timeline import Timeline

_FIGURES = (("p50", "ms"), ("p95", "ms"), ("p99", "ms"), ("errors", "%"), ("goodput", "/s"), ("slip", "ms"))


def render(evidence: LoadEvidence) -> str:
    """The whole verdict as text: every objective of every stage, errors by kind, the books."""
    lines = [f"{evidence.scenario.title}: {evidence.verdict.upper()}", f"  {impact(evidence)}"]
    for stage in evidence.stages:
        lines += str(stage.slo).splitlines()
        lines += [f"    {count} x {kind}" for kind, count in stage.window.errors.items()]
    return "\n".join((*lines, str(evidence.books), f"raw data: {evidence.result.folder}"))


def record(evidence: LoadEvidence) -> RunRecord:
    """The record of the run: a step for each stage and one for the books."""
    spans = tuple(stage.span for stage in evidence.stages)
    folder = evidence.result.folder
    return RunRecord(
        kind="load",
        name=evidence.scenario.name,
        title=evidence.scenario.title,
        story=evidence.scenario.story,
        verdict=evidence.verdict,
        impact=impact(evidence),
        reasons=reasons(evidence),
        started=spans[0].start,
        ended=evidence.reconciled[1],
        steps=tuple(_steps(evidence)),
        slos=tuple(stage.slo for stage in evidence.stages),
        timeline=Timeline(series=(*evidence.result.series(), *evidence.dashboard), spans=spans),
        attachments=tuple(_attachments(evidence, folder)),
        metrics=tuple(_metrics(evidence)),
        evidence=(folder,),
    )


def impact(evidence: LoadEvidence) -> Impact:
    """How many requests failed, how latency went through the stages, what the books say is lost."""
    result, books = evidence.result, evidence.books
    is_known = books.verdict is not Verdict.INCONCLUSIVE
    p95 = tuple((stage.span.name, stage.window.indicators()["p95"]) for stage in evidence.stages)
    return Impact(
        felt=(result.felt(result.started, result.ended),),
        courses=(Course(name="p95", unit="ms", values=p95),),
        lost=books.lost if is_known else None,
        doubled=books.doubled if is_known else None,
    )


def record_without_load(
    scenario: LoadScenario, reason: LoadError, started: float, ended: float, folder: Path
) -> RunRecord:
    """The record of a run whose generator gave way: it proves nothing, and holds why. Times in Unix seconds."""
    return RunRecord(
        kind="load",
        name=scenario.name,
        title=scenario.title,
        story=scenario.story,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(reason.args[0],),
        started=started,
        ended=ended,
        attachments=(Attachment(name="verdict", media_type="text/plain", body=f"{reason}\nraw data: {folder}"),),
        evidence=(folder,),
    )


def _steps(evidence: LoadEvidence) -> Iterator[Step]:
    for stage in evidence.stages:
        yield Step(
            name=stage.span.name,
            start=stage.span.start,
            end=stage.span.end,
            verdict=stage.verdict,
            detail=str(stage.slo),
        )
    start, end = evidence.reconciled
    yield Step(name="books", start=start, end=end, verdict=evidence.books.verdict, detail=str(evidence.books))


def _attachments(evidence: LoadEvidence, folder: Path) -> Iterator[Attachment]:
    yield Attachment(name="verdict", media_type="text/plain", body=render(evidence))
    yield Attachment(name="plan", media_type="application/json", body=(folder / "plan.json").read_text("utf-8"))
    for stage in evidence.stages:
        if stage.window.samples:
            yield Attachment(
                name=f"latency distribution, {stage.span.name} (ms)",
                media_type="text/plain",
                body=to_text(stage.window.latency),
            )


def _metrics(evidence: LoadEvidence) -> Iterator[tuple[str, float, str]]:
    for stage in evidence.stages:
        indicators = stage.window.indicators()
        for name, unit in _FIGURES:
            value = indicators[name]
            if value is not None:
                yield f"{stage.span.name}.{name}", value, unit

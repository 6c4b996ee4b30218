"""From the evidence of a stress run to its record. Pure."""

from statistics import median
from typing import TYPE_CHECKING

from plugins.reporting.impact import Course, Felt, Impact
from plugins.reporting.record import RunRecord, Step
from plugins.slo import Verdict
from plugins.stress.cpu.runner import StressEvidence, indicators
from plugins.telemetry import Span

if TYPE_CHECKING:
    from plugins.stress.cpu.claim import CpuClaim


def judge(claim: "CpuClaim", evidence: StressEvidence) -> RunRecord:
    """Held, answering and calm, each judged on its own stretch of time; never pooled."""
    spans = {span.name: span for span in evidence.timeline.spans}
    held = _cpu(evidence, spans["held"].start, spans["held"].end)
    calm = _cpu(evidence, spans["calm"].start, spans["calm"].end)
    under_stress = indicators(evidence.probes)
    reports = (
        claim.held.judge({"cpu": held}),
        claim.answering.judge(under_stress, samples=len(evidence.probes)),
        claim.calm.judge({"cpu": calm}),
    )
    steps = tuple(
        Step(name=report.name, start=spans[span].start, end=spans[span].end, verdict=report.verdict, detail=str(report))
        for report, span in zip(reports, ("held", "held", "calm"), strict=True)
    )
    return RunRecord(
        kind="stress",
        name=claim.id,
        title=claim.service.stress.story,
        story=f"{claim.service.name} is driven to {claim.service.stress.target_cpu:g} % of its CPU allotment.",
        verdict=Verdict.all_of(report.verdict for report in reports),
        impact=_impact(held, _share_held(claim, evidence, spans["held"]), calm, evidence),
        reasons=tuple(reason for report in reports for reason in report.reasons),
        started=evidence.timeline.spans[0].start,
        ended=evidence.timeline.spans[-1].end,
        steps=steps,
        slos=reports,
        timeline=evidence.timeline,
        metrics=_metrics(held, _share_held(claim, evidence, spans["held"]), calm, under_stress),
    )


def _impact(held: float | None, share: float | None, calm: float | None, evidence: StressEvidence) -> Impact:
    """How many health requests failed meanwhile, and where the CPU was held."""
    probes = evidence.probes
    cpu = Course(name="cpu", unit="%", values=(("held", held), ("afterwards", calm)))
    health = Course(name="health p95", unit="ms", values=(("meanwhile", indicators(probes).get("p95")),))
    return Impact(
        felt=(Felt(failed=sum(probe.took_s is None for probe in probes), of=len(probes), what="health requests"),),
        courses=(health, cpu),
        notes=() if share is None else (f"{share:.0f} % of the periods within tolerance",),
    )


def _cpu(evidence: StressEvidence, start: float, end: float) -> float | None:
    """The median over the periods.

    The run makes the service scale out, and the period in which a task starts says nothing of the controller: the new
    task's start-up may burn twice its allotment, or its allotment counts before it does any work. The share of periods
    within the tolerance is reported beside it.
    """
    values = evidence.cpu.within(start, end).values
    return median(values) if values else None


def _share_held(claim: "CpuClaim", evidence: StressEvidence, span: Span) -> float | None:
    values = evidence.cpu.within(span.start, span.end).values
    objective = claim.held.objectives[0]
    within = [value for value in values if objective.judge(value).verdict is Verdict.PASS]
    return 100.0 * len(within) / len(values) if values else None


def _metrics(
    held: float | None, share: float | None, calm: float | None, probes: dict[str, float | None]
) -> tuple[tuple[str, float, str], ...]:
    found = (
        ("cpu held", held, "%"),
        ("periods in tolerance", share, "%"),
        ("cpu afterwards", calm, "%"),
        ("health p95", probes.get("p95"), "ms"),
    )
    return tuple((name, value, unit) for name, value, unit in found if value is not None)

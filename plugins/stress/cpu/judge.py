"""From the evidence of a stress run to its record. Pure."""

import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from plugins.reporting.impact import Back, Course, Impact
from plugins.reporting.record import RunRecord, Step
from plugins.slo import SloReport, Verdict, plain
from plugins.stress.cpu.runner import BACK_S, StressEvidence
from plugins.stress.probing import felt, indicators
from plugins.telemetry import Series, Span

if TYPE_CHECKING:
    from plugins.stress.cpu.claim import CpuClaim

FULL = 5.0
"""Percent of a machine's CPU: with less of it idle, whoever wants more waits."""


def judge(claim: "CpuClaim", evidence: StressEvidence) -> RunRecord:
    """Held, worked, answering, stopped, calm, each judged on its own stretch of time; and what the others promised."""
    seen, probed = measured(claim, evidence), indicators(evidence.probes)
    own = tuple(
        slo.stretched(evidence.latency_scale).judge(probed, samples=len(evidence.probes))
        if slo is claim.answering
        else slo.judge(seen)
        for slo in claim.slos
    )
    if _is_starved(claim, evidence, seen["cpu"]):
        own = (_doubted(own[0], evidence), *own[1:])
    reports = (*own, *(other.judge(evidence.latency_scale) for other in evidence.others))
    spans = {span.name: span for span in evidence.timeline.spans}
    steps = tuple(
        Step(name=report.name, start=span.start, end=span.end, verdict=report.verdict, detail=str(report))
        for report in reports
        for span in (spans["calm" if report.name in (claim.stopped.name, claim.calm.name) else "held"],)
    )
    return RunRecord(
        kind="stress",
        name=claim.id,
        title=claim.service.stress.story,
        story=f"{claim.service.name} is driven to {claim.service.stress.target_cpu:g} % of its CPU allotment.",
        verdict=Verdict.all_of(report.verdict for report in reports),
        impact=_impact(claim, evidence, seen, probed),
        reasons=(*(reason for report in reports for reason in report.reasons), *evidence.stop.left[:5]),
        started=evidence.timeline.spans[0].start,
        ended=evidence.timeline.spans[-1].end,
        steps=steps,
        slos=reports,
        timeline=evidence.timeline,
        metrics=_metrics(claim, seen, probed),
    )


def measured(claim: "CpuClaim", evidence: StressEvidence) -> dict[str, float | None]:
    """cpu (%, held), within (% of its periods in tolerance), rate (/s, held), stop (s), back (s), calm (% of CPU)."""
    spans = {span.name: span for span in evidence.timeline.spans}
    calm = evidence.cpu.within(evidence.ended + BACK_S, spans["calm"].end).values
    return {
        "cpu": _held(evidence.cpu, spans["held"]),
        "within": _share_held(claim, evidence, spans["held"]),
        "rate": _held(evidence.work, spans["held"]),
        "stop": evidence.stop.took_s,
        "back": back_s(evidence.cpu, evidence.ended, claim.calm_cpu),
        "calm": median(calm) if calm else None,
    }


def back_s(cpu: Series, ended: float, below: float) -> float | None:
    """Seconds from `ended` to the end of the last whole period in which CPU was over `below` percent.

    Infinite when the last one still was; None when nothing was measured beyond `BACK_S`. A period that `ended` lies in
    holds the run too and says nothing: where periods last longer than the claim's bound, only the next one can miss it.
    """
    periods = [(at, at + cpu.period_s, value) for at, value in cpu.points if at >= ended]
    if not periods or periods[-1][1] <= ended + BACK_S:
        return None
    if periods[-1][2] > below:
        return math.inf
    return max((end - ended for _, end, value in periods if value > below), default=0.0)


def _held(series: Series, span: Span) -> float | None:
    """The median over the periods.

    The run makes the service scale out, and the period in which a task starts says nothing of the controller: the new
    task's start-up may burn twice its allotment, or its allotment counts before it does any work. The share of periods
    within the tolerance is reported beside it.
    """
    values = series.within(span.start, span.end).values
    return median(values) if values else None


def _share_held(claim: "CpuClaim", evidence: StressEvidence, span: Span) -> float | None:
    values = evidence.cpu.within(span.start, span.end).values
    objective = claim.held.objectives[0]
    within = [value for value in values if objective.judge(value).verdict is Verdict.PASS]
    return 100.0 * len(within) / len(values) if values else None


def _is_starved(claim: "CpuClaim", evidence: StressEvidence, cpu: float | None) -> bool:
    """Was the target missed from below while the machine had no CPU left? Then nobody could have held it."""
    is_full = evidence.idle is not None and evidence.idle < FULL
    return is_full and cpu is not None and cpu < claim.service.stress.target_cpu


def _doubted(report: SloReport, evidence: StressEvidence) -> SloReport:
    """What was missed stays in doubt."""
    results = tuple(
        replace(
            each.objective.judge(None),
            doubt=f"measured {plain(each.value or 0.0)} %, with {plain(evidence.idle or 0.0)} % of this machine's CPU"
            " idle: run it where more is left",
        )
        if each.verdict is Verdict.FAIL
        else each
        for each in report.results
    )
    return replace(report, results=results)


def _impact(
    claim: "CpuClaim",
    evidence: StressEvidence,
    seen: Mapping[str, float | None],
    probed: Mapping[str, float | None],
) -> Impact:
    """How many requests failed, here and of the others; where the CPU was held; when it all was over."""
    story, back = claim.service.stress, seen["back"]
    cpu = Course(name="cpu", unit="%", values=(("held", seen["cpu"]), ("afterwards", seen["calm"])))
    health = Course(name="health p95", unit="ms", values=(("meanwhile", probed.get("p95")),))
    ends = [Back(after_s=evidence.stop.took_s, counted_from="DELETE", what="stopped")]
    ends += [] if back is None else [Back(after_s=back, counted_from="end", what="calm")]
    notes = {"within": "{} % of the periods within tolerance", "rate": f"{{}} {story.units}/s"}
    return Impact(
        felt=(felt("health requests", evidence.probes), *(other.felt for other in evidence.others)),
        courses=(health, cpu),
        back=tuple(ends),
        notes=tuple(
            text.format(plain(round(value))) for name, text in notes.items() if (value := seen[name]) is not None
        ),
    )


def _metrics(
    claim: "CpuClaim", seen: Mapping[str, float | None], probes: Mapping[str, float | None]
) -> tuple[tuple[str, float, str], ...]:
    found = (
        ("cpu held", seen["cpu"], "%"),
        ("periods in tolerance", seen["within"], "%"),
        ("cpu afterwards", seen["calm"], "%"),
        ("rate", seen["rate"], f"{claim.service.stress.units}/s"),
        ("stopped after", seen["stop"], "s"),
        ("calm after", seen["back"], "s"),
        ("health p95", probes.get("p95"), "ms"),
    )
    return tuple((name, value, unit) for name, value, unit in found if value is not None and math.isfinite(value))

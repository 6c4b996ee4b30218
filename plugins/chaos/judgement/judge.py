"""The verdict of an experiment: findings of three weights, combined by one rule. No I/O, no clock.

proof    undo not proven, books that do not balance          a failing one FAILS, whatever else is known
doubt    no symptom, unsteady baseline, crash, interruption   one makes the run INCONCLUSIVE: it proves nothing
claim    SLOs, anomalies, error budget, alarms                the system's own answer, once the two above are silent
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from plugins.chaos.judgement.evidence import Evidence
from plugins.chaos.scenario import INJECTION
from plugins.chaos.trace import Phase
from plugins.slo import SloReport, Verdict

Weight = Literal["proof", "doubt", "claim"]
_WEIGHTS: tuple[Weight, ...] = ("proof", "doubt", "claim")
"""In the order in which people want to hear of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One answer to one question, and how much it weighs."""

    weight: Weight
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict with its reasons, most important first (none for a pass), and every SLO, good and bad alike."""

    verdict: Verdict
    reasons: tuple[str, ...]
    slos: tuple[SloReport, ...]


def judge(evidence: Evidence) -> Judgement:
    """Judge every phase on its own SLO, then weigh all findings."""
    slos = _slos(evidence)
    findings = (*_proofs(evidence), *_doubts(evidence, slos), *_claims(evidence, slos))
    verdict = weigh(findings)
    unwell = [finding for finding in findings if finding.verdict is not Verdict.PASS]
    unwell.sort(key=lambda finding: (_WEIGHTS.index(finding.weight), finding.verdict is not Verdict.FAIL))
    return Judgement(verdict=verdict, reasons=tuple(finding.reason for finding in unwell), slos=slos)


def weigh(findings: Iterable[Finding]) -> Verdict:
    """A failed proof fails; else any doubt leaves it in doubt; else all findings together decide."""
    seen = tuple(findings)
    if any(finding.weight == "proof" and finding.verdict is Verdict.FAIL for finding in seen):
        return Verdict.FAIL
    if any(finding.weight == "doubt" and finding.verdict is not Verdict.PASS for finding in seen):
        return Verdict.INCONCLUSIVE
    return Verdict.all_of(finding.verdict for finding in seen)


def _slos(evidence: Evidence) -> tuple[SloReport, ...]:
    """One report per phase that took place, in their order."""
    scenario = evidence.scenario
    claims = {Phase.BASELINE: scenario.baseline, Phase.OBSERVE: scenario.during, Phase.RECOVERY: scenario.recovered}
    acted: dict[str, float | None] = {INJECTION: evidence.trace.injection_s}
    again: dict[str, float | None] = {
        "rto": evidence.rto_s,
        **{f"{stage}.rto": seconds for stage, seconds in evidence.stage_rtos.items()},
        "rpo": None if evidence.books is None else evidence.books.lost,
    }
    reports = []
    for phase, claim in claims.items():
        if phase in evidence.figures:
            figures = evidence.figures[phase]
            extra = {Phase.OBSERVE: acted, Phase.RECOVERY: again}.get(phase, {})
            indicators = {**figures.indicators, **extra}
            reports.append(claim.stretched(evidence.latency_scale).judge(indicators, samples=figures.samples))
    return tuple(reports)


def _proofs(evidence: Evidence) -> Iterable[Finding]:
    undo, books = evidence.trace.undo, evidence.books
    if undo is not None and not undo.is_proven:
        yield Finding(weight="proof", verdict=Verdict.FAIL, reason=f"undo not proven: {undo}")
    if books is None:
        yield Finding(weight="claim", verdict=Verdict.INCONCLUSIVE, reason="the books were not opened")
    elif books.verdict is Verdict.FAIL:
        reasons = books.reasons or ("the books give no reason why they do not balance: that is a defect of ours",)
        yield from (Finding(weight="proof", verdict=Verdict.FAIL, reason=reason) for reason in reasons)
    else:
        yield Finding(weight="claim", verdict=books.verdict, reason="; ".join(books.reasons))


def _doubts(evidence: Evidence, slos: tuple[SloReport, ...]) -> Iterable[Finding]:
    trace = evidence.trace
    for crash in trace.crashes:
        yield _doubt(f"crashed in {crash}")
    if trace.stop is not None and trace.stop.verdict is not Verdict.FAIL:
        yield _doubt(f"ended early: {trace.stop.reason}")
    if not trace.has_injected:
        yield _doubt("the fault was never injected")
    elif trace.symptom is None:
        yield _doubt("the fault has no symptom: nothing shows that the data plane felt it")
    if Phase.BASELINE not in evidence.figures:
        yield _doubt("there was no baseline")
    elif slos[0].verdict is not Verdict.PASS:
        yield _doubt(f"no steady state before the fault: {_missed(slos[0])}")


def _claims(evidence: Evidence, slos: tuple[SloReport, ...]) -> Iterable[Finding]:
    stop = evidence.trace.stop
    if stop is not None and stop.verdict is Verdict.FAIL:
        yield Finding(weight="claim", verdict=Verdict.FAIL, reason=f"ended early: {stop.reason}")
    for report in slos[1:] if Phase.BASELINE in evidence.figures else slos:
        yield Finding(weight="claim", verdict=report.verdict, reason=f"{report.name}: {_missed(report)}")
    for anomaly in evidence.anomalies:
        yield Finding(weight="claim", verdict=anomaly.verdict, reason=f"CloudWatch: {anomaly.text}")


def _missed(report: SloReport) -> str:
    """The objectives that did not pass, in a line."""
    return "; ".join(" ".join(str(result).split()) for result in report.missed)


def _doubt(reason: str) -> Finding:
    return Finding(weight="doubt", verdict=Verdict.INCONCLUSIVE, reason=reason)

"""From the evidence of a surge to its record. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from plugins.reporting.impact import Course, Felt, Impact
from plugins.reporting.record import RunRecord, Step
from plugins.slo import Slo, SloReport, Verdict
from plugins.stress.surge.checkout import Checkout, SurgeEvidence, Wave, indicators
from plugins.telemetry import Series, Span, Timeline

if TYPE_CHECKING:
    from plugins.stress.surge.claim import SurgeClaim


def judge(claim: "SurgeClaim", evidence: SurgeEvidence) -> RunRecord:
    """Cold and warm waves each on their own SLO. A surge that was not cold leaves the whole in doubt, good or bad."""
    cold, warm = evidence.checkouts(is_cold=True), evidence.checkouts(is_cold=False)
    judged = ((claim.from_nothing, cold), (claim.avalanche, cold), (claim.warm, warm))
    reports = tuple(_report(slo.stretched(evidence.latency_scale), checkouts) for slo, checkouts in judged)
    meanwhile = tuple(other.judge(evidence.latency_scale) for other in evidence.others)
    is_surge = reports[0].verdict is Verdict.PASS
    story = claim.service.stress
    return RunRecord(
        kind="stress",
        name=claim.id,
        title=story.story,
        story=f"From no sandbox to {len(evidence.waves[0].checkouts)} checkouts of {claim.service.name} at one moment.",
        verdict=Verdict.all_of(one.verdict for one in (*reports, *meanwhile)) if is_surge else Verdict.INCONCLUSIVE,
        impact=_impact(cold, warm, evidence),
        reasons=(*(reason for one in (*reports, *meanwhile) for reason in one.reasons), *_endings((*cold, *warm))),
        started=evidence.waves[0].start,
        ended=evidence.waves[-1].end,
        steps=tuple(_step(claim, wave) for wave in evidence.waves),
        slos=(*reports, *meanwhile),
        timeline=_timeline(evidence),
        metrics=tuple(_metrics(indicators(cold), indicators(warm))),
    )


def _impact(cold: tuple[Checkout, ...], warm: tuple[Checkout, ...], evidence: SurgeEvidence) -> Impact:
    """How many checkouts failed, how long they took from nothing and on warm sandboxes, and what others felt."""
    every = (*cold, *warm)
    p99 = tuple((name, indicators(some).get("p99")) for name, some in (("from nothing", cold), ("warm", warm)))
    return Impact(
        felt=(
            Felt(failed=sum(one.ending != "ok" for one in every), of=len(every), what="checkouts"),
            *(other.felt for other in evidence.others),
        ),
        courses=(Course(name="p99", unit="ms", values=p99),),
    )


def _report(slo: Slo, checkouts: tuple[Checkout, ...]) -> SloReport:
    return slo.judge(indicators(checkouts), samples=len(checkouts))


def _endings(checkouts: Iterable[Checkout]) -> Iterable[str]:
    """The failures, each kind once with how often it came."""
    kinds = Counter(f"{one.ending}: {one.detail}" for one in checkouts if one.ending != "ok")
    return (f"{count} checkouts {kind}" for kind, count in kinds.most_common(5))


def _step(claim: "SurgeClaim", wave: Wave) -> Step:
    """One wave has too few checkouts for a verdict of its own; what it measured is in the detail."""
    seen = indicators(wave.checkouts)
    is_clean = not any(one.ending != "ok" for one in wave.checkouts)
    figures = "\n".join(f"{name} {value:.4g}" for name, value in seen.items() if value is not None)
    slo = claim.avalanche if wave.is_cold else claim.warm
    return Step(
        name=slo.name,
        start=wave.start,
        end=wave.end,
        verdict=Verdict.PASS if is_clean else Verdict.FAIL,
        detail=f"{len(wave.checkouts)} checkouts at once\n{figures}",
    )


def _timeline(evidence: SurgeEvidence) -> Timeline:
    """Every checkout where its answer came; the waves that found nothing are shaded; the others' answers with it."""
    series, waves = [], evidence.waves
    for name, is_cold in (("cold", True), ("warm", False)):
        answers = (
            (one.at + one.took_ms / 1000, one.took_ms)
            for wave in waves
            if wave.is_cold is is_cold
            for one in wave.checkouts
        )
        series.append(Series(name=name, unit="ms", points=tuple(sorted(answers))))
    spans = (
        Span(name="surge" if wave.is_cold else "warm", start=wave.start, end=wave.end, is_fault=wave.is_cold)
        for wave in waves
    )
    return Timeline(series=(*series, *(other.series for other in evidence.others)), spans=tuple(spans))


def _metrics(cold: Mapping[str, float | None], warm: Mapping[str, float | None]) -> Iterable[tuple[str, float, str]]:
    found = (
        ("surge p99", cold.get("p99"), "ms"),
        ("surge p50", cold.get("p50"), "ms"),
        ("cold", cold.get("cold"), "%"),
        ("init p50", cold.get("init.p50"), "ms"),
        ("init p99", cold.get("init.p99"), "ms"),
        ("cold duration p99", cold.get("duration.p99"), "ms"),
        ("sent late p99", cold.get("slip.p99"), "ms"),
        ("warm p99", warm.get("p99"), "ms"),
        ("warm p50", warm.get("p50"), "ms"),
        ("warm duration p99", warm.get("duration.p99"), "ms"),
    )
    yield from ((name, value, unit) for name, value, unit in found if value is not None)

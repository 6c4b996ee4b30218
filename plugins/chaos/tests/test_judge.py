"""The verdict of an experiment, as a table: proof before doubt before claim."""

import math
from dataclasses import dataclass, field, replace

import pytest

from plugins.chaos.fault import Call, Plan
from plugins.chaos.judgement.evidence import BooksResult, Evidence
from plugins.chaos.judgement.judge import Finding, Weight, judge, weigh
from plugins.chaos.judgement.measure import Figures
from plugins.chaos.scenario import Recovery
from plugins.chaos.stop import Stop
from plugins.chaos.tests.fakes import scenario
from plugins.chaos.trace import Phase, Trace, Undo
from plugins.slo import Slo, Verdict
from plugins.telemetry.anomaly import AnomalyResult
from plugins.telemetry.timeline import Span

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
BALANCED = BooksResult(verdict=PASS, reasons=(), lost=0, text="books: PASS")
LOST = BooksResult(verdict=FAIL, reasons=("books: 2 x order lost",), lost=2, text="books: FAIL")
SILENT_LOSS = BooksResult(verdict=FAIL, reasons=(), lost=1, text="books: FAIL")
UNREAD = BooksResult(verdict=INCONCLUSIVE, reasons=("books: no answer",), lost=None, text="books: ?")
PLAN = Plan(fault="file", targets=("a",), calls=(Call(action="x"),), undo=(), backup={}, created_at=0.0)
PROVEN = Undo(before={"a": 1}, after={"a": 1})


@dataclass(kw_only=True)
class Case:
    """A run that passed but for what is set here."""

    verdict: Verdict
    reason: str = ""
    undo: Undo | None = PROVEN
    symptom: str | None = "felt"
    stop: Stop | None = None
    crashes: list[str] = field(default_factory=list)
    books: BooksResult | None = BALANCED
    anomalies: tuple[AnomalyResult, ...] = ()
    errors: tuple[float | None, float | None, float | None] = (0.0, 5.0, 0.0)
    rto_s: float | None = 1.0
    phases: tuple[Phase, ...] = (Phase.BASELINE, Phase.INJECT, Phase.OBSERVE, Phase.ROLLBACK, Phase.RECOVERY)

    def evidence(self) -> Evidence:
        spans = {phase: Span(name=phase, start=i, end=i + 1) for i, phase in enumerate(self.phases)}
        trace = Trace(
            spans=list(spans.values()),
            plan=PLAN,
            undo=self.undo,
            symptom=self.symptom,
            symptom_at=2.5,
            stop=self.stop,
            crashes=self.crashes,
        )
        watched = zip((Phase.BASELINE, Phase.OBSERVE, Phase.RECOVERY), self.errors, strict=True)
        figures = {
            phase: Figures(span=spans[phase], indicators={"errors": errors}, samples=500)
            for phase, errors in watched
            if phase in spans
        }
        return Evidence(
            scenario=scenario(),
            trace=trace,
            figures=figures,
            rto_s=self.rto_s,
            books=self.books,
            anomalies=self.anomalies,
        )


FAILED = Stop(reason="the error budget is spent", verdict=FAIL)
TIME = Stop(reason="time is up")
MOVED = AnomalyResult(verdict=PASS, text="5XX goes up")
STILL = AnomalyResult(verdict=FAIL, text="5XX did not move")
SILENT = AnomalyResult(verdict=INCONCLUSIVE, text="5XX: no data")
NO_RECOVERY = (Phase.BASELINE, Phase.INJECT, Phase.OBSERVE, Phase.ROLLBACK)
UNPROVEN = Undo(before={"a": 1}, after={"a": 2})

CASES = {
    "all is well": Case(verdict=PASS, anomalies=(MOVED,)),
    "undo not proven": Case(verdict=FAIL, reason="undo not proven: before", undo=UNPROVEN),
    "rollback failed": Case(verdict=FAIL, reason="undo not proven: rollback", undo=Undo(before={}, error="boom")),
    "undo not proven and no symptom": Case(verdict=FAIL, reason="undo not proven", undo=UNPROVEN, symptom=None),
    "books do not balance": Case(verdict=FAIL, reason="books: 2 x order lost", books=LOST),
    "books do not balance and say not why": Case(verdict=FAIL, reason="the books give no reason", books=SILENT_LOSS),
    "books do not balance and interrupted": Case(verdict=FAIL, reason="books", books=LOST, stop=TIME),
    "books not read": Case(verdict=INCONCLUSIVE, reason="books: no answer", books=UNREAD),
    "books not opened": Case(verdict=INCONCLUSIVE, reason="the books were not opened", books=None),
    "books not read and an SLO missed": Case(verdict=FAIL, reason="during", books=UNREAD, errors=(0, 50, 0)),
    "no symptom": Case(verdict=INCONCLUSIVE, reason="the fault has no symptom", symptom=None),
    "no symptom and an SLO missed": Case(verdict=INCONCLUSIVE, reason="the fault has", symptom=None, errors=(0, 50, 0)),
    "no symptom and no anomaly": Case(verdict=INCONCLUSIVE, reason="the fault", symptom=None, anomalies=(STILL,)),
    "crashed probe": Case(
        verdict=INCONCLUSIVE, reason="crashed in observe", crashes=["observe: boom"], phases=NO_RECOVERY
    ),
    "unsteady before": Case(verdict=INCONCLUSIVE, reason="no steady state", errors=(3, 50, 3)),
    "nothing measured before": Case(verdict=INCONCLUSIVE, reason="no steady state", errors=(None, 5, 0)),
    "nothing measured during": Case(verdict=INCONCLUSIVE, reason="during", errors=(0, None, 0)),
    "never injected": Case(verdict=INCONCLUSIVE, reason="the fault was never", undo=None, phases=(Phase.BASELINE,)),
    "SLO missed during": Case(verdict=FAIL, reason="during: FAIL", errors=(0, 50, 0)),
    "SLO missed after": Case(verdict=FAIL, reason="recovered: FAIL", errors=(0, 5, 1)),
    "never recovered": Case(verdict=FAIL, reason="recovered: FAIL rto", rto_s=math.inf),
    "recovery not watched to its end": Case(verdict=INCONCLUSIVE, reason="recovered", rto_s=None),
    "error budget spent": Case(verdict=FAIL, reason="ended early: the error", stop=FAILED, phases=NO_RECOVERY),
    "error budget spent before the fault": Case(
        verdict=INCONCLUSIVE, reason="the fault was never", stop=FAILED, undo=None, phases=(Phase.BASELINE,)
    ),
    "time is up": Case(verdict=INCONCLUSIVE, reason="ended early: time is up", stop=TIME, phases=NO_RECOVERY),
    "dashboard did not move": Case(verdict=FAIL, reason="CloudWatch: 5XX did not", anomalies=(MOVED, STILL)),
    "dashboard is silent": Case(verdict=INCONCLUSIVE, reason="CloudWatch: 5XX: no data", anomalies=(SILENT,)),
}


@pytest.mark.parametrize("name", CASES)
def test_verdict_and_its_first_reason(name: str) -> None:
    case = CASES[name]

    judgement = judge(case.evidence())

    assert (judgement.verdict, bool(judgement.reasons)) == (case.verdict, case.verdict is not PASS), judgement.reasons
    assert not judgement.reasons or judgement.reasons[0].startswith(case.reason), judgement.reasons


@pytest.mark.parametrize(
    ("capture_rto_s", "verdict"), [(4.0, PASS), (6.0, FAIL), (math.inf, FAIL), (None, INCONCLUSIVE)]
)
def test_captures_are_a_claim_beside_the_requests(capture_rto_s: float | None, verdict: Verdict) -> None:
    again = Recovery(good=Slo.of("captured soon", "capture.max <= 1000 ms"))
    claimed = scenario(recovered=Slo.of("recovered", "rto <= 5 s", "capture.rto <= 5 s"), capture_recovery=again)
    evidence = replace(Case(verdict=PASS).evidence(), scenario=claimed, stage_rtos={"capture": capture_rto_s})
    assert judge(evidence).verdict is verdict


@pytest.mark.parametrize(("injection_s", "verdict"), [(4.0, PASS), (6.0, FAIL), (None, INCONCLUSIVE)])
def test_how_long_the_fault_took_to_inject_is_a_claim_of_its_phase(injection_s: float | None, verdict: Verdict) -> None:
    claimed = scenario(during=Slo.of("drained", "errors <= 10 %", "injection <= 5 s"))
    evidence = replace(Case(verdict=PASS).evidence(), scenario=claimed)
    evidence.trace.injection_s = injection_s
    assert judge(evidence).verdict is verdict


WEIGHTS: list[tuple[list[tuple[Weight, Verdict]], Verdict]] = [
    ([], INCONCLUSIVE),
    ([("claim", PASS)], PASS),
    ([("claim", PASS), ("claim", INCONCLUSIVE)], INCONCLUSIVE),
    ([("claim", FAIL), ("claim", INCONCLUSIVE)], FAIL),
    ([("claim", FAIL), ("doubt", INCONCLUSIVE)], INCONCLUSIVE),
    ([("proof", FAIL), ("doubt", INCONCLUSIVE), ("claim", PASS)], FAIL),
    ([("proof", PASS), ("doubt", PASS), ("claim", PASS)], PASS),
]


@pytest.mark.parametrize(("findings", "verdict"), WEIGHTS)
def test_proof_outweighs_doubt_and_doubt_outweighs_claims(
    findings: list[tuple[Weight, Verdict]], verdict: Verdict
) -> None:
    assert verdict is weigh(Finding(weight=weight, verdict=each, reason="r") for weight, each in findings)

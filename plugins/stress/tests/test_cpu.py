import pytest

from plugins.slo import Verdict
from plugins.stress.cpu.api import Probe
from plugins.stress.cpu.claim import CpuClaim
from plugins.stress.cpu.judge import judge
from plugins.stress.cpu.runner import StressEvidence
from plugins.telemetry import Series, Span, Timeline

CLAIM = CpuClaim.of("order", "p50 <= 250 ms", "errors <= 0 %")
SPANS = (
    Span(name="ramp", start=0, end=3),
    Span(name="held", start=3, end=9, is_fault=True),
    Span(name="calm", start=13, end=16),
)


def _evidence(held: float | None, calm: float | None, probes: int = 50, took_s: float | None = 0.01) -> StressEvidence:
    points = [(float(at), held) for at in range(3, 9)] + [(float(at), calm) for at in range(13, 16)]
    cpu = Series(name="cpu", unit="%", points=tuple((at, value) for at, value in points if value is not None))
    found = tuple(Probe(at=float(n) / 5, took_s=took_s) for n in range(probes))
    return StressEvidence(run_id="r", timeline=Timeline(series=(cpu,), spans=SPANS), cpu=cpu, probes=found)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param(_evidence(95.0, 5.0), Verdict.PASS, id="held and calm"),
        pytest.param(_evidence(89.0, 5.0), Verdict.FAIL, id="below the target"),
        pytest.param(_evidence(101.0, 5.0), Verdict.FAIL, id="above the target"),
        pytest.param(_evidence(95.0, 60.0), Verdict.FAIL, id="work was left behind"),
        pytest.param(_evidence(95.0, 5.0, took_s=None), Verdict.FAIL, id="health went silent"),
        pytest.param(_evidence(95.0, 5.0, took_s=2.0), Verdict.FAIL, id="health went slow"),
        pytest.param(_evidence(None, 5.0), Verdict.INCONCLUSIVE, id="no CPU metric"),
        pytest.param(_evidence(95.0, 5.0, probes=0), Verdict.INCONCLUSIVE, id="nobody asked for health"),
    ],
)
def test_a_stress_run_is_judged_on_each_stretch_of_its_own(evidence: StressEvidence, expected: Verdict) -> None:
    record = judge(CLAIM, evidence)
    assert record.verdict == expected
    assert bool(record.reasons) == (expected is not Verdict.PASS)


def test_the_full_profile_runs_the_length_of_the_story() -> None:
    assert (CLAIM.length_s("quick"), CLAIM.length_s("full")) == (10.0, 300.0)


def test_a_report_shows_a_claim_by_its_id() -> None:
    assert repr(CLAIM) == "order-morning-rush"


def test_a_plan_names_target_call_undo_judgement_and_time() -> None:
    text = CLAIM.preview("full")
    for part in (
        "every task of the service order",
        "POST /api/orders/stress/morning-rush",
        "DELETE",
        "cpu = 95 % ± 5",
        "300 s",
    ):
        assert part in text


def test_the_period_in_which_a_task_starts_does_not_decide() -> None:
    points = tuple(zip(range(3, 9), (94.0, 206.0, 95.0, 96.0, 70.0, 95.0), strict=True))
    calm = tuple((float(at), 3.0) for at in range(13, 16))
    cpu = Series(name="cpu", unit="%", points=(*((float(at), value) for at, value in points), *calm))
    probes = tuple(Probe(at=float(n) / 5, took_s=0.01) for n in range(50))
    evidence = StressEvidence(run_id="r", timeline=Timeline(series=(cpu,), spans=SPANS), cpu=cpu, probes=probes)
    record = judge(CLAIM, evidence)
    assert record.verdict == Verdict.PASS
    assert [name for name, _, _ in record.metrics[:2]] == ["cpu held", "periods in tolerance"]
    assert [value for _, value, _ in record.metrics[:2]] == [95.0, pytest.approx(100 * 4 / 6)]


def test_the_sentence_tells_who_felt_it_and_where_the_cpu_was() -> None:
    assert str(judge(CLAIM, _evidence(95.0, 5.0)).impact) == (
        "none of 50 health requests failed; health p95 meanwhile 10 ms; cpu held 95 → afterwards 5 %;"
        " 100 % of the periods within tolerance"
    )
    silent = judge(CLAIM, _evidence(None, 5.0, took_s=None)).impact
    assert str(silent) == "50 of 50 health requests failed; health p95 meanwhile ? ms; cpu held ? → afterwards 5 %"

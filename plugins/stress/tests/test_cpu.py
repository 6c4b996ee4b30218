"""What a CPU claim makes of what it measured: each assertion has a measurement here that fails it."""

import math
from collections import namedtuple
from dataclasses import replace

import pytest

from plugins.slo import Verdict
from plugins.stress.cpu.claim import CpuClaim
from plugins.stress.cpu.judge import back_s, judge
from plugins.stress.cpu.runner import StressEvidence, calm_s, held_long_enough_s, idle_share
from plugins.stress.cpu.stopping import Stop
from plugins.stress.neighbours import Neighbour
from plugins.stress.probing import Probe
from plugins.telemetry import Series, Span, Timeline
from services.catalog import http_service

CLAIM = CpuClaim.of("order", "p50 <= 250 ms", "errors <= 0 %")
NEIGHBOUR = http_service("loyalty")
ENDED = 9.0
SPANS = (
    Span(name="ramp", start=0, end=3),
    Span(name="held", start=3, end=ENDED, is_fault=True),
    Span(name="calm", start=ENDED, end=17),
)


def cpu_of(held: tuple[float, ...], calm: tuple[float, ...]) -> Series:
    """A period is a second; what follows each other begins at 3 s and, after the end, at 9 s."""
    points = (*enumerate(held, start=3), *enumerate(calm, start=9))
    return Series(name="cpu", unit="%", points=tuple((float(at), value) for at, value in points), period_s=1.0)


def probes(count: int, took_s: float | None = 0.01) -> tuple[Probe, ...]:
    return tuple(Probe(at=float(n) / 5, took_s=took_s) for n in range(count))


WORK = Series(name="orders", unit="/s", points=tuple((float(at), 900.0) for at in range(3, 9)), period_s=1.0)
CPU = cpu_of((95.0,) * 6, (60.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0))
GOOD = StressEvidence(
    run_id="r",
    timeline=Timeline(series=(CPU,), spans=SPANS),
    cpu=CPU,
    work=WORK,
    probes=probes(50),
    others=(Neighbour(service=NEIGHBOUR, probes=probes(60)),),
    ended=ENDED,
    stop=Stop(took_s=0.2),
)


def held(*values: float) -> StressEvidence:
    return replace(GOOD, cpu=cpu_of(values, CPU.values[6:]))


def calm(*values: float) -> StressEvidence:
    return replace(GOOD, cpu=cpu_of(CPU.values[:6], values))


def meanwhile(found: tuple[Probe, ...]) -> StressEvidence:
    return replace(GOOD, others=(Neighbour(service=NEIGHBOUR, probes=found),))


@pytest.mark.parametrize(
    ("evidence", "expected", "reason"),
    [
        pytest.param(GOOD, Verdict.PASS, "", id="held, worked, answered, stopped, calm"),
        pytest.param(held(*(89.9,) * 6), Verdict.FAIL, "cpu = 95", id="below the target"),
        pytest.param(held(*(100.1,) * 6), Verdict.FAIL, "cpu = 95", id="above the target"),
        pytest.param(
            replace(held(*(70.0,) * 6), idle=1.0),
            Verdict.INCONCLUSIVE,
            "with 1 % of this",
            id="the machine was full",
        ),
        pytest.param(replace(held(*(70.0,) * 6), idle=20.0), Verdict.FAIL, "cpu = 95", id="the machine was not full"),
        pytest.param(replace(held(*(120.0,) * 6), idle=1.0), Verdict.FAIL, "cpu = 95", id="above, and full"),
        pytest.param(held(), Verdict.INCONCLUSIVE, "cpu = 95", id="no CPU metric"),
        pytest.param(
            replace(GOOD, work=replace(WORK, points=tuple((at, 0.0) for at, _ in WORK.points))),
            Verdict.FAIL,
            "rate",
            id="an empty loop",
        ),
        pytest.param(replace(GOOD, work=replace(WORK, points=())), Verdict.INCONCLUSIVE, "rate", id="work uncounted"),
        pytest.param(replace(GOOD, probes=probes(50, None)), Verdict.FAIL, "answering: FAIL", id="health went silent"),
        pytest.param(replace(GOOD, probes=probes(50, 2.0)), Verdict.FAIL, "answering: FAIL", id="health went slow"),
        pytest.param(replace(GOOD, probes=()), Verdict.INCONCLUSIVE, "answering", id="nobody asked for health"),
        pytest.param(replace(GOOD, probes=(*probes(49), *probes(1, None))), Verdict.FAIL, "errors", id="silent once"),
        pytest.param(replace(GOOD, stop=Stop(took_s=1.1)), Verdict.FAIL, "stop ≤ 1 s", id="stopped late"),
        pytest.param(
            replace(GOOD, stop=Stop(took_s=math.inf, left=("process 7 works",))),
            Verdict.FAIL,
            "process 7 works",
            id="never stopped",
        ),
        pytest.param(calm(90.0, 60.0, 30.0, 20.0, 11.0, 5.0, 5.0), Verdict.PASS, "", id="calm after just five seconds"),
        pytest.param(calm(90.0, 60.0, 30.0, 20.0, 20.0, 11.0, 5.0), Verdict.FAIL, "back ≤ 5 s", id="calm late"),
        pytest.param(calm(5.0, 5.0, 5.0, 5.0, 5.0, 30.0, 5.0), Verdict.FAIL, "back ≤ 5 s", id="up once more"),
        pytest.param(calm(*(60.0,) * 7), Verdict.FAIL, "back ≤ 5 s", id="work was left behind"),
        pytest.param(calm(5.0, 5.0, 5.0), Verdict.INCONCLUSIVE, "back", id="not watched for long enough"),
        pytest.param(calm(), Verdict.INCONCLUSIVE, "back", id="nothing was watched"),
        pytest.param(meanwhile(probes(60, 0.3)), Verdict.FAIL, "loyalty meanwhile", id="another went slow"),
        pytest.param(
            meanwhile((*probes(59), *probes(1, None))), Verdict.FAIL, "loyalty meanwhile", id="another failed once"
        ),
        pytest.param(meanwhile(probes(58)), Verdict.INCONCLUSIVE, "59 samples", id="another was hardly asked"),
        pytest.param(meanwhile(()), Verdict.INCONCLUSIVE, "loyalty meanwhile", id="another was not asked"),
        pytest.param(
            replace(meanwhile(probes(60, 0.3)), latency_scale=2.0), Verdict.PASS, "", id="where less is promised"
        ),
    ],
)
def test_every_claim_can_fail(evidence: StressEvidence, expected: Verdict, reason: str) -> None:
    record = judge(CLAIM, evidence)
    assert record.verdict == expected
    assert bool(record.reasons) == (expected is not Verdict.PASS)
    assert reason.replace(": FAIL", "") in "\n".join(record.reasons)
    assert len(record.steps) == len(record.slos) == 6


@pytest.mark.parametrize(
    ("points", "period_s", "expected"),
    [
        pytest.param(((60.0, 95.0), (120.0, 5.0)), 60.0, 0.0, id="the next whole minute is calm"),
        pytest.param(((60.0, 95.0), (120.0, 11.0), (180.0, 5.0)), 60.0, 80.0, id="it is not"),
        pytest.param(((60.0, 95.0),), 60.0, None, id="there is none yet"),
    ],
)
def test_periods_of_a_minute_tell_what_they_can(
    points: tuple[tuple[float, float], ...], period_s: float, expected: float | None
) -> None:
    assert back_s(Series(name="cpu", unit="%", points=points, period_s=period_s), 100.0, 10.0) == expected


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
        "stop ≤ 1 s",
        "back ≤ 5 s",
        "loyalty is asked every 0.15 s: p95 ≤ 250 ms, errors ≤ 0 %",
        "payment is asked every",
        "CloudCafe/Order BulkOrdersPriced",
        "300 s",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("period_s", "length_s", "after_s"), [(1.0, 10.0, 8.0), (60.0, 183.0, 126.0)], ids=["a second", "a minute"]
)
def test_a_run_is_long_enough_for_whole_periods_wherever_they_begin(
    period_s: float, length_s: float, after_s: float
) -> None:
    found = held_long_enough_s(10.0, CLAIM.settle_s, period_s), calm_s(period_s)
    assert found == (length_s, after_s)
    for began in (0.0, 0.3 * period_s, 0.99 * period_s):
        grid = [number * period_s for number in range(20)]
        held = [at for at in grid if began + CLAIM.settle_s <= at and at + period_s <= began + length_s]
        ended = began + length_s
        calm = [at for at in grid if ended <= at and ended + 5.0 < at + period_s <= ended + after_s]
        assert len(held) >= 2
        assert calm


def test_a_plan_speaks_of_instances_where_there_are_no_tasks() -> None:
    assert "every instance of the service loyalty" in CpuClaim.of("loyalty", "p50 <= 250 ms").preview("quick")


def test_the_period_in_which_a_task_starts_does_not_decide() -> None:
    record = judge(CLAIM, held(94.0, 206.0, 95.0, 96.0, 95.0, 95.0))
    assert record.verdict == Verdict.PASS
    assert [(name, value) for name, value, _ in record.metrics[:2]] == [
        ("cpu held", 95.0),
        ("periods in tolerance", 80.0),
    ]


def test_the_idle_share_of_a_machine_is_what_nobody_used() -> None:
    kind = namedtuple("kind", "user idle iowait steal guest")
    assert idle_share(kind(10.0, 100.0, 5.0, 1.0, 3.0), kind(14.0, 104.0, 6.0, 2.0, 7.0)) == 50.0


def test_the_rate_of_the_work_is_reported() -> None:
    assert ("rate", 900.0, "orders/s") in judge(CLAIM, GOOD).metrics


def test_the_sentence_tells_who_felt_it_where_the_cpu_was_and_when_it_was_over() -> None:
    assert str(judge(CLAIM, GOOD).impact) == (
        "none of 50 health requests failed; none of 60 requests to loyalty failed; health p95 meanwhile 10 ms;"
        " cpu held 95 → afterwards 5 %; stopped 0.2 s after the DELETE; calm 1 s after the end;"
        " 100 % of the periods within tolerance; 900 orders/s"
    )
    silent = replace(
        GOOD, cpu=cpu_of((), ()), work=replace(WORK, points=()), probes=probes(50, None), stop=Stop(took_s=math.inf)
    )
    assert str(judge(CLAIM, silent).impact) == (
        "50 of 50 health requests failed; none of 60 requests to loyalty failed; health p95 meanwhile ? ms;"
        " cpu held ? → afterwards ? %; not stopped while it was watched"
    )

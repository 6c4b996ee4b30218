"""What people read: the preview before, the record and the terminal's text after."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from plugins.chaos.evidence import BooksResult
from plugins.chaos.fault import Call, Plan
from plugins.chaos.judge import judge
from plugins.chaos.preview import UNKNOWN, preview
from plugins.chaos.report import impact, record, render
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source, Windows
from plugins.chaos.stop import Deadline, ErrorBudget
from plugins.chaos.tests.fakes import WINDOWS, FileFault, scenario
from plugins.chaos.tests.test_judge import CASES
from plugins.reporting.impact import Felt
from plugins.slo import Slo, Verdict
from plugins.telemetry.anomaly import Anomaly

PLAN = Plan(
    fault="file",
    targets=("arn:a",),
    calls=(Call(action="file:Write", resource="arn:a"),),
    undo=(Call(action="file:Write", resource="arn:a"),),
    backup={},
    created_at=0.0,
    radius="1 of 2 files",
)


def test_a_preview_names_what_is_believed_done_judged_and_what_ends_it_and_the_policy_last() -> None:
    source = Source(namespace="n", metric="m", stat="Sum", dimensions=())
    shown = Expected(anomaly=Anomaly(name="5XX", direction="up", by=20), source=source)
    planned = scenario(Deadline(seconds=60.0), ErrorBudget(percent=50.0), anomalies=(shown,))
    text = preview(planned, FileFault(), PLAN, WINDOWS)
    for expected in (
        "believed the file comes back",
        "radius   1 of 2 files",
        "judged   during: errors ≤ 10 %",
        "judged   CloudWatch shows 5XX up by at least 20, and back afterwards",
        "stops    early, undone, once it has run 60 s or more than 50 % of at least 100 requests failed; at any Ctrl-C",
        "targets  arn:a",
        "calls    file:Write",
        "undo     file:Write on arn:a",
        "time     31 s: warm-up 1, b",
    ):
        assert expected in text
    assert json.loads(text.split("  policy\n")[1])["Statement"][1]["Resource"] == ["arn:a"]


def test_a_preview_without_a_platform_shows_what_it_cannot_know() -> None:
    text = preview(scenario(), FileFault(), None, WINDOWS)
    assert f"targets  {UNKNOWN}" in text
    assert "calls    file:Write" in text


def test_a_report_shows_a_scenario_by_its_id() -> None:
    assert repr(scenario()) == "99-file"


def test_the_terminal_shows_the_verdict_and_its_reason_first() -> None:
    evidence = CASES["SLO missed during"].evidence()
    lines = render(evidence, judge(evidence)).splitlines()
    assert lines[0] == "99-file: FAIL"
    assert lines[1].startswith("  ")
    assert lines[2].startswith("  because during: FAIL errors ≤ 10 %: measured 50 %")
    assert any(line.startswith("  symptom: felt (seen 0.50 s after") for line in lines)
    assert any("undo: the touched state is as before" in line for line in lines)


@pytest.mark.parametrize("name", CASES)
def test_every_run_can_be_recorded(name: str, tmp_path: Path) -> None:
    evidence = CASES[name].evidence()

    made = record(evidence, judge(evidence), series=(), journal="{}", folder=tmp_path)

    assert [step.name for step in made.steps] == [span.name for span in evidence.trace.spans]
    assert (made.verdict, made.reasons == ()) == (CASES[name].verdict, CASES[name].verdict is Verdict.PASS)
    assert {"plan", "journal"} <= {attachment.name for attachment in made.attachments}
    assert all(abs(value) != float("inf") for _, value, _ in made.metrics)


def test_captures_can_only_be_claimed_where_they_are_measured_and_often_enough() -> None:
    claim = Slo.of("during", "capture.p99 <= 100 ms")
    again = Recovery(good=Slo.of("good", "capture.max <= 1000 ms"))
    with pytest.raises(ValueError, match="needs a capture_recovery"):
        scenario(during=claim)
    with pytest.raises(ValueError, match=r"needs 299 requests, 10.3 s bring 206"):
        scenario(rate=40.0, mix=(("order", 0.5), ("browse", 0.5)), during=claim, capture_recovery=again)
    assert scenario(rate=40.0, during=claim, capture_recovery=again).capture_recovery


def test_the_fault_is_shaded_on_the_timeline(tmp_path: Path) -> None:
    evidence = CASES["all is well"].evidence()
    made = record(evidence, judge(evidence), series=(), journal="", folder=tmp_path)
    assert len(made.timeline.spans) == 3


def test_a_percentile_that_the_load_cannot_prove_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"p99 .* needs 299 requests, 10.3 s bring 103"):
        scenario(rate=10.0, during=Slo.of("during", "p99 <= 100 ms"))
    assert isinstance(scenario(rate=40.0, during=Slo.of("during", "p99 <= 100 ms")), Scenario)


@pytest.mark.parametrize("phase", ["baseline", "recovered"])
def test_a_percentile_that_only_just_has_its_samples_is_refused(phase: str) -> None:
    """A load that is late by one arrival at the end of its window would leave it inconclusive, now and then."""
    claim = Slo.of("just", "p99 <= 100 ms")
    windows = Windows(baseline_s=10.0, fault_s=10.0, recovery_s=10.0)
    with pytest.raises(ValueError, match=r"needs 299 requests, 9.3 s bring 279"):
        scenario(rate=30.0, quick=windows, **{phase: claim})
    assert isinstance(scenario(rate=33.0, quick=windows, **{phase: claim}), Scenario)


@pytest.mark.parametrize("hold_s", [0.0, -1.0, math.nan, math.inf])
def test_a_recovery_that_need_not_last_is_refused(hold_s: float) -> None:
    """It would have come after 0 s, whatever was measured."""
    with pytest.raises(ValueError, match=f"hold_s .*{hold_s:g}"):
        Recovery(good=Slo.of("good", "errors <= 0 %"), hold_s=hold_s)


def test_a_recovery_that_asks_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'nothing'.*objective"):
        Recovery(good=Slo.of("nothing"))


def test_the_sentence_tells_who_felt_it_the_course_of_latency_and_when_it_was_good_again() -> None:
    known = CASES["all is well"].evidence()
    p95 = dict(zip(known.figures, (9.0, 480.0, 11.0), strict=True))
    figures = {
        phase: replace(one, indicators={"p95": p95[phase], "capture.p95": None}) for phase, one in known.figures.items()
    }
    again = Recovery(good=Slo.of("soon", "capture.max <= 1000 ms"), counted_from="inject")
    seen = replace(
        known,
        scenario=scenario(capture_recovery=again),
        figures=figures,
        felt=Felt(failed=400, of=1043, over_s=10.5),
        rto_s=0.2,
        capture_rto_s=math.inf,
        books=BooksResult(verdict=Verdict.FAIL, reasons=(), lost=1, doubled=0, text=""),
    )
    assert str(impact(seen)) == (
        "400 of 1,043 requests failed over 10.5 s; p95 before 9 → during 480 → after 11 ms; back 0.2 s after the"
        " rollback; not captured in time again while it was watched; 1 order lost, none doubled"
    )

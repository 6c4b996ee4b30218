"""What people read: the preview before, the record and the terminal's text after."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plugins.books.captures import Capture, CaptureTimeline
from plugins.books.report import BooksReport, Discrepancy
from plugins.chaos.fault import Call, Plan
from plugins.chaos.judgement import gathering
from plugins.chaos.judgement.evidence import BooksResult
from plugins.chaos.judgement.judge import judge
from plugins.chaos.judgement.report import impact, record, render
from plugins.chaos.preview import UNKNOWN, preview
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source, Windows
from plugins.chaos.stop import Deadline, ErrorBudget
from plugins.chaos.tests.fakes import WINDOWS, FileFault, scenario
from plugins.chaos.tests.test_judge import CASES
from plugins.load.recorder import FileSink, Recorder
from plugins.load.result import LoadResult
from plugins.reporting.impact import Felt
from plugins.slo import Slo, Verdict
from plugins.telemetry.anomaly import Anomaly
from plugins.telemetry.timeline import Series

LOST_ORDER = Discrepancy(kind="order lost", order_id="o", idempotency_key="k", what="gone")
PLAN = Plan(
    fault="file",
    targets=("arn:a",),
    calls=(Call(action="file:Write", resource="arn:a"),),
    undo=(Call(action="file:Write", resource="arn:a"),),
    backup={},
    created_at=0.0,
    radius="1 of 2 files",
)


def test_a_scenario_that_says_no_more_than_it_must_runs_by_these_rules() -> None:
    fields = ("id", "title", "hypothesis", "fault", "rate", "baseline", "during", "recovered", "recovery")
    declared = scenario()
    plain = Scenario(**{name: getattr(declared, name) for name in fields})
    assert (plain.warm_up_s, plain.mix, plain.stops) == (1.0, (("order", 1.0),), (Deadline(seconds=1200.0),))
    assert (plain.recovery.hold_s, plain.recovery.counted_from) == (3.0, "rollback")
    assert (plain.windows("quick", 60.0), plain.windows("full", 60.0)) == (plain.quick, plain.full)


def test_what_cloudwatch_has_to_show_gets_the_periods_it_takes() -> None:
    source = Source(namespace="n", metric="m", stat="Sum", dimensions=())
    shown = scenario(anomalies=(Expected(anomaly=Anomaly(name="5XX", direction="up", by=20), source=source),))
    assert (shown.windows("quick", 1.0), shown.windows("full", 60.0)) == (shown.quick, shown.full)
    lengths = shown.windows("quick", 60.0)
    assert (lengths.baseline_s, lengths.fault_s, lengths.recovery_s) == (120.5, 90.0, 150.0)


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


def test_the_terminal_shows_the_first_twenty_lines_of_the_books() -> None:
    evidence = CASES["all is well"].evidence()
    text = "\n".join(f"order {number}" for number in range(25))
    books = BooksResult(verdict=Verdict.PASS, reasons=(), lost=0, text=text)
    lines = render(replace(evidence, books=books), judge(evidence)).splitlines()
    assert lines[-21:] == [*(f"  order {number}" for number in range(20)), "    … 5 more lines are in the report"]
    assert render(replace(evidence, books=None), judge(evidence)).splitlines()[-1] == "  books: not opened"


@pytest.mark.parametrize(
    ("books", "lost"),
    [
        (BooksReport(discrepancies=(), counts={"acknowledged": 3}), 0),
        (BooksReport(discrepancies=(LOST_ORDER,), counts={"acknowledged": 3}), 1),
        (BooksReport(discrepancies=(), counts={}, doubts=("no table",)), None),
    ],
    ids=["balanced", "an order lost", "not read"],
)
def test_what_was_lost_is_known_from_books_that_could_be_read(
    books: BooksReport, lost: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "reconcile", lambda _platform, _history, **_letters: books)
    run: Any = SimpleNamespace(platform=None, scenario=scenario())
    trace = CASES["all is well"].evidence().trace
    data = gathering.collect(run, trace, LoadResult(folder=tmp_path, samples=()), None)
    doubled = None if lost is None else 0
    known = BooksResult(verdict=books.verdict, reasons=books.reasons, lost=lost, doubled=doubled, text=str(books))
    assert data.books == known
    assert data.stages == ()


def test_a_timeline_has_the_load_the_cpu_and_the_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    recorder.started("order", 1_000.0, 0.0)
    recorder.finished("order", 1_000.0, 0.1, None, 0)
    with FileSink(tmp_path) as sink:
        sink.write(recorder.drain())
    result, cpu = LoadResult.read(tmp_path), Series(name="cpu order", unit="%", points=())
    monkeypatch.setattr(gathering, "charted", lambda *_asked: (cpu,))
    run: Any = SimpleNamespace(platform=None, progress=SimpleNamespace(note=None))
    captures = CaptureTimeline((Capture(order_id="o", placed_at=1_000.0, captured_at=1_001.0),))
    assert gathering.charts(run, gathering.RawData(result=None)) == ()
    assert gathering.charts(run, gathering.RawData(result=result)) == (*result.series(), cpu)
    charted = gathering.charts(run, gathering.RawData(result=result, stages=(captures,)))
    assert charted == (*result.series(), cpu, *captures.series())


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
        stage_rtos={"capture": math.inf},
        books=BooksResult(verdict=Verdict.FAIL, reasons=(), lost=1, doubled=0, text=""),
    )
    assert str(impact(seen)) == (
        "400 of 1,043 requests failed over 10.5 s; p95 before 9 → during 480 → after 11 ms; back 0.2 s after the"
        " rollback; not captured in time again while it was watched; 1 order lost, none doubled"
    )

"""From a scenario and what was measured to a verdict, a record and a plan."""

import json
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from plugins.books.report import BooksReport, Discrepancy
from plugins.environment.outcome import Inconclusive
from plugins.load import plugin
from plugins.load.arrivals import Constant, Ramp, Stage, Stages
from plugins.load.capacity import breakpoint_rate, offer
from plugins.load.errors import LoadError
from plugins.load.evidence import LoadEvidence, reasons
from plugins.load.histogram import Histogram, bucket_of
from plugins.load.judge import judge_stages, verdict_of
from plugins.load.plan import LoadPlan
from plugins.load.preview import preview
from plugins.load.recorder import FileSink, Recorder
from plugins.load.report import record, render
from plugins.load.result import LoadResult, Window
from plugins.load.scenario import LoadScenario
from plugins.load.tests.shop import Shop
from plugins.slo import Slo, Verdict

T = 1_700_000_000.0
CALM = Slo.of("calm", "p50 <= 100 ms", "errors <= 1 %")
STAGES = Stages(
    stages=(
        Stage(name="up", arrivals=Ramp(start_per_s=10, end_per_s=30, duration_s=1)),
        Stage(name="peak", arrivals=Constant(per_s=30, duration_s=2)),
    )
)
SCENARIO = LoadScenario(
    name="trial",
    title="A trial",
    story="Made up",
    quick=STAGES,
    full=STAGES.scaled(time=10),
    slos={"up": CALM, "peak": CALM},
)
BALANCED = BooksReport(discrepancies=(), counts={"acknowledged": 80})
LOST = BooksReport(
    discrepancies=(Discrepancy(kind="order lost", order_id="o-1", idempotency_key="k-1", what="gone"),),
    counts={"acknowledged": 80},
)
UNREAD = BooksReport(discrepancies=(), counts={}, doubts=("no table",))


def measured(
    folder: Path, *, peak_latency_s: float = 0.01, peak_error: str | None = None, peak_slip_s: float = 0.0
) -> LoadResult:
    """20 answers in the ramp, all good, and 60 at the peak."""
    recorder = Recorder()
    for n in range(80):
        at = T + n / 20 if n < 20 else T + 1 + (n - 20) / 30
        latency_s, error = (0.01, None) if n < 20 else (peak_latency_s, peak_error)
        recorder.started("order", at, 0.0 if n < 20 else peak_slip_s)
        recorder.finished("order", at, latency_s, error, 0)
    with FileSink(folder) as sink:
        sink.write(recorder.drain())
    (folder / "plan.json").write_text("{}")
    return LoadResult.read(folder)


def evidence(result: LoadResult, books: BooksReport = BALANCED) -> LoadEvidence:
    stages = judge_stages(STAGES, SCENARIO.slos, result, T)
    return LoadEvidence(scenario=SCENARIO, result=result, stages=stages, books=books, reconciled=(T + 3, T + 4))


def test_each_stage_is_judged_on_its_own(tmp_path: Path) -> None:
    reports = judge_stages(STAGES, SCENARIO.slos, measured(tmp_path, peak_latency_s=0.5), T)
    assert [(report.span.name, report.verdict) for report in reports] == [
        ("up", Verdict.PASS),
        ("peak", Verdict.FAIL),
    ]
    assert [(report.span.start, report.span.end) for report in reports] == [(T, T + 1), (T + 1, T + 3)]
    assert verdict_of(reports) is Verdict.FAIL


@pytest.mark.parametrize(
    ("slip_s", "error", "verdict"),
    [
        (0.05, None, Verdict.FAIL),
        (0.45, None, Verdict.INCONCLUSIVE),
        (0.45, "http 503", Verdict.FAIL),
    ],
    ids=["too slow without its lateness too", "in time without its lateness", "errors are not its own"],
)
def test_a_generator_that_fell_behind_does_not_fail_the_platform(
    tmp_path: Path, slip_s: float, error: str | None, verdict: Verdict
) -> None:
    """Latency counts from the scheduled start, so what the generator lost is in it: 500 ms where 100 are allowed."""
    found = evidence(measured(tmp_path, peak_latency_s=0.5, peak_error=error, peak_slip_s=slip_s))
    assert found.verdict is verdict
    late = "peak: p50 ≤ 100 ms: measured 500 ms, but the generator itself was 450 ms late: give it more CPU"
    assert (late in reasons(found)) == (slip_s > 0.4)


def test_a_generator_that_was_late_where_the_platform_was_in_time_is_no_doubt(tmp_path: Path) -> None:
    assert evidence(measured(tmp_path, peak_latency_s=0.08, peak_slip_s=0.07)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("books", "peak_error", "verdict", "first"),
    [
        (BALANCED, None, Verdict.PASS, None),
        (BALANCED, "http 503", Verdict.FAIL, "peak: errors ≤ 1 %"),
        (LOST, None, Verdict.FAIL, "books: 1 x order lost"),
        (LOST, "http 503", Verdict.FAIL, "books: 1 x order lost"),
        (UNREAD, None, Verdict.INCONCLUSIVE, "books: no table"),
        (UNREAD, "http 503", Verdict.FAIL, "peak: errors ≤ 1 %"),
    ],
    ids=["all well", "missed", "lost", "lost and missed", "unread", "unread and missed"],
)
def test_the_verdict_is_that_of_stages_and_books_worst_first(
    tmp_path: Path, books: BooksReport, peak_error: str | None, verdict: Verdict, first: str | None
) -> None:
    found = evidence(measured(tmp_path, peak_error=peak_error), books)
    assert found.verdict is verdict
    assert next(iter(reasons(found)), None) == first


def test_the_record_has_a_step_a_stage_the_books_and_the_figures(tmp_path: Path) -> None:
    made = record(evidence(measured(tmp_path, peak_error="timeout")))
    assert [step.name for step in made.steps] == ["up", "peak", "books"]
    assert {name for name, _, _ in made.metrics} >= {"up.p50", "peak.p99", "peak.errors"}
    assert [span.name for span in made.timeline.spans] == ["up", "peak"]
    assert {series.name for series in made.timeline.series} >= {"p99", "errors", "throughput"}
    assert {attachment.name for attachment in made.attachments} >= {"verdict", "plan"}
    assert (made.kind, made.started, made.ended) == ("load", T, T + 4)


def test_the_text_shows_every_objective_the_errors_by_kind_and_where_the_data_lies(tmp_path: Path) -> None:
    text = render(evidence(measured(tmp_path, peak_error="timeout"), LOST))
    for part in ("up: calm: PASS", "peak: calm: FAIL", "60 x timeout", "o-1: gone", str(tmp_path)):
        assert part in text


def test_a_stage_without_an_slo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"stages \['peak', 'up'\], SLOs for \['up'\]"):
        replace(SCENARIO, slos={"up": CALM})


def test_what_a_scenario_does_not_say_is_as_in_a_plan() -> None:
    plan = SCENARIO.plan(STAGES)
    assert plan == LoadPlan(arrivals=STAGES, mix=(("order", 1.0),), max_in_flight=200, timeout_s=5.0, seed=1)


def test_a_scenario_can_be_longer_and_faster_than_declared() -> None:
    arrivals = SCENARIO.arrivals("quick", peak_per_s=300, duration_s=30)
    assert arrivals.peak == pytest.approx(300)
    assert arrivals.duration_s == pytest.approx(30)


def test_a_percentile_claimed_from_too_few_arrivals_is_refused() -> None:
    strict = Slo.of("strict", "p99 <= 100 ms")
    with pytest.raises(ValueError, match=r"stage 'peak': p99 needs 299 samples, there are 60"):
        replace(SCENARIO, slos={"up": CALM, "peak": strict})


def test_a_preview_names_stages_objectives_and_calls() -> None:
    text = preview(SCENARIO, "quick")
    assert "  up: 0 s to 1 s, up to 30/s, 20 arrivals; p50 ≤ 100 ms; errors ≤ 1 %" in text
    assert "  peak: 1 s to 3 s, up to 30/s, 60 arrivals" in text
    assert "queues are counted" in text
    assert "sqs:DeleteMessage" not in text


class Silent:
    """Progress nobody watches."""

    def phase(self, name: str, seconds: float = 0.0) -> AbstractContextManager[None]:
        del name, seconds
        return nullcontext()

    def note(self, text: str) -> None:
        """A shop without a CloudWatch has no CPU to chart, and that is noted here."""
        assert text.startswith("no CPU in the chart")


def settings() -> Any:
    return SimpleNamespace(profile="quick", environment=SimpleNamespace(slo=SimpleNamespace(latency_scale=1.0)))


def test_a_scenario_is_run_judged_and_reconciled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    histories: list[Path] = []

    def balanced(_platform: object, history: Path, *, letters_before: int | None) -> BooksReport:
        assert letters_before is None, "a shop has no queues"
        histories.append(history)
        return BALANCED

    monkeypatch.setattr(plugin, "reconcile", balanced)
    with Shop() as shop:
        found = plugin.perform(SCENARIO, settings(), cast("Any", shop), cast("Any", Silent()), tmp_path)
    assert found.verdict is Verdict.PASS, render(found)
    assert sum(stage.window.samples for stage in found.stages) == len(shop.requests) == 80
    assert histories == [tmp_path / "history.jsonl"]
    assert json.loads((tmp_path / "plan.json").read_text())["arrivals"]["shape"] == "stages"


def test_a_generator_that_gives_way_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise LoadError("the load generator died", log=("Killed",))

    monkeypatch.setattr(plugin, "start", fails)
    kept: list[Any] = []
    with (
        pytest.raises(Inconclusive, match=r"A trial: the load generator died\n +\| Killed"),
        plugin.published(SCENARIO, tmp_path, kept.append),
    ):
        plugin.perform(SCENARIO, settings(), cast("Any", None), cast("Any", Silent()), tmp_path)
    (found,) = kept
    assert (found.kind, found.name, found.verdict) == ("load", "trial", Verdict.INCONCLUSIVE)
    assert found.reasons == ("the load generator died",)
    assert found.started <= found.ended
    assert "| Killed" in found.attachments[0].body


def test_a_rate_offered_for_a_while_is_one_window(tmp_path: Path) -> None:
    with Shop() as shop:
        window = offer(shop.url, per_s=50, seconds=1, folder=tmp_path)
    assert (window.due, window.good.total) == (50, 50)
    assert window.end - window.start == pytest.approx(1)


def test_what_warms_up_does_not_count(tmp_path: Path) -> None:
    with Shop() as shop:
        window = offer(shop.url, per_s=50, seconds=1, warm_up_s=0.5, folder=tmp_path)
    assert (window.due, len(LoadResult.read(tmp_path).attempts)) == (50, 75)


def test_a_report_shows_a_scenario_by_its_name() -> None:
    assert repr(SCENARIO) == "trial"


@dataclass
class _Served:
    """A platform whose latency leaps beyond its capacity."""

    capacity_per_s: float

    def offer(self, per_s: float) -> Window:
        microseconds = 20_000 if per_s <= self.capacity_per_s else 900_000
        latency = Histogram(counts={bucket_of(microseconds): 300}, sum_us=300 * microseconds, max_us=microseconds)
        return Window(
            start=T,
            end=T + 1,
            due=300,
            dropped=0,
            retries=0,
            errors={},
            good=latency,
            bad=Histogram(),
            slip=Histogram(),
        )


@pytest.mark.parametrize(
    ("capacity", "lowest", "highest"), [(137.0, 135.0, 137.0), (1000.0, 200.0, 200.0)], ids=["within", "above"]
)
def test_the_breakpoint_is_the_highest_rate_that_meets_the_slo(capacity: float, lowest: float, highest: float) -> None:
    slo = Slo.of("quick", "p99 <= 250 ms")
    rate = breakpoint_rate(_Served(capacity).offer, slo, low_per_s=50, high_per_s=200, step_per_s=2)
    assert rate is not None
    assert lowest <= rate <= highest


def test_a_platform_that_cannot_carry_the_least_has_no_breakpoint() -> None:
    slo = Slo.of("quick", "p99 <= 250 ms")
    assert breakpoint_rate(_Served(10.0).offer, slo, low_per_s=50, high_per_s=200, step_per_s=2) is None


def test_a_plan_has_no_more_shares_than_it_names() -> None:
    assert LoadPlan(arrivals=STAGES).shares == (("order", 1.0),)


def test_reporting_needs_no_gevent() -> None:
    code = "import sys; from plugins.load import plugin; sys.exit(bool({'gevent', 'locust'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_sentence_tells_who_felt_it_stage_by_stage_and_what_was_lost(tmp_path: Path) -> None:
    result = measured(tmp_path, peak_latency_s=0.5, peak_error="http 503")
    sentence = "60 of 80 requests failed over 2 s; p95 up 10 → peak 500 ms"
    assert str(record(evidence(result)).impact) == f"{sentence}; no order lost, none doubled"
    assert str(record(evidence(result, LOST)).impact) == f"{sentence}; 1 order lost, none doubled"
    assert str(record(evidence(result, UNREAD)).impact) == sentence, "what nobody knows is not said"

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from plugins.reporting import archive, history, summary
from plugins.reporting.allure import description, perf
from plugins.reporting.chart import draw
from plugins.reporting.impact import Back, Course, Felt, Impact
from plugins.reporting.published import properties
from plugins.reporting.record import RunRecord
from plugins.reporting.redact import redact
from plugins.slo import Slo, Verdict
from plugins.telemetry import Series, Span, Timeline

SVG = "{http://www.w3.org/2000/svg}"

IMPACT = Impact(
    felt=(Felt(failed=400, of=1043, over_s=10.5),),
    courses=(Course(name="p95", unit="ms", values=(("before", 9.04), ("during", 481.2), ("after", None))),),
    back=(Back(after_s=0.2, counted_from="rollback"),),
    lost=0,
    doubled=0,
)


def _record(name: str = "06-ecs-task-kill", verdict: Verdict = Verdict.PASS, **more: object) -> RunRecord:
    fields: dict[str, object] = {
        "kind": "chaos",
        "name": name,
        "title": f"chaos {name}",
        "story": "a task dies",
        "verdict": verdict,
        "reasons": () if verdict is Verdict.PASS else ("p99 was 900 ms",),
        "started": 1000.0,
        "ended": 1030.0,
        "slos": (Slo.of("recovery", "p50 <= 10 ms").judge({"p50": 4.0}),),
        "metrics": (("rto", 1.5, "s"),),
        "impact": IMPACT,
    }
    return RunRecord(**{**fields, **more})  # type: ignore[arg-type]  # a table of overrides


def test_the_summary_puts_failures_and_their_reasons_before_the_objectives(tmp_path: Path) -> None:
    archive.save(_record(), tmp_path)
    archive.save(_record("04-throttle", Verdict.FAIL), tmp_path)
    page = summary.render(archive.load(tmp_path), {"env": "dev"})
    assert page.startswith("# CloudCafe: 1 pass, 1 fail\n")
    assert page.index("p99 was 900 ms") < page.index("## Objectives")
    assert "recovery: PASS" in page


def test_a_run_that_judged_nothing_shows_it() -> None:
    assert "Nothing was judged" in summary.render((), {"env": "dev"})


def test_a_record_survives_the_store(tmp_path: Path) -> None:
    archive.save(_record(), tmp_path)
    (row,) = archive.load(tmp_path)
    assert (row.name, row.verdict, row.duration_s, row.metrics) == (
        "06-ecs-task-kill",
        Verdict.PASS,
        30.0,
        (("rto", 1.5, "s"),),
    )


def test_a_table_cell_cannot_break_the_table(tmp_path: Path) -> None:
    archive.save(_record(title="a | b\nc"), tmp_path)
    assert "a \\| b c" in summary.render(archive.load(tmp_path), {})


def test_the_history_drops_a_torn_last_line_and_keeps_the_rest(tmp_path: Path) -> None:
    archive.save(_record(), tmp_path / "records")
    rows, file = archive.load(tmp_path / "records"), tmp_path / "history.jsonl"
    history.append(rows, file)
    file.write_text(file.read_text() + '{"at": 12, "run', encoding="utf-8")
    history.append(rows, file)
    assert [json.loads(entry)["run"] for entry in file.read_text().splitlines()] == ["chaos 06-ecs-task-kill"] * 2
    assert "06-ecs-task-kill rto" in history.trend(file)


def test_metrics_are_written_in_the_form_allure_reads() -> None:
    (entry,) = perf(_record())
    assert entry == {
        "id": "chaos-06-ecs-task-kill-0",
        "key": "chaos.06-ecs-task-kill.rto [s]",
        "value": 1.5,
        "start": 1000000,
        "stop": 1030000,
    }


def test_the_chart_shades_the_fault_and_draws_each_unit_in_its_own_panel() -> None:
    series = (
        Series(name="p99", unit="ms", points=((0, 10), (5, 500), (10, 12))),
        Series(name="errors", unit="%", points=((0, 0), (5, 100), (10, 0))),
    )
    spans = (Span(name="baseline", start=0, end=4), Span(name="fault", start=4, end=7, is_fault=True))
    root = ET.fromstring(draw(Timeline(series=series, spans=spans), "<orders & more>"))  # noqa: S314 - our own output
    assert len(root.findall(f"{SVG}polyline")) == 2
    assert [r for r in root.findall(f"{SVG}rect") if r.get("fill") == "#f6d5cd"]
    assert "<orders & more>" in [t.text for t in root.findall(f"{SVG}text")]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5e-324])
def test_a_value_that_has_no_place_on_an_axis_breaks_no_chart(value: float) -> None:
    series = Series(name="p99", unit="ms", points=((0, 1.0), (1, value), (2, 1.0)))
    alone = Series(name="odd", unit="%", points=((0, value),))
    page = draw(Timeline(series=(series, alone)), "odd")
    ET.fromstring(page)  # noqa: S314 - our own output
    assert "nan" not in page
    assert "inf" not in page


def test_a_gap_in_the_data_is_a_gap_in_the_chart() -> None:
    points = ((0.0, 10.0), (1.0, 12.0), (5.0, 11.0), (6.0, 10.0), (9.0, 12.0))
    series = Series(name="p99", unit="ms", points=points, period_s=1.0)
    root = ET.fromstring(draw(Timeline(series=(series,)), "outage"))  # noqa: S314 - our own output
    assert [len(line.attrib["points"].split()) for line in root.findall(f"{SVG}polyline")] == [2, 2]
    assert len(root.findall(f"{SVG}circle")) == 1


NOON = 1_790_000_000.0


@pytest.mark.parametrize(
    ("length_s", "first", "last"),
    [
        (30.0, "0 s", "30 s"),
        (3600.0, "0 s", "3500 s"),
        (8 * 3600.0, "15:00", "22:00"),
        (30 * 86400.0, "2026-09-24", "2026-10-15"),
        (400 * 86400.0, "2026-10-22", "2027-10-21"),
    ],
    ids=["a quick run", "an hour", "a working day", "a month", "a year"],
)
def test_time_is_shown_in_what_people_read_it_in(length_s: float, first: str, last: str) -> None:
    points = ((NOON, 1_500_000.0), (NOON + length_s, 2_000_000.0))
    page = draw(Timeline(series=(Series(name="n", unit="items", points=points),)), "t")
    texts = [t.text or "" for t in ET.fromstring(page).findall(f"{SVG}text")]  # noqa: S314 - our own output
    below = [text for text in texts if text.endswith(" s") or ":" in text or "-" in text]
    assert (below[0], below[-1]) == (first, last), below
    assert len(below) <= 11
    assert "2000000" in texts, "and no power of ten beside it"


def test_a_chart_without_data_shows_it() -> None:
    assert "no data was recorded" in draw(Timeline(), "empty")


@pytest.mark.parametrize(
    "text",
    [
        "authorization: Bearer abcdef123456",
        '{"aws_secret_access_key": "abcdef123456"}',
        "password=abcdef123456",
        "operator_token: 'abcdef123456'",
        "Authorization: Basic abcdef123456",
        "postgresql://cafe:abcdef123456@localhost:5432/cafe",
        "redis://:abcdef123456@localhost",
        r'{"SecretString": "{\"password\": \"abcdef123456\"}"}',
    ],
)
def test_what_looks_like_a_secret_never_reaches_a_report(text: str) -> None:
    assert "abcdef123456" not in redact(text)


@pytest.mark.parametrize(
    "reason",
    [
        'login with password="abcdef123456" refused',
        'refused: {"password":"abcdef123456\\"}',
        "authorization=abcdef123456\\",
    ],
    ids=["quoted", "json", "backslash"],
)
def test_a_secret_in_a_reason_is_withheld_and_the_record_stays_readable(reason: str, tmp_path: Path) -> None:
    file = archive.save(_record(verdict=Verdict.FAIL, reasons=(reason,)), tmp_path)
    assert "abcdef123456" not in file.read_text(encoding="utf-8")
    (row,) = archive.load(tmp_path)
    assert "characters withheld" in row.reasons[0]


def test_ordinary_text_is_left_alone() -> None:
    text = "the secret of a good coffee; token bucket at 1000; password policy"
    assert redact(text) == text


def test_a_page_shows_what_looks_like_markup(tmp_path: Path) -> None:
    """GitHub takes `<Response [500]>` for an element, and shows nothing of it."""
    reason = "AssertionError: <Response [500]> & more\n# no heading"
    archive.save(_record("04", Verdict.FAIL, title="a <b> & c", reasons=(reason,)), tmp_path)
    page = summary.render(archive.load(tmp_path), {})
    assert "- AssertionError: &lt;Response [500]&gt; &amp; more # no heading\n" in page
    assert "<details><summary>chaos: a &lt;b&gt; &amp; c</summary>" in page
    assert "| chaos: a &lt;b&gt; &amp; c |" in page
    assert "**chaos: a &lt;b&gt; &amp; c**" in page
    assert "<b>" not in page


SENTENCE = (
    "400 of 1,043 requests failed over 10.5 s; p95 before 9.04 → during 481 → after ? ms; back 0.2 s after the"
    " rollback; no order lost, none doubled"
)


def test_the_sentence_is_the_same_on_the_terminal_in_the_summary_in_allure_and_in_junit(tmp_path: Path) -> None:
    """Key figures that hide an outage are worse than none: who felt it, for how long, and when it was good again."""
    archive.save(_record(), tmp_path)
    rows = archive.load(tmp_path)
    assert str(IMPACT) == SENTENCE
    assert [line.strip() for line in summary.terminal(rows)][1] == SENTENCE
    assert f"| {SENTENCE} |" in summary.render(rows, {})
    assert description(_record()).startswith(f"**PASS**: {SENTENCE}")
    assert properties(_record()) == [("verdict", "pass"), ("felt", SENTENCE), ("rto", "1.5 s")]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (Felt(failed=0, of=825), "none of 825 requests failed"),
        (Felt(failed=0, of=0, what="checks"), "no checks were made"),
        (Felt(failed=1, of=12, what="checks"), "1 of 12 checks failed"),
        (Back(after_s=math.inf, counted_from="injection"), "not back while it was watched"),
        (Back(after_s=0.0, counted_from="rollback"), "back at once after the rollback"),
        (Course(name="p99", unit="ms", values=(("warm", 15000.0),)), "p99 warm 15000 ms"),
        (Impact(lost=1, doubled=2), "1 order lost, 2 doubled"),
        (Impact(lost=2, doubled=0), "2 orders lost, none doubled"),
        (Impact(lost=None, doubled=None), ""),
    ],
)
def test_each_part_of_the_sentence_is_what_people_say(part: object, text: str) -> None:
    assert str(part) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=abc", "password=[3 characters withheld]"),
        ('{"password": "a,b"}', '{"password": "[3 characters withheld]"}'),
        ("password: 'ab cd; ef'", "password: '[9 characters withheld]'"),
        ("password=a,bcdef and more", "password=[7 characters withheld] and more"),
        (r'{"password": "ab\"cd", "n": 1}', '{"password": "[6 characters withheld]", "n": 1}'),
        (
            r'{"s": "{\"password\": \"a,b\", \"n\": 1}"}',
            r'{"s": "{\"password\": \"[3 characters withheld]\", \"n\": 1}"}',
        ),
        ("authorization: bearer ab", "authorization: [9 characters withheld]"),
        ('password=""', 'password=""'),
        ('{"password":null,"n":1}', '{"password":null,"n":1}'),
        ('{"password":12,"n":1}', '{"password":[2 characters withheld],"n":1}'),
        ("{'a': {password=ab}, n=1}", "{'a': {password=[2 characters withheld]}, n=1}"),
        ("password=[ab", "password=[3 characters withheld]"),
    ],
    ids=[
        "short",
        "separator",
        "quoted blanks",
        "unquoted",
        "escaped quote",
        "JSON in JSON",
        "bearer",
        "empty",
        "null",
        "number",
        "closed",
        "bracket",
    ],
)
def test_a_secret_is_withheld_whole_however_short_and_whatever_is_in_it(text: str, left: str) -> None:
    assert redact(text) == left
    assert redact(redact(text)) == left

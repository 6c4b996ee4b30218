"""What a run shows and leaves behind, and what it does when it cannot write."""

import pytest

from infrastructure.errors import ExitCode

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["plugins.environment.plugin", "plugins.reporting.plugin"]'
SUITE = """
from plugins.reporting.record import RunRecord
from plugins.slo import Verdict

def test_judges(reporter):
    reporter.publish(RunRecord(kind="chaos", name="06", title="a task dies", story="", verdict=Verdict.PASS, reasons=(),
                               started=1.0, ended=2.0, metrics=(("rto", 1.5, "s"),)))
"""


@pytest.fixture
def suites(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A checkout with one suite that judges one run."""
    monkeypatch.setenv("CLOUDCAFE_HOME", str(pytester.path))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]")
    (pytester.path / "suites").mkdir()
    (pytester.path / "suites" / "test_0.py").write_text(SUITE, encoding="utf-8")
    return pytester


def run(suites: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    common = ("-p", "no:cacheprovider", "-p", "allure_pytest.plugin", "--import-mode=importlib", "suites")
    return suites.runpytest_inprocess(*common, *arguments)


def test_the_verdicts_stand_right_below_their_header(suites: pytest.Pytester) -> None:
    result = run(suites)
    assert result.ret == ExitCode.PASSED
    lines = result.stdout.lines
    header = next(number for number, line in enumerate(lines) if " verdicts " in line)
    assert lines[header + 1].startswith("PASS")
    assert "a task dies" in (suites.path / "reports" / "summary.md").read_text(encoding="utf-8")


def test_verdicts_stand_in_columns_and_only_figures_in_parentheses(suites: pytest.Pytester) -> None:
    other = SUITE.replace('"chaos"', '"infrastructure"').replace('(("rto", 1.5, "s"),)', "()")
    (suites.path / "suites" / "test_1.py").write_text(other, encoding="utf-8")
    lines = run(suites).stdout.lines
    assert [line for line in lines if line.startswith("PASS")] == [
        "PASS         chaos          a task dies  (rto 1.5 s)",
        "PASS         infrastructure a task dies",
    ]


def test_a_report_that_cannot_be_written_is_reported_and_takes_the_exit_code(suites: pytest.Pytester) -> None:
    (suites.path / "reports" / "summary.md").mkdir(parents=True)
    result = run(suites)
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["*no report*", "the report cannot be written: *summary.md*Next: *"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_record_that_cannot_be_kept_is_a_fault_that_names_the_verdict(suites: pytest.Pytester) -> None:
    (suites.path / "reports").mkdir()
    (suites.path / "reports" / "records").write_text("in the way", encoding="utf-8")
    result = run(suites)
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["PASS: a task dies, but the report cannot be written: *records*"])


@pytest.mark.parametrize(
    "history", ["nowhere/runs.jsonl", "suites", "runs.svg"], ids=["no-such-folder", "a-folder", "the-trend's-own-name"]
)
def test_a_history_that_cannot_be_is_refused_before_the_run(history: str, suites: pytest.Pytester) -> None:
    result = run(suites, "--history", history)
    assert result.ret == ExitCode.USAGE
    result.stderr.fnmatch_lines([f"ERROR: --history {history!r}*"])


@pytest.mark.parametrize(
    "text",
    ["# my notes\nnothing to do with runs\n", '{"outcome":"acknowledged"}\n{"outcome":"refused"}\n', "[1]\n", "\xff\n"],
    ids=["notes", "orders", "no-objects", "no-text"],
)
def test_another_file_given_as_history_is_refused_and_stays_as_it_is(text: str, suites: pytest.Pytester) -> None:
    file = suites.path / "mine.jsonl"
    file.write_bytes(text.encode("latin-1"))
    result = run(suites, "--history", "mine.jsonl")
    assert result.ret == ExitCode.USAGE
    result.stderr.fnmatch_lines(["ERROR: --history 'mine.jsonl'*line 1*no recorded run*"])
    assert file.read_bytes() == text.encode("latin-1")


def test_a_history_grows_by_each_run(suites: pytest.Pytester) -> None:
    for _ in range(2):
        assert run(suites, "--history", "runs.jsonl").ret == ExitCode.PASSED
    assert len((suites.path / "runs.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert "chaos 06 rto" in (suites.path / "runs.svg").read_text(encoding="utf-8")


def test_the_summary_names_tests_that_failed_without_a_verdict(suites: pytest.Pytester) -> None:
    crashing = "def test_crashes(): 1 / 0\n\ndef test_is_well(): pass\n"
    (suites.path / "suites" / "test_1.py").write_text(crashing, encoding="utf-8")
    unwell = SUITE.replace("Verdict.PASS", "Verdict.FAIL").replace('"06"', '"07"') + "    assert False\n"
    (suites.path / "suites" / "test_2.py").write_text(unwell, encoding="utf-8")
    run(suites)
    page = (suites.path / "reports" / "summary.md").read_text(encoding="utf-8")
    assert page.startswith("# CloudCafe: 1 pass, 1 fail, 1 without a verdict\n")
    assert [line for line in page.splitlines() if line.startswith("- `")] == ["- `suites/test_1.py::test_crashes`"]


def test_a_refused_run_leaves_the_last_ones_records(suites: pytest.Pytester) -> None:
    run(suites)
    kept = suites.path / "reports" / "records" / "chaos-06.json"
    assert kept.is_file()
    assert run(suites, "--env", "qa").ret == ExitCode.USAGE
    assert kept.is_file()

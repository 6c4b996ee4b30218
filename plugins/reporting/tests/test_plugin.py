"""What a run shows and leaves behind, and what it does when it cannot write."""

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from infrastructure.errors import ExitCode
from plugins.reporting import folders

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["plugins.environment.plugin", "plugins.reporting.plugin"]'
SUITE = """
from plugins.reporting.impact import Felt, Impact
from plugins.reporting.record import RunRecord
from plugins.slo import Verdict

def test_judges(reporter):
    reporter.publish(RunRecord(kind="chaos", name="06", title="a task dies", story="", verdict=Verdict.PASS, reasons=(),
                               started=1.0, ended=2.0, metrics=(("rto", 1.5, "s"),),
                               impact=Impact(felt=(Felt(failed=2, of=30),))))
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


def summary_of(suites: pytest.Pytester) -> Path:
    return suites.path / "reports" / "latest" / "summary.md"


def run(suites: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    common = ("-p", "no:cacheprovider", "-p", "allure_pytest.plugin", "--import-mode=importlib", "suites")
    return suites.runpytest_inprocess(*common, *arguments)


def test_the_verdicts_stand_right_below_their_header(suites: pytest.Pytester) -> None:
    result = run(suites)
    assert result.ret == ExitCode.PASSED
    lines = result.stdout.lines
    header = next(number for number, line in enumerate(lines) if " verdicts " in line)
    assert lines[header + 1].startswith("PASS")
    assert "a task dies" in summary_of(suites).read_text(encoding="utf-8")


def test_each_verdict_stands_in_its_column_with_what_was_felt_below_it(suites: pytest.Pytester) -> None:
    other = SUITE.replace('"chaos"', '"infrastructure"').replace("(Felt(failed=2, of=30),)", "()")
    (suites.path / "suites" / "test_1.py").write_text(other, encoding="utf-8")
    lines = run(suites).stdout.lines
    header = next(number for number, line in enumerate(lines) if " verdicts " in line)
    assert lines[header + 1 : header + 4] == [
        "PASS         chaos          a task dies",
        "                            2 of 30 requests failed",
        "PASS         infrastructure a task dies",
    ]


CROWDED = """
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    (next((session.config.rootpath / "reports").glob("run-*")) / "summary.md").mkdir()
"""
BLOCKED = """
def pytest_sessionstart(session):
    (next((session.config.rootpath / "reports").glob("run-*")) / "records").write_text("in the way")
"""


def test_a_report_that_cannot_be_written_is_reported_and_takes_the_exit_code(suites: pytest.Pytester) -> None:
    suites.makeconftest(CONFTEST + CROWDED)
    result = run(suites)
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["*no report*", "the report cannot be written: *summary.md*Next: *"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_record_that_cannot_be_kept_is_a_fault_that_names_the_verdict(suites: pytest.Pytester) -> None:
    suites.makeconftest(CONFTEST + BLOCKED)
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
    page = summary_of(suites).read_text(encoding="utf-8")
    assert page.startswith("# CloudCafe: 1 pass, 1 fail, 1 without a verdict\n")
    assert [line for line in page.splitlines() if line.startswith("- `")] == ["- `suites/test_1.py::test_crashes`"]


def test_the_summary_says_where_latencies_were_stretched(suites: pytest.Pytester) -> None:
    run(suites, "--env", "shared")
    shared = summary_of(suites).read_text(encoding="utf-8")
    assert "; env shared, target embedded, profile quick, pace fast, latency_scale 3.\n" in shared
    run(suites)
    assert "latency_scale" not in summary_of(suites).read_text(encoding="utf-8")


def runs(suites: pytest.Pytester) -> list[str]:
    """What lies under `reports/`, `latest` aside."""
    return sorted(path.name for path in (suites.path / "reports").iterdir() if path.name != "latest")


REFUSED = ("--env", "qa")


@pytest.mark.parametrize(
    ("arguments", "suite"),
    [(REFUSED, SUITE), (("-k", "nothing"), SUITE), ((), "import nothing_of_the_kind")],
    ids=["refused", "nothing selected", "cannot be collected"],
)
def test_a_run_that_judged_nothing_never_takes_the_place_of_one_that_did(
    arguments: tuple[str, ...], suite: str, suites: pytest.Pytester
) -> None:
    run(suites)
    kept = summary_of(suites).resolve()
    (suites.path / "suites" / "test_0.py").write_text(suite, encoding="utf-8")
    assert run(suites, *arguments).ret != ExitCode.PASSED
    assert summary_of(suites).resolve() == kept
    assert "1 pass" in kept.read_text(encoding="utf-8")


def test_a_refused_run_leaves_nothing(suites: pytest.Pytester) -> None:
    run(suites, *REFUSED)
    assert not (suites.path / "reports").exists()


def test_each_run_has_a_folder_of_its_own_and_the_newest_is_the_latest(suites: pytest.Pytester) -> None:
    run(suites)
    first = summary_of(suites).resolve()
    run(suites)
    assert len(runs(suites)) == 2
    assert summary_of(suites).resolve() != first
    assert first.is_file()
    latest = summary_of(suites).parent
    assert {path.name for path in latest.iterdir()} == {"allure-results", "junit.xml", "records", "summary.md"}


def test_workers_leave_what_they_find_in_the_folder_of_their_run(suites: pytest.Pytester) -> None:
    common = ("-p", "no:cacheprovider", "-p", "allure_pytest.plugin", "-p", "xdist", "--import-mode=importlib")
    result = suites.runpytest_subprocess(*common, "-n", "1", "suites")
    assert result.ret == ExitCode.PASSED
    (folder,) = runs(suites)
    assert len(list((suites.path / "reports" / folder / "records").iterdir())) == 1
    assert len(list((suites.path / "reports" / folder / "allure-results").glob("*-result.json"))) == 1


def test_folders_of_runs_are_bounded_and_the_latest_stays(tmp_path: Path) -> None:
    names = [f"run-2026010{day}-000000-{day:06x}" for day in range(1, 7)]
    for name in (*names, "mine", "locust-x-20260101-120000-abcdef"):
        (tmp_path / name).mkdir()
    folders.promote(tmp_path / names[0])
    folders.prune(tmp_path, keep=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "mine", names[0], *names[3:]]


def test_a_run_that_is_under_way_keeps_its_folder_however_many_end_meanwhile(tmp_path: Path) -> None:
    names = [f"run-2026010{day}-000000-{day:06x}" for day in range(1, 7)]
    held = folders.begin(tmp_path / names[0])
    for name in names[1:]:
        (tmp_path / name).mkdir()
    folders.prune(tmp_path, keep=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [names[0], *names[3:]]
    os.close(held)
    folders.prune(tmp_path, keep=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == names[3:]


TIDY = """

def test_tidies_up():
    from pathlib import Path
    from plugins.reporting import folders
    folders.prune(Path("reports"), keep=0)
"""


def test_a_run_of_pytest_holds_its_folder_until_its_end(suites: pytest.Pytester) -> None:
    """Whoever tidies up in the middle of it, as a run that ends then does, leaves it alone."""
    (suites.path / "suites" / "test_0.py").write_text(SUITE + TIDY, encoding="utf-8")
    assert run(suites).ret == ExitCode.PASSED
    assert "a task dies" in summary_of(suites).read_text(encoding="utf-8")
    folders.prune(suites.path / "reports", keep=0)
    assert len(runs(suites)) == 1, "latest stays"
    (suites.path / "reports" / "latest").unlink()
    folders.prune(suites.path / "reports", keep=0)
    assert runs(suites) == []


def test_junit_says_the_verdict_and_its_figures(suites: pytest.Pytester) -> None:
    run(suites)
    tree = ET.parse(summary_of(suites).with_name("junit.xml"))  # noqa: S314 - our own output
    assert {one.get("name"): one.get("value") for one in tree.iter("property")} == {
        "verdict": "pass",
        "felt": "2 of 30 requests failed",
        "rto": "1.5 s",
    }


def test_the_same_test_elsewhere_is_another_one_in_allures_history(suites: pytest.Pytester) -> None:
    """An honest PASS and a sabotaged FAIL under one identity would be a flaky test."""
    for options in ((), (), ("--profile", "full"), ("--sabotage", "fault"), ("--pace", "aws")):
        run(suites, *options)
    results = (suites.path / "reports").glob("run-*/allure-results/*-result.json")
    identities = [json.loads(path.read_text(encoding="utf-8"))["historyId"] for path in results]
    assert len(identities) == 5
    assert len(set(identities)) == 4


def test_metrics_of_several_runs_fit_into_one_folder(suites: pytest.Pytester) -> None:
    for _ in range(2):
        run(suites, "--alluredir", str(suites.path / "together"))
    assert len(list((suites.path / "together").glob("chaos-06-*-perf.json"))) == 2

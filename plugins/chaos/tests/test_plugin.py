"""Nobody gets a platform that still carries a fault: what a run within this one finds, it undoes, or refuses."""

import os
from typing import Protocol

import pytest

from infrastructure.errors import ExitCode
from infrastructure.state import PlatformRecord, StateFolder
from plugins.chaos import plugin
from plugins.chaos.fault import Plan
from plugins.chaos.runner import perform
from plugins.chaos.tests.fakes import origin
from plugins.chaos.undo.journal import Journal
from plugins.environment.tests.conftest import run
from plugins.environment.tests.runs import CONFTEST, PASSES, Runner

__all__ = ["run"]  # a fixture
pytest_plugins = ["pytester"]


class Judged(Protocol):
    """A run of one experiment."""

    def __call__(self, *options: str, verdict: str = "pass", is_interrupted: bool = False) -> pytest.RunResult: ...


PLAN = Plan(fault="file", targets=("arn:a",), calls=(), undo=(), backup={}, created_at=1.0)


@pytest.fixture
def state(pytester: pytest.Pytester, run: Runner) -> StateFolder:
    """Of the runs' platform, on which an experiment is open, with a fault that nobody here can take back."""
    pytester.makeconftest(
        CONFTEST.replace('"plugins.environment.plugin"', '"plugins.environment.plugin", "plugins.chaos.plugin"')
    )
    state = StateFolder.of("dev", pytester.path)
    log = Journal.of(state.journal, "e1", lambda: 1.0)
    log.planned(origin(platform_id="p1"), PLAN, {})
    log.mark("injecting")
    return state


def is_up(state: StateFolder) -> None:
    PlatformRecord(
        platform_id="p1",
        pid=os.getpid(),
        url="http://127.0.0.1:1",
        access_key="AKIA",
        secret_key="s3cret",
        pace="fast",
        region="us-east-1",
        started_at=1.0,
        detached=True,
    ).write(state)


def test_a_platform_that_carries_a_fault_which_cannot_be_undone_is_refused_with_the_way_out(
    run: Runner, state: StateFolder
) -> None:
    is_up(state)
    result = run(suites=(PASSES,))
    assert result.ret != ExitCode.PASSED
    result.assert_outcomes()
    result.stdout.fnmatch_lines(
        ["*still carries an earlier experiment*", "*e1 (file on arn:a)*", "*cafe restore --accept*", "*no tests ran*"]
    )
    assert len(list(state.journal.iterdir())) == 1


def test_what_a_platform_that_is_gone_carried_is_forgotten_before_the_first_test(
    run: Runner, state: StateFolder
) -> None:
    result = run(suites=(PASSES,))
    assert result.ret == ExitCode.PASSED
    assert list(state.journal.iterdir()) == []


@pytest.mark.parametrize("how", ["a plan", "tests of the framework"])
def test_a_run_that_touches_no_platform_undoes_nothing(run: Runner, state: StateFolder, how: str) -> None:
    is_up(state)
    if how == "a plan":
        result = run("--plan", suites=("def test_plan(platform): pass",))
    else:
        result = run(suites=("def test_unit(): pass",), folder="tests")
    assert result.ret == ExitCode.PASSED
    assert "e1" in (state.journal / "e1.jsonl").read_text()
    assert not [event for event in run.events if event.startswith("up")]


PERFORMS = """
from types import SimpleNamespace
import pytest
from plugins.chaos import plugin
from plugins.environment.tests import fake_cloud
from plugins.slo import Verdict

fake_cloud.install()
pytest_plugins = ["plugins.environment.plugin", "plugins.chaos.plugin"]

def perform(run):
    facts = run.scenario.id, type(run.fault).__name__, run.windows.fault_s, run.held.is_valid(), run.watchdog
    fake_cloud._note(f"perform {facts} {'/'.join(run.reports.parts[-2:])}")
    seen = {"record": "record", "text": "what was seen"}
    return SimpleNamespace(verdict=Verdict("VERDICT"), is_interrupted=INTERRUPTED, **seen)

plugin.perform = perform

@pytest.fixture
def reporter():
    from pathlib import Path

    return SimpleNamespace(raw=Path("reports/raw"), publish=lambda record: fake_cloud._note(f"publish {record}"))

@pytest.fixture
def progress():
    return None
"""
EXPERIMENTS = """
from plugins.chaos.tests.fakes import scenario

def test_scenario(experiment):
    experiment(scenario())

def test_after():
    pass
"""


@pytest.fixture
def judged(pytester: pytest.Pytester, run: Runner, monkeypatch: pytest.MonkeyPatch) -> Judged:
    """Runs of an experiment that ends with a verdict, or is interrupted."""
    monkeypatch.setattr(plugin, "perform", perform)  # so that what a run in this process replaces comes back

    def judge(*options: str, verdict: str = "pass", is_interrupted: bool = False) -> pytest.RunResult:
        pytester.makeconftest(PERFORMS.replace("VERDICT", verdict).replace("INTERRUPTED", str(is_interrupted)))
        return run(*options, suites=(EXPERIMENTS,))

    return judge


@pytest.mark.parametrize(
    ("verdict", "code", "outcomes"),
    [
        ("pass", ExitCode.PASSED, {"passed": 2}),
        ("fail", ExitCode.FAILED, {"passed": 1, "failed": 1}),
        ("inconclusive", ExitCode.INCONCLUSIVE, {"passed": 1}),
    ],
)
def test_an_experiment_ends_its_test_with_its_verdict_and_is_published_whatever_that_is(
    judged: Judged, run: Runner, verdict: str, code: ExitCode, outcomes: dict[str, int]
) -> None:
    result = judged(verdict=verdict)
    assert result.ret == code
    assert {name: count for name, count in result.parseoutcomes().items() if name in outcomes} == outcomes
    assert ("what was seen" in result.stdout.str()) is (verdict != "pass")
    assert run.events[1:3] == ["perform ('99-file', 'FileFault', 10.0, True, None) reports/raw", "publish record"]


def test_an_interrupted_experiment_is_published_and_ends_the_run(judged: Judged, run: Runner) -> None:
    with pytest.raises(KeyboardInterrupt):  # what ends a run within this one ends it in this process
        judged(is_interrupted=True)
    assert run.events[-2:] == ["publish record", "down dev"]


def test_a_sabotaged_experiment_has_a_fault_that_does_nothing(judged: Judged, run: Runner) -> None:
    judged("--sabotage", "fault", "--profile", "full")
    assert "perform ('99-file', 'NoOp', 180.0, True, None) reports/raw" in run.events

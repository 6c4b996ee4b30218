"""Nobody gets a platform that still carries a fault: what a run within this one finds, it undoes, or refuses."""

import os

import pytest

from infrastructure.errors import ExitCode
from infrastructure.state import PlatformRecord, StateFolder
from plugins.chaos.fault import Plan
from plugins.chaos.journal import Journal
from plugins.chaos.tests.fakes import origin
from plugins.environment.tests.conftest import run
from plugins.environment.tests.runs import CONFTEST, PASSES, Runner

__all__ = ["run"]  # a fixture
pytest_plugins = ["pytester"]
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
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*still carries an earlier experiment*", "*e1 (file on arn:a)*", "*cafe restore --accept*"]
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

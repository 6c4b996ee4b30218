"""SIGTERM, in whatever phase and to whatever process of a run: undone, reported as interrupted, nothing left."""

import pytest

from infrastructure.errors import ExitCode
from infrastructure.state import StateFolder
from plugins.chaos.tests import terminated_run
from plugins.chaos.undo import journal
from plugins.environment import lease
from plugins.environment.tests.conftest import run
from plugins.environment.tests.runs import Runner

__all__ = ["run"]

pytest_plugins = ["pytester"]

CONFTEST = """
from plugins.chaos.tests import terminated_run

terminated_run.install()
pytest_plugins = ["plugins.environment.plugin", "plugins.reporting.plugin", "plugins.chaos.plugin"]
"""
SUITE = """
from plugins.chaos.tests.fakes import scenario

def test_survives(experiment): experiment(scenario())
"""
COMMON = ("-p", "no:cacheprovider", "-p", "allure_pytest.plugin", "-p", "xdist", "--import-mode=importlib", "suites")
PHASES = ("preflight", "baseline", "inject", "observe", "rollback", "recovery")
CASES = [
    *(pytest.param((), "test", phase, id=f"alone in {phase}") for phase in PHASES),
    *(pytest.param(("-n", "2"), "test", phase, id=f"a worker in {phase}") for phase in PHASES[1::2]),
    *(pytest.param(("-n", "2"), "controller", phase, id=f"the controller in {phase}") for phase in PHASES[1::2]),
]
UNDONE = "the fault was taken back, proven"
UNTOUCHED = "interrupted before the fault: nothing was changed"


@pytest.mark.parametrize(("workers", "victim", "phase"), CASES)
def test_a_terminated_run_undoes_ends_and_leaves_nothing(
    workers: tuple[str, ...],
    victim: str,
    phase: str,
    run: Runner,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(terminated_run.PHASE, phase)
    monkeypatch.setenv(terminated_run.VICTIM, victim)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nfilterwarnings = error")
    platform = pytester.path / "platform"
    platform.write_text("whole", encoding="utf-8")
    run.write(SUITE, SUITE)
    result = pytester.runpytest_subprocess(*COMMON, *workers, timeout=120)
    text = result.stdout.str() + result.stderr.str()
    assert result.ret == ExitCode.INTERRUPTED, text
    assert "Traceback" not in text
    assert platform.read_text(encoding="utf-8") == "whole"
    state = StateFolder.of("dev", pytester.path)
    assert journal.open_entries(state.journal) == ()
    assert lease.read(state.lease) is None
    assert [event for event in run.events if not event.startswith("attach")] == ["up dev attached", "down dev"]
    if not workers:
        assert (UNTOUCHED if phase in ("preflight", "baseline") else UNDONE) in text

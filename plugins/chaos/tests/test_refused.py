"""What may not run is refused once, before the platform comes up."""

import time

import pytest

from infrastructure.errors import ExitCode
from infrastructure.state import StateFolder
from plugins.chaos.fault import Plan
from plugins.chaos.tests.fakes import origin
from plugins.chaos.undo.journal import Journal
from plugins.environment.tests.conftest import run
from plugins.environment.tests.runs import Runner

__all__ = ["run"]

pytest_plugins = ["pytester"]

CONFTEST = """
from infrastructure import environment
from infrastructure.environment import Experiments

from plugins.environment.tests import fake_cloud

fake_cloud.install()
pytest_plugins = ["plugins.environment.plugin", "plugins.reporting.plugin", "plugins.chaos.plugin"]

load = environment.load
dev = load("dev").model_copy(update={"experiments": Experiments(permitted=("03",))})
environment.load = lambda name: dev

def pytest_unconfigure():
    environment.load = load
"""
SCENARIOS = """
import time

import pytest
@pytest.mark.parametrize("scenario", ["01", "03", "04"])
def test_platform_survives(scenario, platform): pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_experiments_that_are_not_permitted_are_one_refusal(
    workers: tuple[str, ...], run: Runner, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(CONFTEST)
    (pytester.path / "suites" / "chaos").mkdir()
    result = run(*workers, "-p", "allure_pytest.plugin", suites=(SCENARIOS,), folder="suites/chaos")
    assert result.ret == ExitCode.USAGE
    text = result.stdout.str() + result.stderr.str()
    assert text.count("environment 'dev' does not permit the experiments '01', '04'; permitted: 03. If they may") == 1
    assert "dev.toml" in text
    assert "Traceback" not in text
    assert run.events == []


def test_what_is_permitted_takes_place(run: Runner, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    (pytester.path / "suites" / "chaos").mkdir()
    result = run("-k", "03", "-p", "allure_pytest.plugin", suites=(SCENARIOS,), folder="suites/chaos")
    assert result.ret == ExitCode.PASSED


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "a worker"])
def test_an_open_experiment_is_named_before_anybody_waits_for_the_platform(
    workers: tuple[str, ...], run: Runner, pytester: pytest.Pytester
) -> None:
    """Its target is gone, so it cannot be undone: waiting for a healthy platform would blame the platform."""
    log = Journal.of(StateFolder.of("dev", pytester.path).journal, "e1", time.time)
    plan = Plan(fault="file", targets=("arn:rule",), calls=(), undo=(), backup={}, created_at=1.0)
    log.planned(origin(target="aws"), plan, {})
    log.mark("injecting")
    pytester.makeconftest(CONFTEST)
    result = run(*workers, "-p", "allure_pytest.plugin", suites=("def test_passes(platform): pass",))
    assert result.ret == ExitCode.ENVIRONMENT
    text = result.stdout.str() + result.stderr.str()
    assert "e1 (file on arn:rule): no fault is called 'file'" in text
    assert "put arn:rule right by hand, then `cafe restore --accept e1`" in text
    assert "Traceback" not in text
    assert not [event for event in run.events if event.startswith("up")]

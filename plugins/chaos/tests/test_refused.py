"""What may not run is refused once, before the platform comes up."""

import pytest

from infrastructure.errors import ExitCode
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

dev = environment.load("dev")
environment.load = lambda name: dev.model_copy(update={"experiments": Experiments(permitted=("03",))})
"""
SCENARIOS = """
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

"""pytest glue of the chaos plugin: the fixture `experiment` runs a scenario; whoever gets a platform gets it clean."""

import re
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from infrastructure import cloud, environment
from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault, UsageError
from plugins.chaos.experiment_run import ExperimentRun
from plugins.chaos.fault import Fault, Plan
from plugins.chaos.preview import preview
from plugins.chaos.runner import perform
from plugins.chaos.sabotage import NoOp
from plugins.chaos.scenario import Scenario
from plugins.chaos.undo.guard import Watchdog
from plugins.chaos.undo.reach import reach
from plugins.chaos.undo.restore import check_clear, restore
from plugins.environment.conclusion import conclude
from plugins.environment.plugin import end
from plugins.environment.settings import Settings
from plugins.environment.sharing import need_platform
from plugins.reporting.scope import is_worker, judges_nothing

_EXPERIMENT = re.compile(r"suites/chaos/.+\[([^\]]+)\]")
"""The scenario in the id of a test, which is all that xdist's controller knows of it."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse what may not run here. Undo what a crashed run left, before anybody waits for the platform: under a fault
    it may never turn healthy.
    """
    if not is_worker(session.config):
        _before_the_platform(session.config, [item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """The same in xdist's controller, which brings up the platform of its workers."""
    _before_the_platform(node.config, ids)


def _before_the_platform(config: pytest.Config, ids: list[str]) -> None:
    if judges_nothing(config) or not need_platform(ids):
        return
    chosen = environment.load(config.option.env)
    try:
        chosen.check_permits(*(found[1] for one in ids if (found := _EXPERIMENT.fullmatch(one))))
    except UsageError as refusal:
        raise pytest.UsageError(str(refusal)) from refusal
    try:
        check_clear(restore(cloud.state_folder(chosen), reach))
    except EnvironmentFault as fault:
        end(config, fault, "an earlier experiment is still open")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Nobody gets a platform that still carries a fault."""
    value = yield
    if fixturedef.argname == "platform" and isinstance(value, Platform) and not request.config.option.plan:
        check_clear(restore(value.state, reach))
    return value


@pytest.fixture(scope="session")
def watchdog(settings: Settings, platform: Platform) -> Iterator[Watchdog | None]:
    """Watches over a platform that outlives this run; one that dies with the run needs no undoing."""
    if not (settings.keep or settings.target == "aws" or not platform.is_new):
        yield None
        return
    guard = Watchdog(platform.state, platform.status().platform_id if settings.target == "embedded" else None)
    try:
        yield guard
    finally:
        guard.close()


@pytest.fixture
def experiment(request: pytest.FixtureRequest, settings: Settings) -> Callable[[Scenario], None]:
    """`experiment(scenario)`: run it alone on the platform, publish its record, and raise unless it passed."""

    def run(scenario: Scenario) -> None:
        fault: Fault = NoOp(scenario.fault) if settings.sabotage == "fault" else scenario.fault
        if settings.plan:
            windows = scenario.windows(settings.profile, request.getfixturevalue("platform").metric_period_s)
            text = preview(scenario, fault, _planned(settings, fault), windows)
            request.getfixturevalue("plans").add(request.node.nodeid, text)
            return
        settings.environment.check_permits(scenario.id)
        _perform(request, settings, scenario, fault)

    return run


def _perform(request: pytest.FixtureRequest, settings: Settings, scenario: Scenario, fault: Fault) -> None:
    platform, lease, reporter, progress, watchdog = map(
        request.getfixturevalue, ("platform", "lease", "reporter", "progress", "watchdog")
    )
    with lease.hold(f"chaos {scenario.id}") as held:
        outcome = perform(
            ExperimentRun(
                scenario=scenario,
                fault=fault,
                windows=scenario.windows(settings.profile, platform.metric_period_s),
                platform=platform,
                held=held,
                watchdog=watchdog,
                progress=progress,
                reports=request.getfixturevalue("reporter").raw,
            )
        )
    reporter.publish(outcome.record)
    if outcome.is_interrupted:
        raise KeyboardInterrupt
    conclude(outcome.verdict, outcome.text)


def _planned(settings: Settings, fault: Fault) -> Plan | None:
    """The fault's plan against the platform that is up; None when none is."""
    try:
        platform = cloud.attach(settings.environment, settings.target)
    except EnvironmentFault:
        return None
    return fault.plan(platform, time.time())

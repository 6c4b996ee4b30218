"""pytest glue of the environment plugin: options, session fixtures, what a run ends in and how it is shown.

    settings ─▶ cloud ─▶ infrastructure ─▶ platform          lease, plans, plan_only

A fault of the environment or of usage shows as one message without a traceback and ends the run, since every later test
would only repeat it. Exit codes are those of `infrastructure.errors.ExitCode`.
"""

import contextlib
import os
import sys
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NoReturn

import pytest

from infrastructure import cloud
from infrastructure.cloud import Platform
from infrastructure.connection import fault_of
from infrastructure.embedded import launch
from infrastructure.embedded.host.launcher import die_with
from infrastructure.errors import CafeError, EnvironmentFault, ExitCode
from plugins.environment import claims, options, outcome, process, sharing
from plugins.environment.collecting import Collecting
from plugins.environment.lease import Lease, TakenError, is_held_by
from plugins.environment.outcome import Outcome
from plugins.environment.plans import Plans
from plugins.environment.process import talk, worker
from plugins.environment.run import Run
from plugins.environment.settings import Settings
from plugins.environment.signals import Signals
from plugins.reporting.scope import is_worker, judges_nothing, runs_suites

_OUTCOME = "cafe-outcome"
_PLAN = "cafe-plan"
_CONTROLLER = "cafe-controller"
_POINTLESS = "no later test could run either"


_RUN = pytest.StashKey[Run]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    options.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> ExitCode | None:
    """A target that is not configured ends the run in one line, before anything is collected or written."""
    if is_worker(config) or judges_nothing(config) or not runs_suites(config):
        return None
    try:
        chosen = options.settings(config)
        cloud.check_configured(chosen.environment, chosen.target)
    except EnvironmentFault as fault:
        sys.stderr.write(f"ERROR: {fault}\n")
        return fault.exit_code
    except CafeError:
        return None  # said when the options are resolved, as any other usage error
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the options; what cannot be is refused before anything is collected."""
    try:
        settings = options.settings(config)
        running = launch.find(cloud.state_folder(settings.environment)) if settings.target == "embedded" else None
    except OSError as problem:
        raise pytest.UsageError(str(EnvironmentFault.of_system(problem))) from problem
    except CafeError as problem:
        raise pytest.UsageError(str(problem)) from problem
    is_detailed = settings.target == "aws" or config.option.verbose > 0
    controller = worker(config).get(_CONTROLLER)
    if controller is not None:
        die_with(controller)
    config.stash[_RUN] = Run(
        settings=settings,
        run_id=worker(config).get("testrunuid", uuid.uuid4().hex),
        found=running.url if running is not None else "",
        owner=sharing.Owner(settings, talk(config), talk(config) if is_detailed else lambda _line: None),
    )
    state, run_id = cloud.state_folder(settings.environment), config.stash[_RUN].run_id
    config.pluginmanager.register(Signals(lambda: is_held_by(state, run_id)), "cafe-signals")
    config.pluginmanager.register(Collecting(config, config.stash[_RUN]), "cafe-collecting")
    config.pluginmanager.register(Recorder(config, config.stash[_RUN]), "cafe-recorder")


def pytest_report_header(config: pytest.Config) -> str:
    """Where this run takes place, in one line."""
    settings = config.stash[_RUN].settings
    where = config.stash[_RUN].found or "none is up"
    if settings.target == "aws":
        where = settings.environment.region
    scale = settings.environment.slo.latency_scale
    stretched = "" if scale == 1.0 else f", latencies judged by {scale:g} times what is claimed"
    return (
        f"cafe: environment {settings.environment.name}, target {settings.target}, profile {settings.profile},"
        f" pace {settings.pace.name}, platform {where}{stretched}"
    )


def end(config: pytest.Config, fault: CafeError, why: str) -> NoReturn:
    """End the run outside any test: `fault` is shown once, at its end, and the exit code says whose it was."""
    run = config.stash[_RUN]
    run.fault = fault
    run.tally.add(outcome.of(fault))
    pytest.exit(why)


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """What the command line asked for."""
    return pytestconfig.stash[_RUN].settings


@pytest.fixture(scope="session")
def plan_only(settings: Settings) -> bool:
    """Was `--plan` given? Then nothing may be touched."""
    return settings.plan


@pytest.fixture(scope="session")
def plans(pytestconfig: pytest.Config) -> Plans:
    """Takes what a test would have done: `plans.add(request.node.nodeid, text)`; printed at the end of the run."""
    return pytestconfig.stash[_RUN].plans


@pytest.fixture(scope="session", name="cloud")
def cloud_fixture(pytestconfig: pytest.Config, settings: Settings) -> Iterator[Platform]:
    """The cloud this run uses: brought up at first need, reused when it is up, taken down if this run brought it up."""
    run = pytestconfig.stash[_RUN]
    if settings.plan:
        yield cloud.planned(settings.environment, settings.target, settings.pace)
    elif worker(pytestconfig):
        yield cloud.attach(settings.environment, settings.target)
    else:
        try:
            yield run.owner.bring_up()
        finally:
            run.owner.take_down()


@pytest.fixture(scope="session")
def infrastructure(cloud: Platform) -> Mapping[str, str]:
    """The stacks are deployed: their outputs, in one namespace."""
    return cloud.outputs


@pytest.fixture(scope="session")
def platform(cloud: Platform, infrastructure: Mapping[str, str]) -> Platform:
    """The platform, every service healthy. With `--plan` nothing is brought up, and any call is refused."""
    del infrastructure
    return cloud


@pytest.fixture(scope="session")
def lease(pytestconfig: pytest.Config, settings: Settings) -> Lease:
    """The right to run experiments: `with lease.hold("chaos 06") as held: …`, one holder at a time."""
    run = pytestconfig.stash[_RUN]
    return Lease(cloud.state_folder(settings.environment), run_id=run.run_id, talk=talk(pytestconfig))


@pytest.fixture
def validated(request: pytest.FixtureRequest, settings: Settings, plans: Plans) -> Callable[[str], None]:
    """`validated(module)`: check what its template describes, publish the record, fail with what is missing."""

    def run(module: str) -> None:
        if settings.plan:
            plans.add(request.node.nodeid, claims.planned(module))
            return
        record = claims.check(request.getfixturevalue("platform"), module)
        request.getfixturevalue("reporter").publish(record)
        if record.reasons:
            pytest.fail("\n".join(record.reasons), pytrace=False)

    return run


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the controller: the process a worker dies with. By itself it would outlive a killed controller by seconds."""
    node.workerinput[_CONTROLLER] = os.getpid()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """In the controller: bring the platform up once a worker has collected what needs it, before any test starts."""
    run: Run = node.config.stash[_RUN]
    if run.settings.plan or not sharing.need_platform(ids):
        return
    try:
        run.owner.bring_up()
    except CafeError as fault:
        end(node.config, fault, "the platform did not come up")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """In the controller: a worker that ended before it was given its tests; by itself that is xdist's INTERNALERROR."""
    try:
        return (yield)
    except OSError as cut:
        if cut.errno is not None or not session.config.pluginmanager.hasplugin("dsession"):
            raise  # the system's, and none of execnet's closed channel
        end(session.config, process.lost(cut), "a worker was lost")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Generator[None, object, object]:
    """Remember what a fixture could not provide, since a test may ask for one only while it runs."""
    with _broken(request.config, by=CafeError):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A cloud that stops answering will not answer the next test either, nor will the next one get a taken lease."""
    with _broken(item.config, by=TakenError):
        return (yield)


@contextlib.contextmanager
def _broken(config: pytest.Config, *, by: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Note what makes every later test pointless: exceptions of the kind `by`, and a cloud that cannot be reached."""
    broken = config.stash[_RUN].broken
    try:
        yield
    except by as known:
        broken.append(known)
        raise
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        broken.append(fault)
        raise fault from error


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what is nobody's failure as the message it is; end the run when a fixture says that it is pointless."""
    report = yield
    if call.excinfo is not None and report.failed:
        kind = outcome.of(call.excinfo.value)
        report.user_properties.append((_OUTCOME, kind.value))
        if kind is not Outcome.FAILED:
            report.longrepr = str(call.excinfo.value)
        if any(call.excinfo.value is fault for fault in item.config.stash[_RUN].broken):
            item.session.shouldstop = _POINTLESS
    elif call.when == "call":
        report.user_properties.extend((_PLAN, text) for text in item.config.stash[_RUN].plans.of(item.nodeid))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.TestReport | pytest.CollectReport,
) -> tuple[str, str, tuple[str, Mapping[str, bool]]] | None:
    """`I` for a test that proved nothing, `p` for one that was only planned."""
    if report.failed and _noted(report, _OUTCOME) == (Outcome.INCONCLUSIVE.value,):
        return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})
    if report.passed and _noted(report, _PLAN):
        return "planned", "p", ("PLANNED", {"cyan": True})
    return None


class Recorder:
    """Counts what came of each test, and reports it at the end. One a run."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config = config
        self._run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count, and keep what is shown at the end; reports of workers arrive here in the controller."""
        if report.failed:
            # A report without our note is not from a test: xdist writes one for a worker that crashed.
            kind = Outcome(next(iter(_noted(report, _OUTCOME)), Outcome.FAILED))
            self._run.tally.add(kind)
            if kind is Outcome.INCONCLUSIVE:
                self._run.doubts.append((report.nodeid, str(report.longrepr)))
        for text in _noted(report, _PLAN):
            self._run.plans.show(report.nodeid, text)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take down what the controller brought up, and make the exit status keep the outcomes apart."""
        run = self._run
        if worker(self._config):
            return
        try:
            run.owner.take_down()
        except CafeError as fault:
            run.fault = run.fault or fault
            run.tally.add(outcome.of(fault))
        session.exitstatus = self._exit_status(session, int(session.exitstatus))

    def _exit_status(self, session: pytest.Session, exitstatus: int) -> int:
        """pytest's own, unless what we counted says more: it knows only failed and interrupted."""
        run = self._run
        if exitstatus == ExitCode.NOTHING_RAN and run.known:
            return ExitCode.USAGE
        is_pointless = run.fault is not None or run.is_refused or session.shouldstop == _POINTLESS
        is_ours = exitstatus == ExitCode.INTERRUPTED and is_pointless
        if is_ours or exitstatus in {ExitCode.PASSED, ExitCode.FAILED}:
            return run.tally.exit_code() or exitstatus
        return exitstatus

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Plans, doubts, and what ended the run."""
        run = self._run
        if run.plans.shown or run.doubts or run.fault is not None:
            terminalreporter.ensure_newline()  # else the first line below a header does it, and leaves that alone
        for nodeid, text in run.plans.shown:
            terminalreporter.section(f"plan of {nodeid}")
            terminalreporter.write_line(text)
        for nodeid, reason in run.doubts:
            terminalreporter.section(f"inconclusive: {nodeid}", yellow=True)
            terminalreporter.write_line(reason)
        if run.owner.farewell is not None:
            terminalreporter.write_line(run.owner.farewell)
        if run.fault is not None:
            terminalreporter.section("the run could not take place", red=True)
            terminalreporter.write_line(str(run.fault))


def _noted(report: pytest.TestReport | pytest.CollectReport, name: str) -> tuple[str, ...]:
    """What our hooks noted on a report; user properties are what travels from xdist's workers to the controller.

    A report of a failed collection has none.
    """
    properties = report.user_properties if isinstance(report, pytest.TestReport) else ()
    return tuple(str(value) for key, value in properties if key == name)

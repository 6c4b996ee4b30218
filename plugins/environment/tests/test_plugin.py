"""The platform comes up once, at need, for whatever runs; and a run's exit code says whose fault its end was."""

import os
import select
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from infrastructure import cloud
from infrastructure.errors import ExitCode
from plugins.environment import sharing
from plugins.environment.tests import fake_cloud

pytest_plugins = ["pytester"]

CONFTEST = """
from plugins.environment.tests import fake_cloud

fake_cloud.install()
pytest_plugins = ["plugins.environment.plugin"]
"""

PASSES = "def test_passes(platform): assert platform.output('AlbArn') == 'arn:alb'"
FAILS = "def test_fails(): assert False"
DOUBTS = """
from plugins.environment.outcome import Inconclusive
def test_doubts(): raise Inconclusive("the fault was never felt")
"""
FAULTS = """
from infrastructure.errors import EnvironmentFault
def test_faults(): raise EnvironmentFault("another run holds the lease")
"""
REFUSES = """
from infrastructure.errors import UsageError
def test_refuses(): raise UsageError("prod permits no fault")
"""
FAULTY_FIXTURE = """
import pytest
from infrastructure.errors import EnvironmentFault
@pytest.fixture
def broken(): raise EnvironmentFault("residue of an earlier run")
def test_first(broken): pass
def test_second(broken): pass
"""
UNREACHABLE = """
from botocore.exceptions import ReadTimeoutError
def test_first(): raise ReadTimeoutError(endpoint_url="http://127.0.0.1:1/")
def test_second(): pass
"""
UNREACHABLE_FIXTURE = """
import pytest
from botocore.exceptions import ReadTimeoutError
@pytest.fixture
def asks(): raise ReadTimeoutError(endpoint_url="http://127.0.0.1:1/")
def test_first(asks): pass
def test_second(): pass
"""
LAZY_FIXTURE = """
def test_first(request): request.getfixturevalue("platform")
def test_second(request): request.getfixturevalue("platform")
"""
SCENARIOS = """
import pytest
@pytest.mark.parametrize("scenario", ["a", "b"], ids=["01-routing", "06-task-kill"])
def test_scenario(scenario, platform): pass
"""
HANGS = """
import os, signal
from pathlib import Path
def test_hangs():
    Path("pids").write_text(str(os.getpid()))
    signal.pause()
"""
INTERRUPTED = """
import signal
import pytest
@pytest.fixture(scope="session")
def slow():
    yield
    signal.raise_signal(signal.SIGINT)
def test_interrupted(platform, slow):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)
"""
DEADLY_CLOUD = """
import psutil
from infrastructure import cloud

come_up = cloud.up

def up(*arguments, **named):
    workers = psutil.Process().children()
    for worker in workers:
        worker.kill()
    psutil.wait_procs(workers)
    return come_up(*arguments, **named)

cloud.up = up
"""
PLANS = """
def test_plans(request, plans, plan_only, platform):
    assert plan_only
    plans.add(request.node.nodeid, "would call ecs.stop_task on " + platform.output("ClusterArn"))
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> "Runner":
    """Runs pytest on suites written here, against the fake cloud."""
    events = pytester.path / "events"
    monkeypatch.setenv(fake_cloud.EVENTS, str(events))
    monkeypatch.setenv("CLOUDCAFE_HOME", str(pytester.path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    # Only what these runs need: other plugins' imports would cost each of them more than the run itself.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("up", "attach", "down"):
        monkeypatch.setattr(cloud, name, getattr(cloud, name))  # so that what a run in this process replaces comes back
    pytester.makeconftest(CONFTEST)
    (pytester.path / "suites").mkdir()
    return Runner(pytester, events)


class Runner:
    """`run("-n", "2", suites=…)`; then `events` is what the cloud was asked."""

    def __init__(self, pytester: pytest.Pytester, events: Path) -> None:
        self._pytester = pytester
        self._events = events

    def __call__(self, *arguments: str, suites: tuple[str, ...], folder: str = "suites") -> pytest.RunResult:
        self.write(*suites, folder=folder)
        common = ("-p", "no:cacheprovider", "--import-mode=importlib", folder, *arguments)
        if "-n" in arguments:
            return self._pytester.runpytest_subprocess("-p", "xdist", *common)
        return self._pytester.runpytest_inprocess(*common)

    def write(self, *suites: str, folder: str = "suites") -> None:
        """Write the suites, a file each."""
        (self._pytester.path / folder).mkdir(exist_ok=True)
        for number, text in enumerate(suites):
            (self._pytester.path / folder / f"test_{number}.py").write_text(text, encoding="utf-8")

    @property
    def events(self) -> list[str]:
        return fake_cloud.events(self._events)


@pytest.mark.parametrize(
    ("suites", "code"),
    [
        ((PASSES,), ExitCode.PASSED),
        ((PASSES, FAILS), ExitCode.FAILED),
        ((PASSES, DOUBTS), ExitCode.INCONCLUSIVE),
        ((DOUBTS, FAILS), ExitCode.FAILED),
        ((PASSES, FAULTS), ExitCode.ENVIRONMENT),
        ((DOUBTS, FAULTS), ExitCode.ENVIRONMENT),
        ((PASSES, REFUSES), ExitCode.USAGE),
    ],
    ids=["pass", "fail", "doubt", "doubt-and-fail", "fault", "doubt-and-fault", "refusal"],
)
def test_the_exit_code_is_the_worst_that_came_up(suites: tuple[str, ...], code: ExitCode, run: Runner) -> None:
    assert run(suites=suites).ret == code


def test_an_inconclusive_test_is_shown_as_such_with_its_reason(run: Runner) -> None:
    result = run("-v", suites=(DOUBTS,))
    result.stdout.fnmatch_lines(["*test_doubts INCONCLUSIVE*", "*inconclusive: suites/test_0.py::test_doubts*"])
    result.stdout.fnmatch_lines(["the fault was never felt", "*1 inconclusive in *"])
    lines = result.stdout.lines
    header = next(number for number, line in enumerate(lines) if "inconclusive: suites" in line)
    assert lines[header + 1] == "the fault was never felt"
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_one_platform_serves_the_whole_run_and_ends_with_it(workers: tuple[str, ...], run: Runner) -> None:
    result = run(*workers, suites=(PASSES, PASSES, PASSES))
    assert result.ret == ExitCode.PASSED
    asked = [event for event in run.events if not event.startswith("attach")]
    assert asked == ["up dev attached", "down dev"]
    assert run.events.count("attach dev") <= 2


def test_tests_of_the_framework_bring_nothing_up(run: Runner) -> None:
    assert run(suites=("def test_unit(): pass",), folder="tests").ret == ExitCode.PASSED
    assert run.events == []


@pytest.mark.parametrize(
    ("nodeids", "needs"),
    [(["suites/chaos/test_a.py::test_b"], True), (["plugins/tests/test_suites.py::test_a"], False), ([], False)],
    ids=["suite", "unit", "none"],
)
def test_only_suites_need_the_platform(nodeids: list[str], needs: bool) -> None:
    assert sharing.need_platform(nodeids) is needs


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_a_platform_that_does_not_come_up_is_one_message(
    workers: tuple[str, ...], run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_cloud.FAULT, "port 80 is taken")
    result = run(*workers, suites=(PASSES, PASSES))
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["*port 80 is taken", "*| the last line of a log"])
    text = result.stdout.str()
    assert text.count("port 80 is taken") - text.count("- port 80 is taken") == 1, "pytest's own summary line aside"
    assert "Traceback" not in text
    assert run.events == ["up dev attached"]


def test_a_faulty_fixture_ends_the_run_after_one_message(run: Runner) -> None:
    result = run(suites=(FAULTY_FIXTURE,))
    assert result.ret == ExitCode.ENVIRONMENT
    result.assert_outcomes(errors=1)
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_fixture_asked_for_while_a_test_runs_ends_the_run_too(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fake_cloud.FAULT, "port 80 is taken")
    result = run(suites=(LAZY_FIXTURE,))
    assert result.ret == ExitCode.ENVIRONMENT
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize("suite", [UNREACHABLE, UNREACHABLE_FIXTURE], ids=["in-a-test", "in-a-fixture"])
def test_a_cloud_that_answers_no_more_ends_the_run_with_the_next_step(suite: str, run: Runner) -> None:
    result = run(suites=(suite,))
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["the cloud does not answer: Read timeout*http://127.0.0.1:1/*cafe status*cafe down*"])
    assert "Traceback" not in result.stdout.str()
    assert "passed" not in result.stdout.str(), "the second test would only have waited for the same time-out"


def is_readable(descriptor: int) -> bool:
    """Has it something to read, or has the process of a pidfd ended, within the deadline?"""
    return bool(select.select([descriptor], [], [], 30.0)[0])


def test_workers_die_with_their_controller(pytester: pytest.Pytester, run: Runner) -> None:
    """Killed, it cannot tell them to end, and a test that runs for minutes would go on against the platform."""
    run.write(HANGS)
    pids = pytester.path / "pids"
    os.mkfifo(pids)
    command = (*pytester._getpytestargs(), "-p", "xdist", "-n", "1", "suites")
    controller = pytester.popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ExitStack() as undo:
        undo.callback(controller.wait)
        undo.callback(controller.kill)
        told = os.open(pids, os.O_RDWR)  # for writing too: opening it for reading alone would wait for the worker
        undo.callback(os.close, told)
        assert is_readable(told), "no worker came to its test"
        worker = os.pidfd_open(int(os.read(told, 32)))
        undo.callback(os.close, worker)
        controller.kill()
        assert is_readable(worker), "the worker lives on"


def test_a_worker_that_ends_before_it_has_tests_is_one_message(pytester: pytest.Pytester, run: Runner) -> None:
    pytester.makeconftest(CONFTEST + DEADLY_CLOUD)
    result = run("-n", "1", suites=(PASSES,))
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["a worker ended before it was given its tests*Run again*"])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_a_second_ctrl_c_is_no_traceback(pytester: pytest.Pytester, run: Runner) -> None:
    """The first is pytest's, which takes down what was brought up; the second comes while it does."""
    run.write(INTERRUPTED)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--import-mode=importlib", "suites")
    assert result.ret == ExitCode.INTERRUPTED
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_kept_platform_is_detached_and_its_use_explained(run: Runner) -> None:
    result = run("--keep", suites=(PASSES,))
    assert run.events == ["up dev detached"]
    result.stdout.fnmatch_lines(["*left up*cafe status --env dev*cafe env --env dev*cafe down --env dev*"])


def test_a_platform_that_was_up_is_reused_and_left_up(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fake_cloud.WAS_UP, "yes")
    result = run(suites=(PASSES,))
    assert run.events == ["up dev attached"]
    result.stdout.fnmatch_lines(["platform of dev: was up and is reused*", "platform of dev: left up*"])


@pytest.mark.parametrize(
    ("what", "off"),
    [
        ("resilience", "[('OrderResilience', 'off'), ('PaymentResilience', 'off')]"),
        ("order", "[('OrderResilience', 'off')]"),
        ("payment", "[('PaymentResilience', 'off')]"),
    ],
)
def test_sabotaged_resilience_is_deployed_and_put_right_on_a_platform_that_stays(
    run: Runner, monkeypatch: pytest.MonkeyPatch, what: str, off: str
) -> None:
    monkeypatch.setenv(fake_cloud.WAS_UP, "yes")
    run("--sabotage", what, suites=(PASSES,))
    assert run.events == [f"up dev attached {off}", "up dev attached"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_a_plan_is_shown_and_nothing_is_touched(workers: tuple[str, ...], run: Runner) -> None:
    result = run("--plan", *workers, suites=(PLANS,))
    assert result.ret == ExitCode.PASSED
    result.stdout.fnmatch_lines(["*plan of suites/test_0.py::test_plans*", "would call ecs.stop_task on <ClusterArn>"])
    result.stdout.fnmatch_lines(["*1 planned in *"])
    assert run.events == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_a_scenario_that_is_not_there_is_refused_with_those_that_are(workers: tuple[str, ...], run: Runner) -> None:
    result = run("-k", "loyalty", *workers, suites=(SCENARIOS,))
    assert result.ret == ExitCode.USAGE
    result.stdout.fnmatch_lines(["ERROR: -k 'loyalty' selects no scenario; there are: 01-routing, 06-task-kill"])
    assert run.events == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--env", "qa"), "*no environment is called 'qa'; known: dev, prod, staging"),
        (("--target", "moon"), "*--target*moon*"),
        (("--profile", "slow"), "*--profile*slow*"),
        (("--pace", "warp"), "*--pace*warp*"),
    ],
    ids=["env", "target", "profile", "pace"],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_collected(
    arguments: tuple[str, ...], message: str, run: Runner
) -> None:
    result = run(*arguments, suites=(PASSES,))
    assert result.ret == ExitCode.USAGE
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stderr.str()


def test_a_home_that_cannot_be_is_one_message(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDCAFE_HOME", "/dev/null")
    result = run(suites=(PASSES,))
    assert result.ret == ExitCode.USAGE
    result.stderr.fnmatch_lines(["ERROR: the system refuses: *Not a directory*CLOUDCAFE_HOME*"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_a_full_disk_while_the_platform_comes_up_is_a_fault(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fake_cloud.FULL, "yes")
    result = run(suites=(PASSES,))
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["the system refuses: *No space left on device*cafe doctor*"])


def test_the_header_says_where_the_run_takes_place(run: Runner) -> None:
    result = run("--profile", "full", suites=(PASSES,))
    result.stdout.fnmatch_lines(
        ["cafe: environment dev, target embedded, profile full, pace fast, platform none is up"]
    )

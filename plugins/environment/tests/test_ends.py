"""However a run ends, it says why in one message, and its exit code says whose fault that was."""

import os
import select
import subprocess
from contextlib import ExitStack

import pytest

from infrastructure.errors import ExitCode
from plugins.environment.tests import fake_cloud
from plugins.environment.tests.runs import CONFTEST, PASSES, Runner

pytest_plugins = ["pytester"]

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
TAKEN = """
from plugins.environment.lease import TakenError
def test_first(): raise TakenError("another run experiments on this platform")
def test_second(): raise TakenError("another run experiments on this platform")
"""
LAZY_FIXTURE = """
def test_first(request): request.getfixturevalue("platform")
def test_second(request): request.getfixturevalue("platform")
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


def test_a_platform_that_another_run_experiments_on_is_reported_once(run: Runner) -> None:
    """Each test would wait for the lease again, and some get it in the end: half a run, with no word of why."""
    result = run(suites=(TAKEN,))
    assert result.ret == ExitCode.ENVIRONMENT
    result.assert_outcomes(failed=1)
    assert "Traceback" not in result.stdout.str()


def is_readable(descriptor: int) -> bool:
    """Has it something to read, or has the process of a pidfd ended, within the deadline?"""
    return bool(select.select([descriptor], [], [], 30.0)[0])


def test_workers_die_with_their_controller(pytester: pytest.Pytester, run: Runner) -> None:
    """Killed, it cannot ask them to end, and a test that runs for minutes would go on against the platform."""
    run.write(HANGS)
    pids = pytester.path / "pids"
    os.mkfifo(pids)
    command = (*pytester._getpytestargs(), "-p", "xdist", "-n", "1", "suites")
    controller = pytester.popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ExitStack() as undo:
        undo.callback(controller.wait)
        undo.callback(controller.kill)
        pipe = os.open(pids, os.O_RDWR)  # for writing too: opening it for reading alone would wait for the worker
        undo.callback(os.close, pipe)
        assert is_readable(pipe), "no worker came to its test"
        worker = os.pidfd_open(int(os.read(pipe, 32)))
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


def test_a_full_disk_while_the_platform_comes_up_is_a_fault(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fake_cloud.FULL, "yes")
    result = run(suites=(PASSES,))
    assert result.ret == ExitCode.ENVIRONMENT
    result.stdout.fnmatch_lines(["the system refuses: *No space left on device*cafe doctor*"])

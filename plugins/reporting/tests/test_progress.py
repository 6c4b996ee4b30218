"""What a person sees while phases run: on a terminal, in a file, and from workers."""

import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from plugins.reporting.progress import Progress, line, over

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[__name__.count(".")]
CONFTEST = 'pytest_plugins = ["plugins.reporting.plugin"]'
SUITE = """
import threading
def test_takes_its_time(progress):
    with progress.phase("06: baseline", 5.0):
        print("captured")
        threading.Event().wait(0.3)
    with progress.phase("06: inject"):
        pass
    progress.note("no CPU in the chart")
"""


@pytest.fixture
def command(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Runs pytest on a test with two phases, as a person would."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]")
    path = pytester.makepyfile(SUITE)
    return (*map(str, pytester._getpytestargs()), "-p", "no:cacheprovider", path.name)


def on_a_terminal(command: tuple[str, ...]) -> str:
    """What stands on the terminal when `command` is over, escape sequences and all."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # Linux's word for a terminal that nobody has open any more
            while block := os.read(ours, 65536):
                seen += block
        assert run.wait(30) == 0, seen.decode()
    os.close(ours)
    return seen.decode()


def test_a_terminal_shows_a_live_line_and_one_for_each_phase_that_is_over(command: tuple[str, ...]) -> None:
    """pytest captures the test's own output meanwhile: asked then, the terminal is none."""
    seen = on_a_terminal(command)
    assert "\r\x1b[K  06: baseline ░" in seen
    assert "/ 5 s" in seen
    assert seen.index("06: baseline   ") < seen.index("06: inject   ") < seen.index("no CPU in the chart")
    assert "captured" not in seen


def test_without_a_terminal_there_are_plain_lines(command: tuple[str, ...]) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert [text.rsplit(maxsplit=2)[0] for text in lines if "06: " in text] == ["  06: baseline", "  06: inject"]
    assert "\x1b" not in run.stdout
    assert "░" not in run.stdout


def test_a_quiet_run_shows_none(command: tuple[str, ...]) -> None:
    assert "06: " not in on_a_terminal((*command, "-q"))


def test_lines_of_a_worker_come_with_its_report(command: tuple[str, ...]) -> None:
    run = subprocess.run((*command, "-p", "xdist", "-n", "1"), capture_output=True, text=True, check=True)
    assert run.stdout.count("  06: baseline ") == run.stdout.count("  no CPU in the chart") == 1


def test_a_terminal_that_is_gone_keeps_nobody_from_going_on() -> None:
    kept: list[str] = []
    ours, theirs = pty.openpty()
    os.close(ours)
    with Progress(kept.append, theirs).phase("rollback"):
        pass
    os.close(theirs)
    assert [text.split()[0] for text in kept] == ["rollback"]


def test_the_lines_fit_the_terminal() -> None:
    assert len(line("a phase with a long name", 3.0, 10.0, columns=40)) < 40
    assert line("books", 3.0, 0.0, columns=80).split() == ["books", "3.0", "s"]
    assert over("books", 3.04).split() == ["books", "3.0", "s"]

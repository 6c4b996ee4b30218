"""What a dead platform left is found and ended; what a living one owns, or another one, is not touched."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from infrastructure.embedded.host import proctree, residue
from infrastructure.embedded.host.claims import claim
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, StateFolder

SLEEP = ("/bin/sleep", "1000")
NUMBER = 80_000
"""First of a block that no platform in these tests has (host/users.py)."""
SWEEP = """
import sys
from pathlib import Path
from infrastructure.embedded.host import residue
from infrastructure.state import StateFolder
print(residue.sweep(StateFolder(Path(sys.argv[1]))))
"""


@contextmanager
def marked(state: StateFolder) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the platform's marker, which nobody supervises."""
    env = {**os.environ, MARKER: str(state.root)}
    with subprocess.Popen(SLEEP, env=env, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def dead_daemon(state: StateFolder) -> StateFolder:
    """A folder whose recorded daemon is dead."""
    state.create()
    with subprocess.Popen(SLEEP) as daemon:
        ticks = proctree.start_ticks(daemon.pid)
        daemon.kill()
    state.daemon.write_text(f"{daemon.pid} {ticks}\n", encoding="ascii")
    return state


def test_left_over_processes_are_ended(dead_daemon: StateFolder) -> None:
    with marked(dead_daemon) as first, marked(dead_daemon) as second:
        assert residue.clean(dead_daemon) == tuple(sorted((first.pid, second.pid)))
        assert {first.wait(), second.wait()} == {-signal.SIGKILL}


def test_a_left_over_that_is_stopped_is_ended(dead_daemon: StateFolder) -> None:
    with marked(dead_daemon) as process:
        process.send_signal(signal.SIGSTOP)
        assert residue.clean(dead_daemon) == (process.pid,)


@pytest.mark.parametrize("suffix", ["-other", "/nested", ""], ids=["longer-name", "nested", "same-name-elsewhere"])
def test_the_processes_of_another_platform_are_not_touched(
    dead_daemon: StateFolder, tmp_path_factory: pytest.TempPathFactory, suffix: str
) -> None:
    other = StateFolder(Path(f"{dead_daemon.root}{suffix}" if suffix else tmp_path_factory.mktemp("x") / "test"))
    with marked(other) as process:
        assert residue.clean(dead_daemon) == ()
        assert process.poll() is None


def test_the_platform_of_a_living_daemon_is_not_touched(state: StateFolder) -> None:
    state.create()
    residue.claim(state)
    with marked(state) as process:
        with pytest.raises(EnvironmentFault, match=f"is running in .* \\(pid {os.getpid()}\\)"):
            residue.clean(state)
        assert process.poll() is None
        assert residue.living_daemon(state) == os.getpid()


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(f"{os.getpid()} 1\n", id="pid-of-another-process"),
        pytest.param("", id="half-written"),
        pytest.param("no number\n", id="garbage"),
        pytest.param(None, id="none"),
    ],
)
def test_a_record_that_names_no_living_daemon_is_none(state: StateFolder, record: str | None) -> None:
    state.create()
    if record is not None:
        state.daemon.write_text(record, encoding="ascii")
    assert residue.living_daemon(state) is None


def test_a_zombie_is_no_daemon(state: StateFolder) -> None:
    state.create()
    with subprocess.Popen(SLEEP) as daemon:
        state.daemon.write_text(f"{daemon.pid} {proctree.start_ticks(daemon.pid)}\n", encoding="ascii")
        assert residue.living_daemon(state) == daemon.pid
        daemon.kill()
        os.waitid(os.P_PID, daemon.pid, os.WEXITED | os.WNOWAIT)
        assert residue.living_daemon(state) is None


def test_who_sweeps_is_spared_with_its_ancestors(state: StateFolder) -> None:
    """A shell inside `cafe` may carry the marker; a sweep must not end who asked for it."""
    shell = ("/bin/sh", "-c", '"$0" -c "$1" "$2"; true', sys.executable, SWEEP, str(state.root))
    env = {**os.environ, MARKER: str(state.root), "PYTHONPATH": str(Path(__file__).parents[__name__.count(".")])}
    with marked(state) as other:
        done = subprocess.run(shell, env=env, capture_output=True, text=True, check=True)
        assert done.stdout == f"({other.pid},)\n"


def test_spared_processes_live_on(state: StateFolder) -> None:
    with marked(state) as spared, marked(state) as other:
        assert residue.sweep(state, spare=(spared.pid,)) == (other.pid,)
        assert spared.poll() is None


def test_stale_files_go_and_an_open_journal_stays(dead_daemon: StateFolder) -> None:
    (dead_daemon.run / "envoy.sock").touch()
    (dead_daemon.logs / "cloud.log").write_text("old", encoding="ascii")
    dead_daemon.platform.write_text("{}", encoding="ascii")
    dead_daemon.journal.mkdir()
    entry = dead_daemon.journal / "0001.json"
    entry.write_text("{}", encoding="ascii")
    residue.clean(dead_daemon)
    assert [path for path in dead_daemon.root.rglob("*") if path.is_file()] == [entry]


def test_nothing_stays_without_a_journal(dead_daemon: StateFolder) -> None:
    dead_daemon.journal.mkdir()
    (dead_daemon.run / "link").symlink_to(dead_daemon.root.parent)
    residue.clean(dead_daemon)
    assert not dead_daemon.root.exists()
    assert dead_daemon.root.parent.exists()


def test_a_folder_that_never_was_is_clean(state: StateFolder) -> None:
    assert residue.clean(state) == ()


def test_many_left_overs_end_together(dead_daemon: StateFolder) -> None:
    with ExitStack() as stack:
        left = [stack.enter_context(marked(dead_daemon)).pid for _ in range(20)]
        assert residue.clean(dead_daemon) == tuple(sorted(left))


@contextmanager
def unmarked() -> Iterator[subprocess.Popen[bytes]]:
    """A process of a platform's user that shows nothing of it."""
    with subprocess.Popen(SLEEP, env={}, start_new_session=True, user=NUMBER + 7, extra_groups=()) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.getuid() != 0, reason="only root's platforms have users of their own")
def test_what_runs_as_a_dead_platforms_user_is_ended_whatever_its_environment(dead_daemon: StateFolder) -> None:
    dead_daemon.users.write_text(f"{NUMBER}\n", encoding="ascii")
    with unmarked() as process:
        assert residue.sweep(dead_daemon) == (process.pid,)
        assert process.wait() == -signal.SIGKILL


@pytest.mark.skipif(os.getuid() != 0, reason="only root's platforms have users of their own")
def test_users_that_another_platform_has_by_now_are_spared(dead_daemon: StateFolder) -> None:
    dead_daemon.users.write_text(f"{NUMBER}\n", encoding="ascii")
    held = claim(f"users-{NUMBER}")
    assert held is not None
    with held, unmarked() as process:
        assert residue.sweep(dead_daemon) == ()
        assert process.poll() is None

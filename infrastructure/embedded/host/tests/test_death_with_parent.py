"""Children die with the supervisor, by whatever signal it dies; one test for each trap of PR_SET_PDEATHSIG.

The five traps: grandchildren do not inherit it; the parent may die before it is set; it fires when the starting
*thread* ends (test_supervisor.py: another thread may not start processes); the sender needs permission; a change of uid
clears it.
"""

import asyncio
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.embedded.host import launcher, residue
from infrastructure.embedded.host.logfile import tail
from infrastructure.embedded.tests.processes import eventually, has_ended, interruptible
from infrastructure.state import StateFolder

WITHIN_S = 2.0
LAUNCHER = (sys.executable, "-I", "-S", launcher.__file__)
SLEEP: Mapping[str, object] = {"id": "sleep", "argv": ["sleep", "1000"], "entry": None}
TASK: Mapping[str, object] = {"id": "task", "argv": [], "entry": "signal:pause"}


@contextmanager
def supervised(
    state: StateFolder, *specs: Mapping[str, object]
) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """A supervisor in a process of its own, and the pids of its children by their ids."""
    command = (
        sys.executable,
        "-P",
        "-m",
        "infrastructure.embedded.host.tests.supervised",
        str(state.root),
        json.dumps(specs),
    )
    root = Path(__file__).parents[__name__.count(".")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with interruptible():
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    with started as parent:
        assert parent.stdout is not None
        try:
            yield parent, json.loads(parent.stdout.readline())
        finally:
            parent.kill()
            parent.wait()
            residue.sweep(state)


def pids_in_log(state: StateFolder, name: str, count: int) -> list[int]:
    """The pids that a process printed into its log, once there are `count`."""

    def look() -> list[int] | None:
        said = [int(line) for line in tail(state.logs / f"{name}.log") if line.isdigit()]
        return said if len(said) == count else None

    return asyncio.run(eventually(look))


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT], ids=lambda number: number.name
)
def test_every_child_dies_with_the_supervisor(state: StateFolder, number: signal.Signals) -> None:
    with supervised(state, SLEEP, TASK) as (parent, pids):
        assert pids.keys() == {"guard", "zygote", "sleep", "task"}
        parent.send_signal(number)
        assert [name for name, pid in pids.items() if not has_ended(pid, WITHIN_S)] == []


def test_children_die_with_the_supervisor_when_the_guard_was_killed_too(state: StateFolder) -> None:
    with supervised(state, SLEEP, TASK) as (parent, pids):
        parent.send_signal(signal.SIGSTOP)  # it would start another guard
        os.kill(pids["guard"], signal.SIGKILL)
        parent.kill()
        assert [name for name, pid in pids.items() if not has_ended(pid, WITHIN_S)] == []


def test_paused_children_die_too(state: StateFolder) -> None:
    with supervised(state, SLEEP, TASK) as (parent, pids):
        for name in ("sleep", "task"):
            os.kill(pids[name], signal.SIGSTOP)
        parent.kill()
        assert [name for name, pid in pids.items() if not has_ended(pid, WITHIN_S)] == []


@pytest.mark.parametrize("start", ["sleep 1000 &", "setsid sleep 1000 &"], ids=["same-session", "own-session"])
def test_trap_1_grandchildren_do_not_inherit_the_death_signal(state: StateFolder, start: str) -> None:
    shell: Mapping[str, object] = {"id": "shell", "argv": ["sh", "-c", f"{start} echo $!; wait"], "entry": None}
    with supervised(state, shell) as (parent, pids):
        (grandchild,) = pids_in_log(state, "shell", 1)
        parent.kill()
        assert has_ended(grandchild, WITHIN_S)
        assert has_ended(pids["shell"], WITHIN_S)


def test_trap_2_a_parent_that_died_before_the_signal_was_armed(tmp_path: Path) -> None:
    """The launcher is told another parent than it has, as if its own had died and init had adopted it."""
    witness = tmp_path / "started"
    launched = subprocess.run((*LAUNCHER, "1", "-", "-", "[]", "touch", str(witness)), check=False)
    assert launched.returncode == 125
    assert not witness.exists()


def test_trap_4_and_5_a_child_of_another_user_dies_with_its_parent(state: StateFolder) -> None:
    """Root may signal anybody, so the kernel delivers; the change of user comes before the signal is armed."""
    user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    with supervised(state, {**SLEEP, "user": user}) as (parent, pids):
        asyncio.run(eventually(lambda: Path(f"/proc/{pids['sleep']}").owner() == user))
        os.kill(pids["guard"], signal.SIGSTOP)  # this net alone
        parent.kill()
        assert has_ended(pids["sleep"], WITHIN_S)


def test_trap_5_the_signal_is_armed_after_the_change_of_user(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def note(what: str) -> Callable[..., None]:
        return lambda *_arguments, **_more: order.append(what)

    monkeypatch.setattr(launcher, "become", note("user"))
    monkeypatch.setattr(launcher, "die_with", note("signal"))
    monkeypatch.setattr(os, "execvp", note("program"))
    monkeypatch.setattr(signal, "signal", note("handler"))
    launcher.main(["1", "66001,66001", "-", "[]", "true"])
    assert [step for step in order if step != "handler"] == ["user", "signal", "program"]


@pytest.mark.parametrize(
    ("program", "code"),
    [("no-such-program", 127), ("/dev/null", 126), ("/", 126)],
)
def test_a_program_that_cannot_start_says_so_as_a_shell_would(program: str, code: int) -> None:
    command = (*LAUNCHER, str(os.getpid()), "-", "-", "[]", program)
    launched = subprocess.run(command, capture_output=True, text=True, check=False)
    assert launched.returncode == code
    assert launched.stderr.startswith(f"cannot start {program}: ")


@pytest.mark.skipif(os.getuid() == 0, reason="root may become anybody")
def test_a_user_that_we_may_not_become_starts_nothing() -> None:
    command = (*LAUNCHER, str(os.getpid()), "66001,66001", "-", "[]", "true")
    launched = subprocess.run(command, capture_output=True, text=True, check=False)
    assert launched.returncode == 125
    assert "Operation not permitted" in launched.stderr


def test_tasks_die_with_the_zygote(state: StateFolder) -> None:
    with supervised(state, TASK) as (parent, pids):
        parent.send_signal(signal.SIGSTOP)  # the supervisor does nothing: the kernel does
        os.kill(pids["zygote"], signal.SIGKILL)
        assert has_ended(pids["task"], WITHIN_S)

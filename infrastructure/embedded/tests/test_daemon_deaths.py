"""Whoever of owner, launcher, daemon and guard dies, nothing outlives the cloud but what is detached."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infrastructure.embedded import launch
from infrastructure.embedded.tests.daemons import ROOT, WITHIN_S, family, owned, still_there, up
from infrastructure.embedded.tests.processes import MINIMAL_CLOUD, eventually, has_ended
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, StateFolder

pytestmark = pytest.mark.usefixtures("no_daemon_left")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT], ids=lambda number: number.name)
def test_nothing_outlives_the_owner(state: StateFolder, number: signal.Signals) -> None:
    with owned(state, "attached") as (owner, _):
        pids = family(state)
        owner.send_signal(number)
        assert still_there(pids) == set()
        assert launch.find(state) is None


def test_nothing_outlives_an_owner_whose_own_children_live_on(state: StateFolder) -> None:
    """A fork inherits every descriptor; the daemon watches the process itself, so that keeps nothing alive."""
    with owned(state, "forked") as (owner, fork):
        pids = family(state)
        owner.kill()
        assert still_there(pids) == set()
        os.kill(fork, signal.SIGKILL)


def test_a_detached_cloud_outlives_its_launcher(state: StateFolder) -> None:
    with owned(state, "detached") as (owner, daemon):
        owner.kill()
        owner.wait()
    assert not has_ended(daemon, 0.3)
    record = launch.find(state)
    assert record is not None
    assert record.detached


def test_a_detached_cloud_whose_launcher_died_half_way_ends(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", "hang-opening")
    command = (sys.executable, "-P", "-m", "infrastructure.embedded.tests.owner", str(state.root), "detached")
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}) as owner:
        deadline = time.monotonic() + 10.0
        while len(family(state)) < 7 and time.monotonic() < deadline:
            has_ended(owner.pid, 0.02)
        pids = family(state)
        owner.kill()
    assert len(pids) == 7
    assert still_there(pids) == set()


def test_a_cloud_whose_launcher_is_gone_lives_as_long_as_its_owner(state: StateFolder) -> None:
    state.create()
    ready, told = os.pipe()
    os.close(ready)
    owner = os.pidfd_open(os.getpid())
    arguments = ("--environment", "test", "--region", "us-east-1", "--pace", "fast", "--state", str(state.root))
    command = (*MINIMAL_CLOUD, *arguments, "--owner-fd", str(owner), "--ready-fd", str(told))
    env = {**os.environ, "PYTHONPATH": str(ROOT), MARKER: str(state.root)}
    with (
        (state.logs / "cloud.log").open("wb") as log,
        subprocess.Popen(command, env=env, stderr=log, pass_fds=(owner, told)) as daemon,
    ):
        os.close(owner)
        os.close(told)
        asyncio.run(eventually(lambda: launch.find(state), within_s=10.0))
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(WITHIN_S) == 0


def test_another_process_may_own_the_cloud(state: StateFolder) -> None:
    with subprocess.Popen(("/bin/sleep", "1000")) as owner:
        up(state, owner=owner.pid)
        pids = family(state)
        owner.kill()
        assert still_there(pids) == set()


def test_an_owner_that_has_ended_is_a_fault(state: StateFolder) -> None:
    with subprocess.Popen(("/bin/true",)) as owner:
        pass
    with pytest.raises(EnvironmentFault, match=f"process {owner.pid}, which is to own"):
        up(state, owner=owner.pid)
    assert not state.root.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda number: number.name)
def test_nothing_outlives_the_daemon_and_the_next_start_is_clean(state: StateFolder, number: signal.Signals) -> None:
    launched = up(state)
    pids = family(state)
    os.kill(launched.pid, number)
    assert still_there(pids) == set()
    assert launch.find(state) is None
    again = up(state)
    assert again.pid != launched.pid


def test_a_kill_of_daemon_and_guard_together_is_cleaned_by_the_next_start(state: StateFolder) -> None:
    launched = up(state)
    pids = family(state)
    guard = next(pid for pid in pids if "infrastructure.embedded.host.guard" in _command(pid))
    os.kill(launched.pid, signal.SIGSTOP)
    os.kill(guard, signal.SIGKILL)
    os.kill(launched.pid, signal.SIGKILL)
    assert has_ended(launched.pid, WITHIN_S)
    up(state)
    assert still_there(pids) == set()


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")

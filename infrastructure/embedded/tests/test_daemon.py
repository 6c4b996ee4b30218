"""The daemon's life, with real processes and a minimal cloud: launch, stop, and the deaths of everybody concerned."""

import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.embedded import launch
from infrastructure.embedded.host import proctree, residue
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.minimal_cloud import URL
from infrastructure.embedded.tests.processes import MINIMAL_CLOUD, eventually, has_ended
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, PlatformRecord, StateFolder

WITHIN_S = 2.0
ROOT = Path(__file__).parents[__name__.count(".")]


def up(state: StateFolder, *, detached: bool = False, owner: int | None = None) -> launch.Launched:
    return launch.launch("test", "us-east-1", FAST, state, detached=detached, owner=owner, program=MINIMAL_CLOUD)


def family(state: StateFolder) -> set[int]:
    """The daemon and everything it started, down to what its children have forked."""
    return set(proctree.with_environment(f"{MARKER}={state.root}"))


@pytest.fixture(autouse=True)
def nothing_left(state: StateFolder) -> Iterator[None]:
    """However a daemon ended, it is waited for: none stays a zombie of the process that launched it."""
    yield
    launch.stop(state, within_s=0.0)
    assert launch._children == {}


@contextlib.contextmanager
def owned(state: StateFolder, how: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that owns a cloud, and the daemon's pid."""
    command = (sys.executable, "-P", "-m", "infrastructure.embedded.tests.owner", str(state.root), how)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as owner:
        assert owner.stdout is not None
        try:
            yield owner, int(owner.stdout.readline())
        finally:
            owner.kill()


def still_there(pids: set[int]) -> set[int]:
    deadline = time.monotonic() + WITHIN_S
    return {pid for pid in pids if not has_ended(pid, max(deadline - time.monotonic(), 0.0))}


def test_whoever_waits_too_long_for_another_start_or_stop_is_told_the_file(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "START_S", 0.1)
    monkeypatch.setattr(launch, "STOP_S", 0.0)
    state.lock.parent.mkdir(parents=True, exist_ok=True)
    with state.lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(EnvironmentFault, match=f"`fuser {re.escape(str(state.lock))}`"):
            launch.stop(state)
    launch.stop(state)


def test_a_launched_cloud_is_up_and_recorded(state: StateFolder) -> None:
    launched = up(state)
    assert launched.url == URL
    record = launch.find(state)
    assert record is not None
    assert (record.pid, record.url, record.pace, record.detached) == (launched.pid, URL, "fast", False)
    assert PlatformRecord.read(state) == record
    assert state.platform.stat().st_mode & 0o777 == 0o600, "it holds the operator's keys"
    assert (state.root.stat().st_mode & 0o777, state.root.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    # daemon, guard, zygote, program, shell, what the shell forked, entry
    assert len(family(state)) == 7


def test_keys_are_new_with_every_start_and_told_to_no_log(state: StateFolder) -> None:
    keys = set[str]()
    for _ in range(2):
        up(state)
        record = launch.find(state)
        assert record is not None
        keys |= {record.access_key, record.secret_key}
        logged = b"".join(log.read_bytes() for log in state.logs.glob("*.log"))
        assert record.secret_key.encode() not in logged
        assert record.secret_key not in repr(record)
        launch.stop(state)
    assert len(keys) == 4


def test_stop_leaves_nothing(state: StateFolder) -> None:
    up(state)
    pids = family(state)
    launch.stop(state)
    assert still_there(pids) == set()
    assert not state.root.exists()
    assert launch.find(state) is None


def test_stop_keeps_an_open_journal(state: StateFolder) -> None:
    up(state)
    state.journal.mkdir()
    (state.journal / "0001.json").write_text("{}", encoding="ascii")
    launch.stop(state)
    assert list(state.root.iterdir()) == [state.journal]


def test_stop_of_nothing_is_nothing(state: StateFolder) -> None:
    launch.stop(state)
    assert not state.root.exists()


def test_a_daemon_that_is_frozen_can_be_stopped(state: StateFolder) -> None:
    launched = up(state)
    os.kill(launched.pid, signal.SIGSTOP)
    launch.stop(state)
    assert has_ended(launched.pid, 0.0)


@pytest.mark.parametrize("signals", [1, 2], ids=["by-force-from-outside", "by-a-second-signal"])
def test_a_cloud_that_does_not_close_is_ended(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, signals: int
) -> None:
    monkeypatch.setenv("MODE", "hang-closing")
    launched = up(state)
    pids = family(state)
    if signals == 2:
        os.kill(launched.pid, signal.SIGTERM)
    launch.stop(state, within_s=0.3)
    assert still_there(pids) == set()


def test_a_second_cloud_in_the_same_folder_is_refused(state: StateFolder) -> None:
    launched = up(state)
    with pytest.raises(EnvironmentFault, match=f"is running in .*pid {launched.pid}"):
        up(state)
    assert launch.find(state) is not None


def test_two_that_launch_at_once_get_one_cloud(state: StateFolder) -> None:
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            outcomes.append(up(state).url)
        except EnvironmentFault as fault:
            outcomes.append(str(fault))

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([outcome for outcome in outcomes if outcome == URL]) == 1
    assert len([outcome for outcome in outcomes if "is running" in outcome]) == 1


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("fault", "did not start: port 80 is taken"),
        ("defect", "did not start: ZeroDivisionError: a defect of ours"),
        ("vanish", "died while it started (exit code 9)"),
    ],
)
def test_a_cloud_that_does_not_open_is_one_fault_and_leaves_nothing(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, mode: str, said: str
) -> None:
    monkeypatch.setenv("MODE", mode)
    with pytest.raises(EnvironmentFault) as fault:
        up(state)
    assert said in str(fault.value)
    assert family(state) == set()
    assert not state.root.exists()


def test_the_fault_carries_the_end_of_the_log(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "defect")
    with pytest.raises(EnvironmentFault) as fault:
        up(state)
    assert fault.value.log[-1] == "ZeroDivisionError: a defect of ours"


def test_a_fault_is_no_traceback(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "fault")
    with pytest.raises(EnvironmentFault) as fault:
        up(state)
    assert "Traceback" not in str(fault.value)


def test_a_cloud_that_takes_too_long_to_open_is_a_fault(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "hang-opening")
    monkeypatch.setattr(launch, "START_S", 0.5)
    with pytest.raises(EnvironmentFault, match="not ready after"):
        up(state)
    assert family(state) == set()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param((sys.executable, "-c", "import no_such_module"), id="import-error"),
        pytest.param((sys.executable, "-m", "infrastructure.embedded", "--pace", "warp"), id="usage"),
    ],
)
def test_a_daemon_that_dies_before_its_first_step_is_a_fault(state: StateFolder, program: tuple[str, ...]) -> None:
    with pytest.raises(EnvironmentFault, match="died while it started") as fault:
        launch.launch("test", "nowhere", FAST, state, detached=False, program=program)
    assert fault.value.log
    assert not state.root.exists()


def test_a_program_that_is_missing_leaves_nothing(state: StateFolder) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError):
        launch.launch("test", "us-east-1", FAST, state, detached=False, program=("/no/such/python",))
    assert not state.root.exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


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


def test_the_daemon_sees_nothing_of_a_persons_account(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-person")
    launched = up(state)
    environment = Path(f"/proc/{launched.pid}/environ").read_bytes().split(b"\0")
    assert [entry for entry in environment if entry.startswith(b"AWS_")] == []


def test_the_record_is_data_for_anybody(state: StateFolder) -> None:
    launched = up(state)
    written = json.loads(state.platform.read_text(encoding="utf-8"))
    assert written["pid"] == launched.pid == residue.living_daemon(state)
    assert written.keys() >= {"platform_id", "pid", "url", "pace", "started_at"}


@pytest.mark.parametrize(
    "text", ['{"half": ', '{"of": "another version"}', "[]"], ids=["torn", "other-fields", "no-object"]
)
def test_a_record_that_cannot_be_read_is_a_fault_and_no_obstacle_to_stopping(state: StateFolder, text: str) -> None:
    state.create()
    state.platform.write_text(text, encoding="utf-8")
    with pytest.raises(EnvironmentFault, match=r"no record of a platform .*cafe down --env"):
        launch.find(state)
    launch.stop(state)
    assert not state.root.exists()


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")

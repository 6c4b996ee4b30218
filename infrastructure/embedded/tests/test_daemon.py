"""The daemon's life, with real processes and a minimal cloud: launch, records, stop."""

import fcntl
import json
import os
import re
import signal
import threading
from pathlib import Path

import pytest

from infrastructure.embedded import launch
from infrastructure.embedded.host import residue
from infrastructure.embedded.tests.daemons import family, still_there, up
from infrastructure.embedded.tests.minimal_cloud import URL
from infrastructure.embedded.tests.processes import has_ended
from infrastructure.errors import EnvironmentFault
from infrastructure.state import PlatformRecord, StateFolder

pytestmark = pytest.mark.usefixtures("no_daemon_left")


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

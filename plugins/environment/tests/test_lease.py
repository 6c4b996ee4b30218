"""One holder at a time; a dead or hung one is replaced; a revoked one knows, even when it slept through it."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder
from plugins.environment.lease import Lease, LeaseRecord, TakenError, read, revoke

DEADLINE_S = 20.0

HOLDER = """
import sys
from pathlib import Path
from infrastructure.state import StateFolder
from plugins.environment.lease import Lease

with Lease(StateFolder(Path(sys.argv[1])), run_id="other").hold("chaos 06") as held:
    print(held.id, flush=True)
    for _ in sys.stdin:
        print(held.is_valid(), flush=True)
"""


class Holder:
    """Another process that holds the lease."""

    def __init__(self, state: StateFolder) -> None:
        command = [sys.executable, "-c", HOLDER, str(state.root)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lease_id = self.hear()

    def hear(self) -> str:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], DEADLINE_S)[0], "the holder says nothing"
        return self.process.stdout.readline().strip()

    def ask(self) -> str:
        """`True` or `False`: what it thinks of its lease."""
        assert self.process.stdin is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return self.hear()

    def stop(self) -> None:
        """SIGSTOP, and wait until it has stopped."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "dev")


@pytest.fixture
def other(state: StateFolder) -> Iterator[Holder]:
    holder = Holder(state)
    yield holder
    holder.end()


def lease(state: StateFolder, run_id: str = "mine", wait_s: float = 0.0) -> Lease:
    return Lease(state, run_id=run_id, wait_s=wait_s)


def is_free(state: StateFolder) -> bool:
    return read(state.lease) is None


@contextmanager
def rewritten(path: Path, old: str, new: str) -> Iterator[None]:
    """The record with a field changed, of the same length, as a stopped or crashed holder would leave it."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.unlink()
    path.write_text(text.replace(old, new), encoding="utf-8")
    yield


def test_a_lease_is_held_for_its_block_and_free_after_it(state: StateFolder) -> None:
    with lease(state).hold("stress order") as held:
        record = read(state.lease)
        assert record is not None
        assert (record.pid, record.lease_id, record.purpose) == (os.getpid(), held.id, "stress order")
        assert held.is_valid()
    assert not held.is_valid()
    assert is_free(state)


def test_a_lease_is_free_after_a_failure_too(state: StateFolder) -> None:
    with pytest.raises(ZeroDivisionError), lease(state).hold("chaos 01"):
        _ = 1 / 0
    assert is_free(state)


def test_the_heart_beats_while_a_lease_is_held(state: StateFolder) -> None:
    with lease(state).hold("chaos 01"):
        first = read(state.lease)
        assert first is not None
        beaten, deadline = first, time.monotonic() + DEADLINE_S
        while beaten.beat_at == first.beat_at and time.monotonic() < deadline:
            beaten = read(state.lease) or first
        assert beaten.beat_at > first.beat_at


def test_a_second_run_is_refused_with_the_holder(state: StateFolder, other: Holder) -> None:
    lines: list[str] = []
    mine = Lease(state, run_id="mine", wait_s=0.0, talk=lines.append)
    with pytest.raises(TakenError, match=rf"process {other.process.pid} holds it for 'chaos 06'"), mine.hold("x"):
        pass
    assert len(lines) == 1
    assert other.ask() == "True"


def test_the_workers_of_one_run_take_turns(state: StateFolder) -> None:
    """A worker waits for another of its run however long that takes."""
    is_waiting, order = threading.Event(), []

    def second() -> None:
        with Lease(state, run_id="mine", wait_s=0.0, talk=lambda _line: is_waiting.set()).hold("second"):
            order.append("second")

    with lease(state).hold("first"):
        worker = threading.Thread(target=second)
        worker.start()
        assert is_waiting.wait(DEADLINE_S)
        order.append("first")
    worker.join(DEADLINE_S)
    assert order == ["first", "second"]


def test_a_revoked_lease_is_invalid_for_good(state: StateFolder, other: Holder) -> None:
    revoke(state, other.lease_id)
    assert other.ask() == "False"
    with lease(state).hold("next"):
        assert other.ask() == "False"
    assert other.ask() == "False"


def test_a_holder_that_slept_through_its_revocation_knows_when_it_wakes(state: StateFolder, other: Holder) -> None:
    """SIGSTOP stops its heart too; when it goes on, its beats must not bring the lease back."""
    other.stop()
    revoke(state, other.lease_id)
    other.process.send_signal(signal.SIGCONT)
    assert other.ask() == "False"
    assert is_free(state)


def test_revoking_one_lease_leaves_the_next_alone(state: StateFolder) -> None:
    with lease(state).hold("chaos 01") as held:
        revoke(state, "of somebody before")
        assert held.is_valid()


@pytest.mark.parametrize(("age_s", "is_stale"), [(0.0, False), (5.0, False), (5.1, True), (-5.0, False), (-5.1, True)])
def test_a_holder_that_has_not_written_for_five_seconds_is_stale(age_s: float, is_stale: bool) -> None:
    """Ten beats; one from the future is from before the machine was started anew."""
    record = LeaseRecord(pid=os.getpid(), lease_id="a", run_id="r", purpose="p", held_since=0.0, beat_at=100.0)
    assert record.is_stale(100.0 + age_s) is is_stale


def test_a_dead_holder_is_replaced(state: StateFolder, other: Holder) -> None:
    other.end()
    with lease(state).hold("next") as held:
        assert held.is_valid()


def test_a_hung_holder_is_replaced_once_its_heart_has_stopped_for_long(state: StateFolder, other: Holder) -> None:
    other.stop()
    record = read(state.lease)
    assert record is not None
    long_ago = f"{record.beat_at - 6.0:20.6f}"
    with rewritten(state.lease, f"{record.beat_at:20.6f}", long_ago), lease(state).hold("next") as held:
        other.process.send_signal(signal.SIGCONT)
        assert other.ask() == "False"
        assert held.is_valid()


@pytest.mark.parametrize(
    "text", ["", '{"pid": 1, "bea', '{"pid": 1}', "[]"], ids=["empty", "torn", "few fields", "a list"]
)
def test_a_record_that_nobody_can_read_is_nobodys(state: StateFolder, text: str) -> None:
    """A machine that lost its power leaves an empty file behind; another version's record has other fields."""
    state.root.mkdir()
    state.lease.write_text(text, encoding="utf-8")
    assert is_free(state)
    with lease(state).hold("next") as held:
        assert held.is_valid()


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0], ids=["back", "forward"])
def test_a_step_of_the_wall_clock_takes_no_lease_away(
    state: StateFolder, other: Holder, step_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + step_s)
    with pytest.raises(EnvironmentFault, match="another run experiments"), lease(state).hold("next"):
        pass
    assert other.ask() == "True"


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0], ids=["after a restart of the machine", "hung"])
def test_a_beat_that_is_not_of_these_seconds_is_stale(state: StateFolder, step_s: float) -> None:
    """The beats' clock begins anew with the machine, and a pid may by then be another process's."""
    with lease(state).hold("chaos 01"):
        record = read(state.lease)
        assert record is not None
        assert not record.is_stale(record.beat_at + 1)
        assert record.is_stale(record.beat_at + step_s)


def test_a_holder_that_ends_after_its_revocation_does_not_free_the_next(state: StateFolder) -> None:
    with ExitStack() as first_run, ExitStack() as second_run:
        first = first_run.enter_context(lease(state, "first").hold("chaos 01"))
        revoke(state, first.id)
        second = second_run.enter_context(lease(state, "second").hold("chaos 04"))
        first_run.close()
        assert second.is_valid()


def test_a_platform_that_was_taken_down_takes_the_lease_with_it(state: StateFolder) -> None:
    with lease(state).hold("chaos 01") as held:
        for file in state.root.iterdir():
            file.unlink()
        assert not held.is_valid()

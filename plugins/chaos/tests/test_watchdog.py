"""On a platform that outlives its run, a dead or hung run is undone within ten seconds with nobody's help."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder
from plugins.chaos.undo import guard

WITHIN_S = 10.0


@dataclass
class Watched:
    """A run with an injected fault, and the watchdog it started."""

    root: Path
    run: "subprocess.Popen[str]"
    watchdog: int

    @property
    def text(self) -> str:
        return (self.root / "platform").read_text()

    @property
    def log(self) -> str:
        """What the watchdog wrote."""
        return (StateFolder(self.root).logs / f"watchdog-{self.run.pid}.log").read_text()

    def watchdog_ends(self, within_s: float) -> bool:
        """By its pidfd: an event, not a look now and then."""
        poll = select.poll()
        poll.register(self.watchdog, select.POLLIN)
        return bool(poll.poll(within_s * 1000))

    def send(self, words: str) -> str:
        """End the run's input; the rest of what it prints."""
        return self.run.communicate(words, timeout=WITHIN_S)[0].strip()


@contextmanager
def watched(root: Path, *platform: str) -> Iterator[Watched]:
    (root / "platform").write_text("whole")
    command = [sys.executable, "-m", "plugins.chaos.tests.watched_run", str(root), *platform]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        watchdog = os.pidfd_open(int(run.stdout.readline()))
        try:
            yield Watched(root, run, watchdog)
        finally:
            run.kill()
            with suppress(ProcessLookupError):  # it has ended, as it should
                signal.pidfd_send_signal(watchdog, signal.SIGKILL)
            os.close(watchdog)


def test_a_killed_run_is_undone_and_the_watchdog_ends(tmp_path: Path) -> None:
    with watched(tmp_path) as seen:
        assert seen.text == "broken"
        seen.run.kill()

        assert seen.watchdog_ends(WITHIN_S)

        assert "taken for hung" not in seen.log, "it saw the death itself, not a heart that had stopped"
        assert seen.text == "whole"
        assert list(StateFolder(tmp_path).journal.iterdir()) == []
        assert not StateFolder(tmp_path).lease.exists()


def test_a_stopped_run_is_undone_within_ten_seconds_and_loses_its_lease_for_good(tmp_path: Path) -> None:
    with watched(tmp_path) as seen:
        seen.run.send_signal(signal.SIGSTOP)

        # The watchdog is the stopped run's child: it stays a zombie, which a pidfd reports as ended.
        assert seen.watchdog_ends(WITHIN_S)

        assert "taken for hung" in seen.log
        assert seen.text == "whole"
        seen.run.send_signal(signal.SIGCONT)
        assert seen.send("") == "False"


def test_a_run_that_ends_cleanly_takes_its_watchdog_along(tmp_path: Path) -> None:
    with watched(tmp_path) as seen:
        assert seen.send("clean") == "True"
        assert seen.watchdog_ends(0.0), "the run waits for its end; by itself it would end too, once the run is gone"
        assert seen.text == "whole"


def test_a_run_that_ends_with_an_open_experiment_leaves_its_watchdog_to_undo_it(tmp_path: Path) -> None:
    """A second Ctrl-C ends pytest at once, and its fixtures still close what they opened."""
    with watched(tmp_path) as seen:
        assert seen.send("interrupted twice") == "True"
        assert seen.watchdog_ends(WITHIN_S)
        assert seen.text == "whole"


def test_a_watchdog_that_does_not_come_up_is_not_taken_for_one_that_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next experiment of the run would inject with nobody to undo it."""
    monkeypatch.setattr(guard, "ARMED_WITHIN_S", 0.0)
    watchdog = guard.Watchdog(StateFolder(tmp_path), None, module="plugins.chaos.tests.deaf_watchdog")
    for _ in range(2):
        with pytest.raises(EnvironmentFault, match="the watchdog did not start"):
            watchdog.arm()
        assert watchdog.pid is None


def test_the_real_watchdog_comes_up_and_goes_with_its_run(tmp_path: Path) -> None:
    """As a run starts it; the other tests undo on files."""
    watchdog = guard.Watchdog(StateFolder(tmp_path), None)
    watchdog.close()
    assert watchdog.pid is None
    watchdog.arm()
    first = watchdog.pid
    assert first is not None
    watchdog.arm()
    assert watchdog.pid == first, "one is enough"
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    watchdog.arm()
    assert watchdog.pid not in (None, first), "one that has ended is replaced"
    watchdog.close()
    assert watchdog.pid is None


def test_a_fault_in_the_cluster_has_a_watchdog_that_has_its_client_loaded(tmp_path: Path) -> None:
    """Loading it takes seconds, and once the run is dead an undo has few."""

    def has_client(pid: int | None) -> bool:
        return "--with-kubernetes" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")

    watchdog = guard.Watchdog(StateFolder(tmp_path), None)
    watchdog.arm()
    without = watchdog.pid
    watchdog.arm(with_kubernetes=True)
    first = watchdog.pid
    assert (has_client(first), first == without) == (True, False)
    watchdog.arm()
    watchdog.arm(with_kubernetes=True)
    assert watchdog.pid == first, "one that knows more will do"
    watchdog.close()


def test_a_platform_that_is_gone_needs_no_watchdog(tmp_path: Path) -> None:
    platform = StateFolder(tmp_path).platform
    platform.write_text(json.dumps({"pid": os.getpid(), "platform_id": "p1"}))
    with watched(tmp_path, "p1") as seen:
        platform.unlink()
        assert seen.watchdog_ends(WITHIN_S)
        assert seen.text == "broken"

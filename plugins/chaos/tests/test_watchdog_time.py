"""When a run is taken for hung, and how long undoing it is tried: on a clock that moves when it is waited for."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from infrastructure.state import StateFolder
from plugins.chaos.tests.fakes import FileCloud, FileFault, origin
from plugins.chaos.undo import journal, watchdog
from plugins.chaos.undo.journal import Entry, Journal
from plugins.chaos.undo.restore import Outcome, Restored
from plugins.chaos.undo.watchdog import Heartbeat, undo, watch
from plugins.environment import lease
from plugins.environment.lease import LeaseRecord

RUN = 4711
"""The run's pid, which no process here has."""


def beat(at: float, lease_id: str = "a") -> LeaseRecord:
    return LeaseRecord(pid=RUN, lease_id=lease_id, run_id="r", purpose="p", held_since=0.0, beat_at=at)


@pytest.mark.parametrize(
    ("looks", "silent_s"),
    [
        ([(0.0, beat(1)), (4.0, beat(1))], 4.0),
        ([(0.0, beat(1)), (4.0, beat(2))], 0.0),
        ([(0.0, beat(1)), (4.0, None), (5.0, None)], 0.0),
        ([(0.0, beat(1)), (4.0, beat(1, "b"))], 0.0),
        ([(0.0, beat(1)), (0.1, beat(9_999_999))], 0.0),
        ([(0.0, beat(9_999_999)), (3.5, beat(9_999_999))], 3.5),
    ],
    ids=["still", "beating", "free", "another holder", "the wall clock jumped", "a beat from the future stands still"],
)
def test_silence_is_counted_on_the_watchdogs_own_clock(
    looks: list[tuple[float, LeaseRecord | None]], silent_s: float
) -> None:
    now = [0.0]
    heartbeat = Heartbeat(lambda: now[0])
    for at, record in looks:
        now[0] = at
        seen = heartbeat.silent_s(record)
    assert seen == pytest.approx(silent_s)


@dataclass
class Watching:
    """A run with an open experiment, seen by its watchdog; it beats every half second as long as `beats` says so."""

    root: Path
    beats: Callable[[float], bool] = lambda _now: True
    ends_at: float = float("inf")
    holder: int = RUN
    now: float = 0.0
    looks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = StateFolder(self.root / "state")
        self.platform = self.root / "platform"
        self.platform.write_text("broken")
        self.state.create()
        self._beat()

    def open_experiment(self, platform_id: str = "p1") -> None:
        log, plan = Journal.of(self.state.journal, "e1", lambda: 0.0), FileFault().plan(FileCloud(self.platform), 0.0)
        log.planned(origin(pid=RUN, platform_id=platform_id), plan, {"text": "whole"})
        log.mark("injecting")

    def ended(self, within_s: float) -> bool:
        self.now += within_s
        self.looks.append(self.now)
        if self.beats(self.now) and self.now % 0.5 == 0.0:
            self._beat()
        return self.now >= self.ends_at

    def clock(self) -> float:
        return self.now

    def _beat(self) -> None:
        record = LeaseRecord(pid=self.holder, lease_id="a", run_id="r", purpose="p", held_since=0.0, beat_at=self.now)
        self.state.lease.write_text(json.dumps(asdict(record)))

    def watch(self, platform_id: str | None = None) -> bool:
        return watch(self.state, RUN, platform_id, self.ended, self.clock)


def test_a_run_that_beats_is_left_in_peace_until_it_ends(tmp_path: Path) -> None:
    run = Watching(tmp_path, ends_at=60.0)
    run.open_experiment()
    assert run.watch(), "what it left open is undone"
    assert run.now == 60.0
    assert lease.read(run.state.lease) is not None


def test_a_run_that_falls_silent_is_hung_after_three_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Watching(tmp_path, beats=lambda now: now <= 20.0)
    run.open_experiment()
    assert run.watch()
    assert 23.0 < run.now <= 23.5
    assert "taken for hung" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("holder", "is_open"), [(RUN, False), (RUN + 1, True)], ids=["nothing is open", "somebody else holds the lease"]
)
def test_a_silent_run_that_harms_nobody_is_left_in_peace(tmp_path: Path, holder: int, is_open: bool) -> None:
    run = Watching(tmp_path, beats=lambda _now: False, ends_at=60.0, holder=holder)
    if is_open:
        run.open_experiment()
    run.watch()
    assert run.now == 60.0


def test_it_looks_often_enough_to_undo_within_the_ten_seconds_that_are_promised() -> None:
    beat, look, hung, undoing = lease.BEAT_S, watchdog.LOOK_S, watchdog.HUNG_AFTER_S, watchdog.UNDO_WITHIN_S
    assert beat + look + hung + undoing <= 10.0


def stuck(outcome: Outcome = Outcome.STUCK) -> tuple[Restored, ...]:
    return (Restored(experiment="e1", fault="file", targets=("a",), outcome=outcome, detail="no answer"),)


@pytest.mark.parametrize(
    ("outcomes", "tries", "code"),
    [
        ([()], 1, 0),
        ([stuck(Outcome.UNDONE)], 1, 0),
        ([stuck(), stuck(), stuck(Outcome.UNDONE)], 3, 0),
        ([(*stuck(Outcome.UNDONE), *stuck()), stuck(Outcome.UNDONE)], 2, 0),
        ([stuck()] * 1000, 6, 1),
    ],
    ids=["nothing is open", "at once", "when the platform answers again", "one of two at first", "never"],
)
def test_undoing_is_tried_again_ever_later_for_six_seconds(
    tmp_path: Path, outcomes: list[tuple[Restored, ...]], tries: int, code: int
) -> None:
    run = Watching(tmp_path)
    left, chosen = list(outcomes), list[Callable[[Entry], bool]]()

    def restorer(_state: StateFolder, choose: Callable[[Entry], bool]) -> tuple[Restored, ...]:
        chosen.append(choose)
        return left.pop(0)

    def sleep(seconds: float) -> None:
        run.now += seconds

    assert undo(run.state, RUN, restorer, run.clock, sleep) == code
    assert len(chosen) == tries
    assert lease.read(run.state.lease) is None, "first of all the run loses its lease"


def test_the_lease_of_another_run_is_not_taken(tmp_path: Path) -> None:
    run = Watching(tmp_path, holder=RUN + 1)
    undo(run.state, RUN, lambda _state, _chosen: ())
    assert lease.read(run.state.lease) is not None


def test_only_the_experiments_of_the_run_are_undone(tmp_path: Path) -> None:
    run = Watching(tmp_path)
    run.open_experiment()
    seen: list[bool] = []

    def restorer(state: StateFolder, chosen: Callable[[Entry], bool]) -> tuple[Restored, ...]:
        seen.extend(chosen(entry) for entry in journal.open_entries(state.journal))
        return ()

    for pid in (RUN, RUN + 1):
        undo(run.state, pid, restorer)
    assert seen == [True, False]


def test_the_restorer_of_the_real_watchdog_closes_what_a_platform_that_is_gone_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDCAFE_HOME", str(tmp_path))
    run = Watching(tmp_path)
    run.open_experiment(platform_id="gone")
    run.state.lease.unlink()
    [restored] = watchdog.restorer(run.state, lambda _entry: True)
    assert restored.outcome is Outcome.PLATFORM_GONE
    assert list(run.state.journal.iterdir()) == []


@pytest.mark.parametrize("platform_id", [None, "p1"])
def test_a_platform_that_is_gone_ends_the_watch_with_nothing_to_undo(tmp_path: Path, platform_id: str | None) -> None:
    run = Watching(tmp_path, ends_at=5.0)
    run.open_experiment()
    run.state.platform.write_text(json.dumps({"pid": os.getpid(), "platform_id": "another"}))
    assert run.watch(platform_id) is (platform_id is None)
    assert run.now == (5.0 if platform_id is None else 0.25)

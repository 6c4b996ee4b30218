"""What a run left open is undone by whoever comes next, once and for all."""

import os
import time
from pathlib import Path

import pytest

from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder
from plugins.chaos.tests.fakes import FileCloud, FileFault, origin
from plugins.chaos.undo import journal, restore
from plugins.chaos.undo.journal import Entry, Journal
from plugins.chaos.undo.restore import Outcome, Restored
from plugins.environment.lease import Lease


class Crashed:
    """A run that died after `events`, with its file `broken`."""

    def __init__(self, root: Path, *events: journal.Event, lease_id: str = "lease") -> None:
        self.state = StateFolder(root)
        self.cloud = FileCloud(root / "platform")
        self.cloud.path.write_text("whole")
        self.fault = FileFault()
        plan = self.fault.plan(self.cloud, 0.0)
        self.log = Journal.of(self.state.journal, "e1", time.time)
        self.log.planned(origin(pid=os.getpid(), lease_id=lease_id), plan, self.fault.fingerprint(self.cloud, plan))
        for event in events:
            self.log.mark(event)
        self.cloud.path.write_text("broken")

    def restore(self, cloud: FileCloud | None = None, *, is_gone: bool = False) -> tuple[Restored, ...]:
        def reach(_entry: Entry) -> FileCloud | None:
            return None if is_gone else cloud or self.cloud

        return restore.restore(self.state, reach, faults=lambda _name: self.fault)


@pytest.mark.parametrize(
    "events",
    [("injecting",), ("injecting", "injected"), ("injecting", "injected", "rolling-back")],
    ids=["injecting", "injected", "rolling-back"],
)
def test_an_open_experiment_is_undone_and_closed(tmp_path: Path, events: tuple[journal.Event, ...]) -> None:
    crashed = Crashed(tmp_path, *events)

    (restored,) = crashed.restore()

    assert restored.outcome is Outcome.UNDONE
    assert crashed.cloud.path.read_text() == "whole"
    assert list(crashed.state.journal.iterdir()) == []
    assert crashed.restore() == ()


def test_a_planned_experiment_was_never_injected_and_is_only_closed(tmp_path: Path) -> None:
    crashed = Crashed(tmp_path)
    assert [each.outcome for each in crashed.restore()] == [Outcome.UNTOUCHED]
    assert list(crashed.state.journal.iterdir()) == []


def test_an_experiment_on_a_platform_that_is_gone_is_closed(tmp_path: Path) -> None:
    crashed = Crashed(tmp_path, "injecting")
    assert [each.outcome for each in crashed.restore(is_gone=True)] == [Outcome.PLATFORM_GONE]
    assert crashed.restore() == ()


def test_an_experiment_whose_run_is_alive_is_left_alone(tmp_path: Path) -> None:
    with Lease(StateFolder(tmp_path), run_id="r").hold("test") as held:
        crashed = Crashed(tmp_path, "injecting", lease_id=held.id)
        assert [each.outcome for each in crashed.restore()] == [Outcome.RUNNING]
        assert crashed.cloud.path.read_text() == "broken"
    assert [each.outcome for each in crashed.restore()] == [Outcome.UNDONE]


def test_a_closed_experiment_whose_run_is_alive_keeps_its_file_for_the_report(tmp_path: Path) -> None:
    """Between the rollback and the report are the recovery and the books: a minute in which others may start."""
    with Lease(StateFolder(tmp_path), run_id="r").hold("test") as held:
        crashed = Crashed(tmp_path, "injecting", "injected", "rolled-back", "closed", lease_id=held.id)
        assert crashed.restore() == ()
        assert "rolled-back" in crashed.log.text()
    assert crashed.restore() == ()
    assert crashed.log.text() == ""


def test_what_cannot_be_undone_stays_open_and_nothing_may_begin_on_it(tmp_path: Path) -> None:
    crashed = Crashed(tmp_path, "injecting")
    crashed.fault = FileFault(raises={"rollback": ConnectionError("no route")})

    restored = crashed.restore()

    assert [(each.outcome, each.detail) for each in restored] == [(Outcome.STUCK, "ConnectionError: no route")]
    with pytest.raises(EnvironmentFault, match=r"e1 \(file on .*no route"):
        restore.check_clear(restored)
    crashed.fault = FileFault()
    restore.check_clear(crashed.restore())


def test_an_undo_that_leaves_a_difference_is_stuck(tmp_path: Path) -> None:
    crashed = Crashed(tmp_path, "injecting")
    crashed.fault = FileFault(is_undoable=False)
    (restored,) = crashed.restore()
    assert restored.outcome is Outcome.STUCK
    assert restored.detail.startswith("undo not proven")


def test_a_person_can_close_what_they_put_right(tmp_path: Path) -> None:
    crashed = Crashed(tmp_path, "injecting")
    with pytest.raises(EnvironmentFault, match="open: e1"):
        restore.accept(crashed.state, "e7")
    restore.accept(crashed.state, "e1")
    assert crashed.restore() == ()


def test_nothing_was_ever_run_here(tmp_path: Path) -> None:
    def never(_entry: Entry) -> FileCloud:
        raise AssertionError("there is nothing to reach for")

    assert restore.restore(StateFolder(tmp_path / "none"), never) == ()

"""The journal holds what must be undone, whatever byte the crash cut it at."""

import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infrastructure.errors import EnvironmentFault
from plugins.chaos.fault import Call, Plan
from plugins.chaos.tests.fakes import origin
from plugins.chaos.undo import journal
from plugins.chaos.undo.journal import Entry, Journal

PLAN = Plan(
    fault="file",
    targets=("a", "b"),
    calls=(Call(action="x:Do", resource="arn:a"),),
    undo=(Call(action="x:Undo"),),
    backup={"text": "whole", "nested": [{"n": 1}]},
    created_at=12.5,
)


def written(folder: Path, *events: journal.Event) -> Journal:
    log = Journal.of(folder, "e1", lambda: 1.0)
    log.planned(origin(), PLAN, {"text": "whole"})
    for event in events:
        log.mark(event)
    return log


def test_what_was_planned_is_read_back_as_it_was(tmp_path: Path) -> None:
    written(tmp_path / "journal", "injecting")

    (entry,) = journal.open_entries(tmp_path / "journal")

    assert (entry.plan, entry.origin, entry.fingerprint) == (PLAN, origin(), {"text": "whole"})
    assert entry.was_touched


def test_a_closed_experiment_is_not_open_and_its_file_can_go(tmp_path: Path) -> None:
    log = written(tmp_path / "journal", "injecting", "rolled-back", "closed")

    assert journal.open_entries(tmp_path / "journal") == ()
    log.discard()
    assert not log.path.exists()


def test_an_open_experiment_is_never_discarded(tmp_path: Path) -> None:
    log = written(tmp_path / "journal", "injecting")
    log.discard()
    assert log.path.exists()


def test_a_file_cut_at_any_byte_still_holds_what_was_on_the_disk(tmp_path: Path) -> None:
    log = written(tmp_path / "journal", "injecting", "injected")
    whole = log.path.read_bytes()
    plan_ends = whole.index(b"\n")
    injecting_ends = whole.index(b"\n", plan_ends + 1)
    for cut in range(len(whole)):
        log.path.write_bytes(whole[:cut])
        entry = journal.read(log.path)
        assert (entry is not None) == (cut >= plan_ends), cut
        assert entry is None or entry.was_touched == (cut >= injecting_ends), cut


def test_a_line_after_a_torn_one_stands_by_itself(tmp_path: Path) -> None:
    log = written(tmp_path / "journal", "injecting")
    log.path.write_bytes(log.path.read_bytes()[:-7])

    log.mark("rolling-back")

    entry = journal.read(log.path)
    assert entry is not None
    assert entry.events == ("planned", "rolling-back")


def test_a_plan_that_cannot_be_read_but_was_acted_on_needs_a_person(tmp_path: Path) -> None:
    log = written(tmp_path / "journal", "injecting")
    log.path.write_bytes(b"{torn" + log.path.read_bytes()[10:])
    with pytest.raises(EnvironmentFault, match="does not begin with a plan"):
        journal.read(log.path)


@pytest.mark.parametrize(
    "change",
    [{"origin": None}, {"origin": {"experiment": "e1"}}, {"plan": {}}, {"plan": {"calls": 3}}],
    ids=["no origin", "an origin of fewer fields", "an empty plan", "a plan of another form"],
)
def test_a_plan_that_another_version_wrote_needs_a_person(tmp_path: Path, change: dict[str, Any]) -> None:
    log = written(tmp_path / "journal")
    log.path.write_text(json.dumps({**json.loads(log.path.read_text()), **change}) + "\n")
    with pytest.raises(EnvironmentFault, match=r"e1\.jsonl does not begin with a plan that this version can read"):
        journal.open_entries(tmp_path / "journal")


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes: as on a disk that fills up, a write takes what fits and says how much."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_plan_that_is_only_half_on_the_disk_is_an_error(tmp_path: Path) -> None:
    log = Journal.of(tmp_path / "journal", "e1", lambda: 1.0)
    with pytest.raises(OSError, match="File too large"), room_for(100):
        log.planned(origin(), PLAN, {"text": "whole"})
    assert journal.read(log.path) is None


def test_an_experiment_whose_file_goes_while_it_is_looked_at_is_closed(tmp_path: Path) -> None:
    """Its run removes it when it is done, at any moment."""
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "e1.jsonl").symlink_to(folder / "removed meanwhile")
    assert journal.entries(folder) == ()
    journal.sweep(folder, 1e12)
    assert Journal.of(folder, "e1", lambda: 1.0).text() == ""


@pytest.mark.parametrize(
    "removes",
    [lambda log: log.discard(), lambda log: journal.sweep(log.path.parent, 1e12)],
    ids=["its run", "a sweep"],
)
def test_two_processes_may_remove_a_closed_experiment_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removes: Callable[[Journal], None]
) -> None:
    log = written(tmp_path / "journal", "injecting", "closed")
    read = journal.read

    def read_and_lose(path: Path) -> Entry | None:
        entry = read(path)
        path.unlink()
        return entry

    monkeypatch.setattr(journal, "read", read_and_lose)
    removes(log)
    assert not log.path.exists()


def test_marking_an_experiment_that_another_process_closed_reports_it(tmp_path: Path) -> None:
    log = written(tmp_path / "journal")
    log.path.unlink()
    assert log.mark("injecting") is False
    assert not log.path.exists()


def test_two_experiments_never_share_a_file(tmp_path: Path) -> None:
    written(tmp_path / "journal")
    with pytest.raises(FileExistsError):
        written(tmp_path / "journal")


def test_the_journal_is_nobody_elses_to_read(tmp_path: Path) -> None:
    log = written(tmp_path / "journal")
    assert log.path.stat().st_mode & 0o077 == 0
    assert log.path.parent.stat().st_mode & 0o077 == 0


def test_sweeping_removes_what_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    log = written(folder, "injecting", "closed")
    torn = folder / "e2.jsonl"
    torn.write_text('{"event": "plan')
    journal.sweep(folder, torn.stat().st_mtime + 1)
    assert (log.path.exists(), torn.exists()) == (False, True)
    journal.sweep(folder, torn.stat().st_mtime + 3600)
    assert not torn.exists()


def test_a_new_folder_is_on_the_disk_before_anything_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose own name is lost with the power takes the plan in it along."""
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    log = written(tmp_path / "dev" / "journal")
    assert synced == [log.path, tmp_path / "dev" / "journal", tmp_path / "dev", tmp_path]
    synced.clear()
    Journal.of(tmp_path / "dev" / "journal", "e2", lambda: 1.0).planned(origin(), PLAN, {})
    assert len(synced) == 2, "the folders were there already"

"""The write-ahead journal: what was planned is on the disk before anything is changed, so any process can undo it.

    planned ── injecting ── injected ── rolling-back ── rolled-back ── closed        one JSON-lines file an experiment
      │            │
      │            └─ on the disk (fsync) before the first mutating call: from here on there is something to undo
      └─ the plan and the fingerprint before; file and folder fsynced

A crash leaves at most a torn last line. Every event can be written by another process than the one that planned:
the watchdog, `cafe restore`, the next run. A closed experiment has nothing more to report and its file is removed; so a
run that was taken for dead and wakes up finds no file any more, and knows that it must not inject.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from infrastructure.errors import EnvironmentFault
from infrastructure.state import make_private
from plugins.chaos.fault import Json, Plan

_WRITING_S = 60.0
"""Nobody takes so long to write one line: a plan that is not whole by then never will be."""

Event = Literal["planned", "injecting", "injected", "rolling-back", "rolled-back", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose experiment it is: which platform it touched, which process ran it under which lease."""

    experiment: str
    scenario: str
    environment: str
    target: str
    platform_id: str
    pid: int
    lease_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One experiment as its file has it. `fingerprint` is of the state before the fault."""

    path: Path
    origin: Origin
    plan: Plan
    fingerprint: Mapping[str, Json]
    events: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Is there still something to undo, or to prove undone?"""
        return "closed" not in self.events

    @property
    def was_touched(self) -> bool:
        """May the fault have been injected?"""
        return "injecting" in self.events


class Journal:
    """Writes the file of one experiment. Every line is on the disk when its method returns. `clock`: Unix seconds."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock

    @classmethod
    def of(cls, folder: Path, experiment: str, clock: Callable[[], float]) -> "Journal":
        """The journal of `experiment` in the journal folder; the file comes with the first line."""
        return cls(folder / f"{experiment}.jsonl", clock)

    def planned(self, origin: Origin, plan: Plan, fingerprint: Mapping[str, Json]) -> None:
        new = make_private(self.path.parent)
        self._append(
            "planned", is_new=True, origin=asdict(origin), plan=json.loads(plan.to_json()), fingerprint=fingerprint
        )
        for folder in (self.path.parent, *(made.parent for made in reversed(new))):
            _sync_folder(folder)

    def mark(self, event: Event, detail: str = "") -> bool:
        """Note an event; False when the file is gone, because another process has closed the experiment."""
        try:
            self._append(event, detail=detail)
        except FileNotFoundError:
            return False
        return True

    def note(self, event: Event, detail: str = "") -> None:
        """Note an event where going on matters more than the note: a full disk must not keep anybody from undoing.

        A "closed" that could not be written leaves the experiment open, and the next start undoes it once more.
        """
        with suppress(OSError):
            self.mark(event, detail)

    def discard(self) -> None:
        """Remove the file, if the experiment is closed."""
        entry = read(self.path)
        if entry is not None and not entry.is_open:
            self.path.unlink(missing_ok=True)

    def text(self) -> str:
        """The file as it is, for the report; empty when nothing was planned, or another process closed it."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _append(self, event: Event, *, is_new: bool = False, **fields: Json) -> None:
        line = json.dumps({"event": event, "at": self._clock(), "pid": os.getpid(), **fields}) + "\n"
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if is_new else 0)
        descriptor = os.open(self.path, flags, 0o600)
        try:
            _write(descriptor, (_mend(descriptor) + line).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_entries(folder: Path) -> tuple[Entry, ...]:
    """The experiments that are not closed, oldest first."""
    return tuple(entry for entry in entries(folder) if entry.is_open)


def entries(folder: Path) -> tuple[Entry, ...]:
    """Every experiment that got as far as its plan, oldest first."""
    found = (read(path) for path in folder.glob("*.jsonl"))
    return tuple(sorted((entry for entry in found if entry is not None), key=lambda entry: entry.plan.created_at))


def read(path: Path) -> Entry | None:
    """The experiment in `path`; None where the run died before its plan was down, so that nothing was touched, and
    where the file is gone: whoever closed the experiment removed it.

    `EnvironmentFault` where events follow a plan that cannot be read: somebody has to look.
    """
    lines = tuple(_lines(path))
    if not lines:
        return None
    first = lines[0]
    try:
        return Entry(
            path=path,
            origin=Origin(**first["origin"]),
            plan=Plan.from_json(json.dumps(first["plan"])),
            fingerprint=first["fingerprint"],
            events=tuple(str(line["event"]) for line in lines),
        )
    except (KeyError, TypeError, ValueError) as unreadable:
        raise EnvironmentFault(
            f"the journal {path} does not begin with a plan that this version can read; undo by hand what it holds,"
            " then delete it"
        ) from unreadable


def sweep(folder: Path, now: float, is_in_use: Callable[[Entry], bool] = lambda _entry: False) -> None:
    """Remove what holds nothing: closed experiments, and files whose run died in the middle of its plan.

    A closed one that `is_in_use` stays: its run is alive, and puts the file into its report before it removes it.
    """
    for path in folder.glob("*.jsonl"):
        entry = read(path)
        if entry is None:
            is_over = now - _changed_at(path, now) > _WRITING_S
        else:
            is_over = not entry.is_open and not is_in_use(entry)
        if is_over:
            path.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep two restorers apart. The lock ends with its process; it lies beside the folder, which must end up empty."""
    with folder.with_name(f"{folder.name}.mutex").open("a") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        yield


def _lines(path: Path) -> Iterator[dict[str, Any]]:  # JSON just read; `read` gives it its types
    """The lines that were written whole; a torn one has no meaning, since nothing was done before it was down."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    for line in text.split(b"\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _changed_at(path: Path, now: float) -> float:
    """Unix seconds; `now` for a file that is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return now


def _write(descriptor: int, line: bytes) -> None:
    """All of it, or `OSError`: a disk that fills up takes a part of it at first, without an error."""
    while line:
        line = line[os.write(descriptor, line) :]


def _mend(descriptor: int) -> str:
    """A newline when the line before was torn, so that the next one stands by itself."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    return "\n" if end and os.pread(descriptor, 1, end - 1) != b"\n" else ""


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""When containers wrote what they wrote: beside each log an index of how long it was when.

A process writes into its log itself, which nobody reads meanwhile. Whenever the kernel tells that a log has grown, its
length and the time are noted, so a line's time is when the node saw it, as it is with containerd, which reads pipes:
at once for what comes after a pause, and up to `LATENESS_S` late in a burst. A note has 16 bytes; there are at most 20
a second of a container, however much it writes, and none while it is silent.
"""

import array
import bisect
import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

from infrastructure.embedded.host.growth import Growth
from infrastructure.embedded.host.process import Process

_log = logging.getLogger(__name__)
LATENESS_S = 0.05
_SUFFIX = ".times"
_NOTE = struct.Struct("<QQ")
"""The bytes that the log has, and since when, in nanoseconds of Unix time."""


class LogTimes:
    """Keeps the index of every log that it is told of, in `folder`, while the process that writes it runs."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._growth: Growth | None = None
        self._open: dict[Path, IO[bytes]] = {}
        self._known: dict[Path, int] = {}

    def follow(self, process: Process) -> None:
        """From its start. Where the system does not tell of files that grow, the log has no times, which is logged."""
        file = self._file(process.spec.id)
        index = file.with_suffix(_SUFFIX)
        try:
            self._growth = self._growth or Growth(self._look, LATENESS_S)
            file.touch(0o600)
            self._open[file] = index.open("ab", buffering=0)
            index.chmod(0o600)
            self._known[file] = Times(index).known
            self._growth.watch(file)
        except OSError as problem:
            self._end(file)
            index.unlink(missing_ok=True)
            _log.warning("the log of %s has no times: %s", process.spec.id, problem)
        if process.state == "exited":  # before it was followed
            self.ended(process)

    def ended(self, process: Process) -> None:
        """It writes no more: what it wrote last gets its time."""
        file = self._file(process.spec.id)
        if file in self._open:
            self._look(file)
            self._end(file)

    def of(self, identity: str) -> "Times | None":
        """What is known now of the log of a process; None for one without an index."""
        file = self._file(identity)
        if file in self._open:
            self._look(file)
        index = file.with_suffix(_SUFFIX)
        return Times(index) if index.exists() else None

    def close(self) -> None:
        for file in list(self._open):
            self._end(file)
        if self._growth is not None:
            self._growth.close()
            self._growth = None

    def _look(self, file: Path) -> None:
        try:
            size = file.stat().st_size
        except FileNotFoundError:
            return
        if size > self._known[file]:
            self._known[file] = size
            self._open[file].write(_NOTE.pack(size, int(self._clock() * 1e9)))

    def _end(self, file: Path) -> None:
        if self._growth is not None:
            self._growth.forget(file)
        self._known.pop(file, None)
        if (index := self._open.pop(file, None)) is not None:
            index.close()

    def _file(self, identity: str) -> Path:
        return self._folder / f"{identity}.log"


class Times:
    """The times of a log's bytes, as far as they are `known`: those before that offset."""

    def __init__(self, index: Path) -> None:
        self._index = index
        self._ends = array.array("Q")
        self._at = array.array("Q")
        self.refresh()

    @property
    def known(self) -> int:
        return self._ends[-1] if self._ends else 0

    def refresh(self) -> None:
        """Learn what has become known."""
        with self._index.open("rb") as notes:
            notes.seek(len(self._ends) * _NOTE.size)
            new = notes.read()
        for end, at in _NOTE.iter_unpack(new[: len(new) // _NOTE.size * _NOTE.size]):
            self._ends.append(end)
            self._at.append(at)

    def of(self, offset: int) -> int:
        """When the byte at a known offset was seen, in nanoseconds of Unix time."""
        return self._at[bisect.bisect_right(self._ends, offset)]

    def since(self, at: int) -> int:
        """The offset before which every byte was seen earlier than that."""
        first = next((number for number, each in enumerate(self._at) if each >= at), len(self._at))
        return self._ends[first - 1] if first else 0

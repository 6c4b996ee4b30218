"""Where the full segments of all shards are: the newest 64 MiB in memory, older ones in files of the state folder.

Nothing is dropped to make room. When 8 GiB lie in files, or the disk has less than 1 GiB left, no more is taken until
something expires or a stream is deleted, and producers hear why.
"""

import logging
import shutil
from collections import OrderedDict, deque
from pathlib import Path

from infrastructure.embedded.apis.kinesis.log import Columns, Segment

MEMORY_BYTES = 64 << 20
DISK_BYTES = 8 << 30
RESERVE_BYTES = 1 << 30
"""What is left free on the disk."""
_OPENED = 8
"""Segments read from files that stay in memory: consumers read on where they were."""
_log = logging.getLogger(__name__)


class Archive:
    """`folder` is made when it is first needed; what an earlier cloud left there is removed."""

    def __init__(self, folder: Path, *, memory: int = MEMORY_BYTES, disk: int = DISK_BYTES) -> None:
        self._folder, self._memory, self._disk = folder, memory, disk
        self._held: deque[Segment] = deque()
        self._opened: OrderedDict[str, Columns] = OrderedDict()
        self._count = 0
        self._problem = ""
        self.in_memory = self.on_disk = 0
        shutil.rmtree(folder, ignore_errors=True)

    def keep(self, segment: Segment) -> None:
        self._held.append(segment)
        self.in_memory += segment.size
        self._make_room()

    def drop(self, segment: Segment) -> None:
        """Forget a segment, wherever it is."""
        if segment.file:
            (self._folder / segment.file).unlink(missing_ok=True)
            self._opened.pop(segment.file, None)
            self.on_disk -= segment.size
        elif segment in self._held:
            self._held.remove(segment)
            self.in_memory -= segment.size

    def columns(self, segment: Segment) -> Columns:
        if segment.columns is not None:
            return segment.columns
        found = self._opened.pop(segment.file, None) or Columns.of((self._folder / segment.file).read_bytes())
        self._opened[segment.file] = found
        if len(self._opened) > _OPENED:
            self._opened.popitem(last=False)
        return found

    def refusal(self) -> str:
        """Why no more records are taken; empty while they are."""
        if self._problem:
            self._make_room()
        return self._problem

    def _make_room(self) -> None:
        self._problem = ""
        while self.in_memory > self._memory and not self._problem:
            self._problem = self._written(self._held[0])
            if not self._problem:
                self._held.popleft()

    def _written(self, segment: Segment) -> str:
        """Write it away; why that cannot be done, if it cannot."""
        assert segment.columns is not None  # noqa: S101  it is held
        if self.on_disk + segment.size > self._disk:
            return f"{self.on_disk >> 20} MiB of records that have not expired are kept on disk, the most"
        name = f"{self._count}.records"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if shutil.disk_usage(self._folder).free < RESERVE_BYTES + segment.size:
                return f"the disk of {self._folder} has less than {RESERVE_BYTES >> 20} MiB left"
            (self._folder / name).write_bytes(segment.columns.stored)
        except OSError as failure:
            _log.warning("records cannot be written to %s: %s", self._folder, failure)
            return f"records cannot be written to {self._folder}: {failure.strerror}"
        self._count += 1
        segment.file, segment.columns = name, None
        self.in_memory -= segment.size
        self.on_disk += segment.size
        return ""

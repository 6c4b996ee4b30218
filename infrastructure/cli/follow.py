"""Follows the log files of a folder as they grow, new ones too: told by the kernel (inotify), never by polling."""

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# linux/inotify.h
_IN_MODIFY = 0x002
_IN_MOVED_TO = 0x080
_IN_CREATE = 0x100
_IN_DELETE_SELF = 0x400
_IN_IGNORED = 0x8000
_EVENT = struct.Struct("iIII")
_BUFFER = 64 * 1024


@dataclass(slots=True)
class GrowingFile:
    """One log file, read from `offset` on, in whole lines."""

    path: Path
    offset: int
    rest: bytes = b""

    @classmethod
    def at_end(cls, path: Path, lines: int) -> tuple["GrowingFile", tuple[str, ...]]:
        """The last whole `lines` of a log (of its last 64 KiB), and the file from there on: what is written meanwhile
        belongs to one of the two.
        """
        start, content = 0, b""
        with contextlib.suppress(FileNotFoundError), path.open("rb") as log:
            start = log.seek(max(0, log.seek(0, os.SEEK_END) - _BUFFER))
            content = log.read()
        whole, newline, _rest = content.rpartition(b"\n")
        found = whole.decode(errors="replace").split("\n") if newline else []
        return cls(path, start + len(whole + newline)), tuple(found[len(found) - min(lines, len(found)) :])

    def new_lines(self) -> Iterator[str]:
        """What was written since the last time. A file that has shrunk was begun anew; one that is gone has no more."""
        try:
            with self.path.open("rb") as log:
                if os.fstat(log.fileno()).st_size < self.offset:
                    self.offset, self.rest = 0, b""
                log.seek(self.offset)
                while block := log.read(_BUFFER):
                    self.offset += len(block)
                    *lines, self.rest = (self.rest + block).split(b"\n")
                    yield from (line.decode(errors="replace") for line in lines)
        except FileNotFoundError:
            return


class FolderWatch:
    """Names of the files of a folder as they are created or written to. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_CLOEXEC))
        mask = _IN_MODIFY | _IN_CREATE | _IN_MOVED_TO | _IN_DELETE_SELF
        try:
            self._checked(self._libc.inotify_add_watch(self._descriptor, os.fsencode(self._folder), mask))
        except OSError:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self._descriptor)

    def changed(self) -> Iterator[str]:
        """Block for the next change, yield the name; ends when the folder itself is gone."""
        while True:
            events = os.read(self._descriptor, _BUFFER)
            at = 0
            while at < len(events):
                _watch, mask, _cookie, length = _EVENT.unpack_from(events, at)
                at += _EVENT.size + length
                if mask & (_IN_DELETE_SELF | _IN_IGNORED):
                    return
                yield os.fsdecode(events[at - length : at].rstrip(b"\0"))

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{errno.errorcode.get(number, number)} while watching {self._folder}")
        return result

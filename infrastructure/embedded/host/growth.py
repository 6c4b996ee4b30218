"""Tells that files have grown: the kernel says so (inotify), at most once in a while for each, and nothing is polled.

watched ──written to──▶ told, and not watched ──pause──▶ told if it has grown since, and watched again
"""

import asyncio
import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

# linux/inotify.h
_IN_MODIFY, _IN_ONESHOT = 0x002, 0x80000000
_EVENT = struct.Struct("iIII")
_BUFFER = 64 << 10


class Growth:
    """Calls `grown` with a file's path: at once when it begins to be written to, and each `pause_s` while it goes on.

    A burst costs a few system calls for each pause, whatever is written in it. `OSError` where the system has no
    inotify, or no more of it.
    """

    def __init__(self, grown: Callable[[Path], None], pause_s: float) -> None:
        self._grown = grown
        self._pause_s = pause_s
        self._armed: dict[int, Path] = {}
        self._pausing: dict[Path, asyncio.TimerHandle] = {}
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._loop = asyncio.get_running_loop()
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        self._loop.add_reader(self._descriptor, self._read)

    def watch(self, file: Path) -> None:
        """From now on; what the file has already is told of at once."""
        self._pausing.pop(file, None)
        number = self._checked(
            self._libc.inotify_add_watch(self._descriptor, os.fsencode(file), ctypes.c_uint32(_IN_MODIFY | _IN_ONESHOT))
        )
        self._armed[number] = file
        self._grown(file)  # after it is watched, so that nothing falls between

    def forget(self, file: Path) -> None:
        """Nothing more is told of it."""
        if (pausing := self._pausing.pop(file, None)) is not None:
            pausing.cancel()
        for number in [number for number, each in self._armed.items() if each == file]:
            del self._armed[number]
            self._libc.inotify_rm_watch(self._descriptor, number)

    def close(self) -> None:
        for pausing in self._pausing.values():
            pausing.cancel()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> None:
        events = b""
        with contextlib.suppress(BlockingIOError):
            events = os.read(self._descriptor, _BUFFER)
        at = 0
        while at < len(events):
            number, mask, _, length = _EVENT.unpack_from(events, at)
            at += _EVENT.size + length
            file = self._armed.pop(number, None) if mask & _IN_MODIFY else None
            if file is not None:
                self._pausing[file] = self._loop.call_later(self._pause_s, self._again, file)
                self._grown(file)

    def _again(self, file: Path) -> None:
        with contextlib.suppress(OSError):  # it is gone: nobody writes to it any more
            self.watch(file)

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"inotify: {errno.errorcode.get(number, number)}")
        return result

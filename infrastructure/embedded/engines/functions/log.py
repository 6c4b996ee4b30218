"""A sandbox's log file, shared with the process that writes into it."""

import os
from pathlib import Path

LOG_LIMIT = 256 << 10
"""Bytes of its log that an invocation gives back: the last ones."""


class SandboxLog:
    """Appends to a log that the sandbox's process appends to as well; knows how far it was given out."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._given = 0
        self._is_open = True

    def write(self, *lines: str) -> None:
        if self._is_open:
            os.write(self._descriptor, "".join(f"{line}\n" for line in lines).encode())

    def unread(self) -> str:
        """What was written since the last time, at most its last `LOG_LIMIT` bytes."""
        if not self._is_open:
            return ""
        size = os.fstat(self._descriptor).st_size
        start, self._given = max(self._given, size - LOG_LIMIT), size
        return os.pread(self._descriptor, size - start, start).decode("utf-8", "replace")

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)

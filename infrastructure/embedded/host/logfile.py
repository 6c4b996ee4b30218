"""The end of a log file, for messages that explain a failure."""

import os
from pathlib import Path

_WINDOW_BYTES = 64 * 1024


def tail(path: Path, lines: int = 20) -> tuple[str, ...]:
    """The last `lines` lines; empty when there is no such file. Reads at most 64 KiB, whatever the file's size."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _WINDOW_BYTES))
            content = log.read()
    except FileNotFoundError:
        return ()
    return tuple(content.decode("utf-8", errors="replace").splitlines()[-lines:])

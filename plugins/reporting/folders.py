"""Where runs leave what they found: each has a folder of its own, and `latest` is the newest that judged something.

reports/
  latest -> run-20261128-191323-ab12cd     a run that judged nothing never takes the place of one that did
  run-20261128-191323-ab12cd/              summary.md, junit.xml, records/, allure-results/, raw/
  locust-morning-rush-…/                   what `locust -f` left
"""

import fcntl
import os
import re
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

KEEP = 20
"""Folders of runs that stay; the oldest beyond are removed, but never one whose run is still under way, nor the one
that `latest` points to."""

LATEST = "latest"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NAME = re.compile(r".+-(\d{8}-\d{6})-[0-9a-f]{6}")


def run_name(what: str) -> str:
    """`what`, the local time to a second, and what keeps apart two runs that begin within one."""
    return f"{what}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"


def begin(folder: Path) -> int:
    """Make `folder`, and keep it from `prune` until the descriptor that is returned is closed.

    It closes with its process, however that ends: the lock is the kernel's, on the folder itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, _FOLDER)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def promote(folder: Path) -> Path:
    """Make `folder` the one that `latest` beside it points to, in one step; the path to it by that name."""
    latest, fresh = folder.with_name(LATEST), folder.with_name(f".{LATEST}-{folder.name}")
    fresh.symlink_to(folder.name)
    fresh.replace(latest)
    return latest


def prune(reports: Path, keep: int = KEEP) -> None:
    """Remove the oldest folders of runs, so that `keep` are left. What is not named like one is somebody's."""
    latest = (reports / LATEST).resolve()
    found = sorted((match[1], path) for path in reports.iterdir() if (match := _NAME.fullmatch(path.name)))
    for _, path in found[: max(len(found) - keep, 0)]:
        if path.is_dir() and not path.is_symlink() and path.resolve() != latest:
            _remove(path)


def _remove(folder: Path) -> None:
    """Unless its run is under way."""
    with suppress(OSError):  # somebody else removed it, or it is somebody else's
        handle = os.open(folder, _FOLDER)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def discard(folder: Path) -> None:
    """Remove the folder of a run that never took place, and `reports/` itself if that was all there was in it."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()

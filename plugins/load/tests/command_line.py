"""Locust's own command line, as a person types it, on the project's locustfile."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infrastructure.embedded.tests.processes import interruptible
from plugins.load.result import LoadResult

PROJECT = Path(__file__).resolve().parents[__name__.count(".")]
MORNING_RUSH = PROJECT / "suites" / "load" / "morning_rush.py"
PATIENCE_S = 40.0
SHORT = ("-t", "3s", "--rate", "200")
"""Enough arrivals for every percentile the scenario claims."""


@contextmanager
def locust(folder: Path, *options: str, stderr: int = subprocess.STDOUT) -> Iterator[subprocess.Popen[str]]:
    file = () if "-f" in options else ("-f", str(MORNING_RUSH))
    face = () if "--web-port" in options else ("--headless",)
    command = [sys.executable, "-m", "locust", *file, *face, "--only-summary", *options]
    environment: Mapping[str, str] = {**os.environ, "CLOUDCAFE_HOME": str(folder)}
    with interruptible():
        started = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    with started as process:
        try:
            yield process
        finally:
            process.kill()


def run(folder: Path, *options: str) -> tuple[int, str]:
    """Exit code and output."""
    with locust(folder, *options) as process:
        output, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, output


def recorded(folder: Path) -> LoadResult:
    (found,) = (folder / "reports").iterdir()
    return LoadResult.read(found)

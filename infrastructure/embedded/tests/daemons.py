"""Daemons of a minimal cloud, with real processes: launched, owned, and looked for when they should be gone."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from infrastructure.embedded import launch
from infrastructure.embedded.host import proctree
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.processes import MINIMAL_CLOUD, has_ended
from infrastructure.state import MARKER, StateFolder

WITHIN_S = 2.0
ROOT = Path(__file__).parents[__name__.count(".")]


def up(state: StateFolder, *, detached: bool = False, owner: int | None = None) -> launch.Launched:
    return launch.launch("test", "us-east-1", FAST, state, detached=detached, owner=owner, program=MINIMAL_CLOUD)


def family(state: StateFolder) -> set[int]:
    """The daemon and everything it started, down to what its children have forked."""
    return set(proctree.with_environment(f"{MARKER}={state.root}"))


@contextlib.contextmanager
def owned(state: StateFolder, how: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that owns a cloud, and the daemon's pid."""
    command = (sys.executable, "-P", "-m", "infrastructure.embedded.tests.owner", str(state.root), how)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as owner:
        assert owner.stdout is not None
        try:
            yield owner, int(owner.stdout.readline())
        finally:
            owner.kill()


def still_there(pids: set[int]) -> set[int]:
    deadline = time.monotonic() + WITHIN_S
    return {pid for pid in pids if not has_ended(pid, max(deadline - time.monotonic(), 0.0))}

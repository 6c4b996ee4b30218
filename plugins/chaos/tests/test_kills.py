"""SIGKILL at any line of an experiment: the next start finds in the journal all it needs, and the platform whole."""

import random
import subprocess
import sys
from pathlib import Path

from infrastructure.state import StateFolder
from plugins.chaos.tests.fakes import FileCloud, FileFault
from plugins.chaos.undo.restore import Outcome, restore

KILLS = 120
SEED = random.SystemRandom().randrange(2**32)


def victim(folder: Path, *lines: int) -> str:
    command = [sys.executable, "-m", "plugins.chaos.tests.victim", str(folder), *map(str, lines)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_run_killed_at_any_line_is_undone_by_the_next_start(tmp_path: Path) -> None:
    print(f"seed {SEED}")  # noqa: T201 - pytest shows it with a failure
    length = int(victim(tmp_path, 0))
    lines = random.Random(SEED).sample(range(1, length + 1), k=min(KILLS, length))  # noqa: S311 - a repeatable test
    victim(tmp_path, *lines)

    undone = 0
    for line in lines:
        platform = FileCloud(tmp_path / str(line) / "platform")
        state = StateFolder(tmp_path / str(line))
        found = platform.path.read_text() if platform.path.exists() else "whole"

        restored = restore(state, lambda _entry, cloud=platform: cloud, faults=lambda _name: FileFault())  # type: ignore[misc] # mypy knows no defaults in lambdas

        assert {each.outcome for each in restored} <= {Outcome.UNDONE, Outcome.UNTOUCHED}, line
        assert not platform.path.exists() or platform.path.read_text() in ("whole", ""), line
        assert found in ("whole", "") or restored, f"line {line}: {found!r} on the disk and nothing in the journal"
        undone += any(each.outcome is Outcome.UNDONE for each in restored)
    assert undone >= KILLS / 10, "hardly a kill fell between injection and rollback"

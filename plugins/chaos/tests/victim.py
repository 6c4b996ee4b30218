"""Runs experiments on files in processes that die at a given line of the framework: `victim FOLDER LINE...`.

One process that imports everything and forks a child for each line, so that a hundred deaths take a second.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from plugins import chaos
from plugins.chaos.tests.fakes import Table

PACKAGE = chaos.__path__[0]


class Countdown:
    """Counts the lines executed in the chaos package and kills its own process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.lines = 0
        self._kill_at = kill_at

    def trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def run(root: Path, kill_at: int) -> int:
    """One experiment in `root`; how many lines it took, if it was not killed."""
    countdown = Countdown(kill_at)
    table = Table(root)
    sys.settrace(countdown.trace)
    table.experiment().run()
    sys.settrace(None)
    table.journal.discard()
    return countdown.lines


def main(folder: Path, lines: list[int]) -> None:
    """A child for each of `lines`, dying there, in `folder/<line>`; 0 lets it live and prints how long it took."""
    for line in lines:
        root = folder / str(line)
        root.mkdir()
        if not line:
            print(run(root, 0), flush=True)  # noqa: T201 - its answer to the test
        elif (pid := os.fork()) == 0:
            run(root, line)
            os._exit(0)
        else:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(line) for line in sys.argv[2:]])

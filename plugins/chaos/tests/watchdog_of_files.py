"""The watchdog process, undoing faults on files: `guard.Watchdog(module=…)` of the tests."""

import sys
from collections.abc import Callable

from infrastructure.state import StateFolder
from plugins.chaos.tests.fakes import FileCloud, FileFault
from plugins.chaos.undo import watchdog
from plugins.chaos.undo.journal import Entry
from plugins.chaos.undo.restore import Restored, restore


def restorer(state: StateFolder, chosen: Callable[[Entry], bool]) -> tuple[Restored, ...]:
    cloud = FileCloud(state.root / "platform")
    return restore(state, lambda _entry: cloud, chosen=chosen, faults=lambda _name: FileFault())


if __name__ == "__main__":
    sys.exit(watchdog.main(sys.argv[1:], restorer))

"""A run under the watchdog's eyes: injects a fault on a file, prints the watchdog's pid, ends at the end of its input.

`watched_run STATE [PLATFORM_ID]`; with `clean` as its input it rolls back and closes before it ends.
With any other it ends as after a second Ctrl-C: at once, its fixtures closed, its fault in force.
"""

import os
import sys
import time
from pathlib import Path

from infrastructure.state import StateFolder
from plugins.chaos.tests.fakes import FileCloud, FileFault, origin
from plugins.chaos.undo.guard import Watchdog
from plugins.chaos.undo.journal import Journal
from plugins.environment.lease import Lease


def main(root: Path, platform_id: str | None) -> None:
    state, cloud, fault = StateFolder(root), FileCloud(root / "platform"), FileFault()
    watchdog = Watchdog(state, platform_id, module="plugins.chaos.tests.watchdog_of_files")
    with Lease(state, run_id="r").hold("test") as held:
        plan = fault.plan(cloud, time.time())
        log = Journal.of(state.journal, "e1", time.time)
        log.planned(origin(pid=os.getpid(), lease_id=held.id), plan, fault.fingerprint(cloud, plan))
        watchdog.arm()
        log.mark("injecting")
        fault.inject(cloud, plan)
        print(watchdog.pid, flush=True)  # noqa: T201 - its answer to the test
        if sys.stdin.read() == "clean":
            fault.rollback(cloud, plan)
            log.mark("closed")
            log.discard()
        print(held.is_valid(), flush=True)  # noqa: T201 - as above
    watchdog.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)

"""A process to be killed that owns a cloud: `STATE attached|detached|forked`. Prints a pid and never returns.

The pid is the daemon's; of `forked`, it is that of a fork of the owner, which has inherited all it has.
"""

import os
import signal
import sys
from pathlib import Path

from infrastructure.embedded import launch
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.processes import MINIMAL_CLOUD
from infrastructure.state import StateFolder

if __name__ == "__main__":
    folder, how = sys.argv[1:]
    launched = launch.launch(
        "test", "us-east-1", FAST, StateFolder(Path(folder)), detached=how == "detached", program=MINIMAL_CLOUD
    )
    fork = os.fork() if how == "forked" else launched.pid
    if fork:
        print(fork, flush=True)  # noqa: T201 - for the test
    signal.pause()

"""The second net under the daemon: `python -m infrastructure.embedded.host.guard DAEMON_PIDFD STATE_FOLDER`.

The kernel's death signal reaches the daemon's children, not what those have forked. This small process waits for the
daemon's end, by whatever signal, ends every process that still carries the platform's marker, and exits.
"""

import select
import signal
import sys
from pathlib import Path

from infrastructure.embedded.host import residue
from infrastructure.state import StateFolder


def main(arguments: list[str]) -> None:
    """Returns when the daemon is dead and nothing of it is left. Only SIGKILL ends it before."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    descriptor, folder = arguments
    poller = select.poll()
    poller.register(int(descriptor), select.POLLIN)
    poller.poll()
    residue.sweep(StateFolder(Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])

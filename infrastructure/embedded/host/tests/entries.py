"""Entry points for the zygote to run in tests."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path


def tell() -> None:
    """Print what the process was given, as JSON."""
    descriptors = sorted(os.listdir("/proc/self/fd"), key=int)  # noqa: PTH208 - the names are what is wanted
    print(  # noqa: T201 - the log is what the tests read
        json.dumps(
            {
                "env": dict(os.environ),
                # One of them was the listing's own.
                "open": [name for name in descriptors if Path(f"/proc/self/fd/{name}").exists()],
                "leads_session": os.getsid(0) == os.getpid(),
                "threads": threading.active_count(),
                "signals": {name.name: str(signal.getsignal(name)) for name in (signal.SIGTERM, signal.SIGCHLD)},
            }
        )
    )


def seven() -> int:
    return 7


def leave_with_three() -> None:
    sys.exit(3)


def leave_with_words() -> None:
    sys.exit("no settings")


def fail() -> None:
    raise ValueError("this entry always fails")


def have_a_child() -> None:
    """Fork a sleeper that knows nothing of its parent, say so, and wait."""
    child = subprocess.Popen(["/bin/sleep", "1000"])
    print(child.pid)  # noqa: T201 - the log is what the tests read
    signal.pause()


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf")  # noqa: T201 - the log is what the tests read
    while True:
        signal.pause()

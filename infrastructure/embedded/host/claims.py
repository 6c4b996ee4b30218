"""Names that one process on this machine has at a time; nothing is left of them when it ends, however it does.

A claim is an abstract unix socket bound to the name, which the kernel frees with its holder: no file, nothing to clean.
"""

import errno
import socket


def claim(name: str) -> socket.socket | None:
    """Ours until the socket is closed; None when another process has it."""
    taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        taken.bind(f"\0cloudcafe-{name}")
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return taken

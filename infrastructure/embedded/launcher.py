"""Ties a program to its parent's life, then becomes it: `python -I -S launcher.py PARENT_PID USER PROGRAM [ARGUMENT…]`.

Runs between fork and exec of every program the supervisor starts, in a process of its own because code that runs
between the two in the daemon (`preexec_fn`) may deadlock. Only the standard library, and little of it: 15 ms.

The order matters. Dropping to another user clears the death signal, so that comes first; a parent that died before the
signal was armed sends none, so the parent is compared with the expected one last. USER `-` keeps the present user.
Exit codes as in a shell: 125 not started, 126 not executable, 127 not found. Source: PR_SET_PDEATHSIG(2const).
"""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_STARTED, _NOT_EXECUTABLE, _NOT_FOUND = 125, 126, 127


def become(user: str) -> None:
    """Drop to `user` and its groups, for good."""
    entry = pwd.getpwnam(user)
    if entry.pw_uid == os.getuid():
        return
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def die_with(parent: int) -> None:
    """Have the kernel send SIGKILL when the parent dies; exits at once when that has happened already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        sys.exit(_NOT_STARTED)


def main(arguments: list[str]) -> None:
    """Never returns when all goes well: the program takes over this process."""
    parent, user, *command = arguments
    try:
        if user != "-":
            become(user)
        die_with(int(parent))
    except (OSError, KeyError) as error:
        sys.exit(_failed(command[0], error, _NOT_STARTED))
    # The interpreter ignores these two; a program expects their defaults.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - replacing this process by the program is its purpose
    except FileNotFoundError as error:
        sys.exit(_failed(command[0], error, _NOT_FOUND))
    except OSError as error:
        sys.exit(_failed(command[0], error, _NOT_EXECUTABLE))


def _failed(program: str, error: Exception, code: int) -> int:
    sys.stderr.write(f"cannot start {program}: {error}\n")
    return code


if __name__ == "__main__":
    main(sys.argv[1:])

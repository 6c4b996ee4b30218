"""Ties a program to its parent's life, then becomes it: `python -I -S launcher.py PARENT_PID USER PROGRAM [ARGUMENT…]`.

Runs between fork and exec of every program the supervisor starts, in a process of its own because code that runs
between the two in the daemon (`preexec_fn`) may deadlock. Only the standard library, and little of it: 15 ms.

The order matters. Dropping to another user clears the death signal, so that comes first; a parent that died before the
signal was armed sends none, so the parent is compared with the expected one last. USER `-` keeps the present user.
Another user keeps one capability of root's: to read and enter what others own, so that a program and its state may lie
in a home that only root can enter. Exit codes as in a shell: 125 not started, 126 not executable, 127 not found.
Sources: PR_SET_PDEATHSIG(2const), capabilities(7).
"""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_KEEP_CAPABILITIES_OVER_SETUID = 1 << 2  # SECBIT_NO_SETUID_FIXUP; without it access(2) also looks past a capability
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION = 0x20080522  # two 32-bit words a set
_NOT_STARTED, _NOT_EXECUTABLE, _NOT_FOUND = 125, 126, 127


def become(user: str) -> None:
    """Drop to `user` and its groups, for good, and to the right to read what others own if the system lets us keep it.

    A container may have taken that right away: then the program meets what its user may not read, and says so itself.
    """
    entry = pwd.getpwnam(user)
    if entry.pw_uid == os.getuid():
        return
    keeps_reading = _prctl(_PR_SET_SECUREBITS, _KEEP_CAPABILITIES_OVER_SETUID)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if keeps_reading:
        keep_only(_CAP_DAC_READ_SEARCH)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_only(capability: int) -> None:
    """Give up every capability but this one, which the program exec'd next has too; none at all if we lack it."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    for kept in (1 << capability, 0):
        sets = (ctypes.c_uint32 * 6)(
            kept, kept, kept, 0, 0, 0
        )  # effective, permitted, inheritable; then the high words
        if libc.capset(header, sets) == 0:
            break
    else:
        raise OSError(ctypes.get_errno(), "capset, to give up root's capabilities, was refused")
    if kept:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _prctl(*arguments: int) -> bool:
    """Whether the kernel did it; the unused arguments must be zero."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(*(ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:5])) == 0)


def die_with(parent: int) -> None:
    """Have the kernel send SIGKILL when the parent dies; exits at once when that has happened already."""
    if not _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError("prctl(PR_SET_PDEATHSIG) was refused")
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

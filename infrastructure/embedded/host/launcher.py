"""Ties a program to its parent's life, then becomes it: `python -I -S launcher.py PARENT_PID USER SHOWN MOUNTS
PROGRAM [ARGUMENT…]`.

Runs between fork and exec of every program the supervisor starts, in a process of its own because code that runs
between the two in the daemon (`preexec_fn`) may deadlock. Only the standard library, and little of it: 15 ms.

The order matters. Dropping to another user clears the death signal, so that comes first; a parent that died before the
signal was armed sends none, so the parent is compared with the expected one last.

USER is `-` for the present user, or the numbers of a user, its group and further groups with commas between. It has no
capability and gets none, but with `+ports` behind its numbers the right to listen on ports below 1024. SHOWN are
folders that others could not enter, as in root's home, with colons between, or `-`: the process and its children get a
view of the files in which they can. Where the system does not give one (a container without CAP_SYS_ADMIN) the user
keeps one right of root's: to read and enter what others own.
MOUNTS is JSON: `[source, target, reads_only]` of each folder or file that the program finds at another place, too; what
such a place lacks is made in its view alone. `launcher.py probe FOLDER…` exits with 0 where there are such views.

Exit codes as in a shell: 125 not started, 126 not executable, 127 not found.
Sources: PR_SET_PDEATHSIG(2const), capabilities(7), mount_namespaces(7).
"""

import ctypes
import fcntl
import json
import os
import signal
import stat
import sys
import termios

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_KEEP_CAPABILITIES_OVER_SETUID = 1 << 2  # SECBIT_NO_SETUID_FIXUP; without it access(2) also looks past a capability
_CAP_DAC_READ_SEARCH, _CAP_NET_BIND_SERVICE = 2, 10
_PORTS = "+ports"
_CAPABILITY_VERSION = 0x20080522  # two 32-bit words a set
_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 1, 1 << 2, 1 << 12, 1 << 14, 1 << 18
_MS_RDONLY, _MS_REMOUNT = 1 << 0, 1 << 5
_NEW_ROOT = "/mnt"
_NOT_STARTED, _NOT_EXECUTABLE, _NOT_FOUND = 125, 126, 127

_libc = ctypes.CDLL(None, use_errno=True)


def words(
    user: tuple[int, ...] = (),
    shown: tuple[str, ...] = (),
    *,
    low_ports: bool = False,
    mounts: tuple[tuple[str, str, bool], ...] = (),
) -> tuple[str, ...]:
    """What to put before a program's own words so that it is tied to this process; all as above."""
    tied = (sys.executable, "-I", "-S", __file__, str(os.getpid()))
    numbers = ",".join(map(str, user)) + (_PORTS if low_ports else "") if user else "-"
    return (*tied, numbers, ":".join(shown) or "-", json.dumps(mounts))


def become(numbers: list[int], *rights: int) -> None:
    """Drop to the user, its group and the other groups, for good, with no more than these capabilities.

    A container may have taken one away: then the program meets what its user may not do, and says so itself.
    """
    user, group, *others = numbers
    keeps = bool(rights) and _prctl(_PR_SET_SECUREBITS, _KEEP_CAPABILITIES_OVER_SETUID)
    os.setgroups(others)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    if keeps:
        keep_only(*rights)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def keep_only(*capabilities: int) -> None:
    """Give up every capability but these, which the program exec'd next has too; those we lack are left out."""
    kept = [each for each in capabilities if _has(each)]
    if not _capset(sum(1 << each for each in kept)):
        raise OSError(ctypes.get_errno(), "capset, to give up root's capabilities, was refused")
    for each in kept:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, each)


def _has(capability: int) -> bool:
    """Whether it is among those that this process may use."""
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    return _libc.capget(header, sets) == 0 and bool(sets[1] >> capability & 1)


def _capset(kept: int) -> bool:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)  # effective, permitted, inheritable; then the high words
    return bool(_libc.capset(header, sets) == 0)


def show(folders: list[str]) -> None:
    """Let others enter `folders` in this process's view of the files: nothing else is left of what they could not.

    `OSError` where there are no such views, or a folder is closed itself.
    """
    for folder in folders:
        if first_closed(folder) == folder:
            raise PermissionError(f"{folder} is closed to others, wherever it is shown")
    _private_view()
    opened = [(folder, os.open(folder, os.O_PATH | os.O_DIRECTORY)) for folder in folders]
    for cover in dict.fromkeys(filter(None, map(first_closed, folders))):
        _mount("tmpfs", cover, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    for folder, descriptor in opened:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - pathlib is not there yet, and takes as long as all of this
        _mount(f"/proc/self/fd/{descriptor}", folder, "", _MS_BIND | _MS_REC, "")
        os.close(descriptor)


def mount_all(mounts: list[tuple[str, str, bool]]) -> None:
    """Have each source at its target, too, in this process's view of the files. `OSError` where that cannot be.

    A source is what it is called: one that a link leads elsewhere may be its owner's who waited for us to look away.
    """
    _private_view()
    opened = [(_opened(source), target, reads_only) for source, target, reads_only in mounts]
    for descriptor, target, reads_only in sorted(opened, key=lambda each: each[1]):
        _make_room(target, is_folder=stat.S_ISDIR(os.fstat(descriptor).st_mode))
        _mount(f"/proc/self/fd/{descriptor}", target, "", _MS_BIND | _MS_REC, "")
        if reads_only:
            _mount("none", target, "", _MS_BIND | _MS_REMOUNT | _MS_RDONLY, "")
        os.close(descriptor)


def _opened(source: str) -> int:
    descriptor = os.open(source, os.O_PATH)
    if (found := os.readlink(f"/proc/self/fd/{descriptor}")) != source:  # noqa: PTH115 - as above
        raise PermissionError(f"{source} is {found}, by a link")
    return descriptor


def _make_room(target: str, *, is_folder: bool) -> None:
    """Have something at `target` to mount on: where a folder on the way lacks it, a copy of the folder gets it."""
    if os.path.exists(target):  # noqa: PTH110 - as below
        return
    parent = os.path.dirname(target)  # noqa: PTH120
    while not os.path.isdir(parent):  # noqa: PTH112
        parent = os.path.dirname(parent)  # noqa: PTH120
    if parent == "/":
        _copy("/", _NEW_ROOT)
        os.chroot(_NEW_ROOT)
        os.chdir("/")
    else:
        _copy(parent, parent)
    os.makedirs(target if is_folder else os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
    if not is_folder:
        os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o644))


def _copy(folder: str, to: str) -> None:
    """Cover `to` by an empty folder in which everything is that is in `folder`."""
    descriptor, names = os.open(folder, os.O_PATH | os.O_DIRECTORY), os.listdir(folder)  # noqa: PTH208
    _mount("tmpfs", to, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    for name in names:
        source, target = f"/proc/self/fd/{descriptor}/{name}", f"{to}/{name}"
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), target)  # noqa: PTH115, PTH211
        elif target == f"{_NEW_ROOT}{_NEW_ROOT}":  # itself
            os.mkdir(target)  # noqa: PTH102
        else:
            os.mkdir(target) if stat.S_ISDIR(mode) else os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o600))  # noqa: PTH102
            _mount(source, target, "", _MS_BIND | _MS_REC, "")
    os.close(descriptor)


def first_closed(path: str) -> str | None:
    """The first folder on the way to `path`, itself included, that others may not enter; None when there is none."""
    parts = os.path.realpath(path).split("/")
    for count in range(1, len(parts) + 1):
        folder = "/".join(parts[:count]) or "/"
        if not os.stat(folder).st_mode & 0o001:  # noqa: PTH116
            return folder
    return None


def _private_view() -> None:
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "a private view of the files was refused")
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE, "")


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    words = [word.encode() or None for word in (source, target, kind, data)]
    if _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]) != 0:
        raise OSError(ctypes.get_errno(), f"mount on {target} was refused")


def _prctl(*arguments: int) -> bool:
    """Whether the kernel did it; the unused arguments must be zero."""
    return bool(_libc.prctl(*(ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:5])) == 0)


def die_with(parent: int) -> None:
    """Have the kernel send SIGKILL when the parent dies; exits at once when that has happened already."""
    if not _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError("prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        sys.exit(_NOT_STARTED)


def main(arguments: list[str]) -> None:
    """Never returns when all goes well: the program takes over this process."""
    if arguments[0] == "probe":
        sys.exit(_probed(arguments[1:]))
    parent, user, shown, mounts, *command = arguments
    try:
        _prepare(user, [] if shown == "-" else shown.split(":"), json.loads(mounts))
        die_with(int(parent))
    except OSError as error:
        sys.exit(_failed(command[0], error, _NOT_STARTED))
    if os.isatty(0):  # whoever has this terminal ends, stops and resizes the program by it
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # The interpreter ignores these two; a program expects their defaults.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - replacing this process by the program is its purpose
    except FileNotFoundError as error:
        sys.exit(_failed(command[0], error, _NOT_FOUND))
    except OSError as error:
        sys.exit(_failed(command[0], error, _NOT_EXECUTABLE))


def _prepare(user: str, shown: list[str], mounts: list[tuple[str, str, bool]]) -> None:
    has_view = True
    if shown:
        try:
            show(shown)
        except OSError:
            has_view = False
    if mounts:
        mount_all(mounts)
    numbers, ports, _ = user.partition(_PORTS)
    rights = (*(() if has_view else (_CAP_DAC_READ_SEARCH,)), *((_CAP_NET_BIND_SERVICE,) if ports else ()))
    if numbers != "-":
        become([int(number) for number in numbers.split(",")], *rights)


def _probed(folders: list[str]) -> int:
    try:
        show(folders)
    except OSError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


def _failed(program: str, error: Exception, code: int) -> int:
    sys.stderr.write(f"cannot start {program}: {error}\n")
    return code


if __name__ == "__main__":
    main(sys.argv[1:])

"""What the kernel knows of processes, read from /proc directly: a tree costs tens of microseconds, so that every
process can be measured each second. Linux only, like the supervisor. Source: proc_pid_stat(5).
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Fields of /proc/<pid>/stat counted from the one behind the command's closing bracket (the state, field 3).
_STATE, _PPID, _FLAGS, _UTIME, _STIME, _CUTIME, _CSTIME, _STARTTIME, _RSS = 0, 1, 6, 11, 12, 13, 14, 19, 21

_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD in the flags: it has no environment. Source: include/linux/sched.h"""
_EXEC_S = 0.25
"""How long a process that is being exec'd is waited for; on a busy machine it may lose its core in the middle of it."""

# A process that ended between two reads answers one of these.
_GONE = (FileNotFoundError, ProcessLookupError)


_NONE = [b""]
"""An environment without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process and its living descendants use.

    `cpu_s` is user plus system time since the start, that of children already waited for included: it can only fall
    when a descendant ends that nobody waited for. `rss_bytes` is the sum of the resident sets: pages shared after a
    fork count once per process.
    """

    cpu_s: float
    rss_bytes: int
    processes: int


def usage_of(pid: int, *, descend: bool = True) -> Usage:
    """What the tree below and including `pid` uses now, without `descend` the process alone; zeros once ended."""
    ticks = pages = processes = 0
    pending = [pid]
    while pending:
        current = pending.pop()
        fields = _stat(current)
        if fields is None:
            continue
        ticks += int(fields[_UTIME]) + int(fields[_STIME]) + int(fields[_CUTIME]) + int(fields[_CSTIME])
        pages += int(fields[_RSS])
        processes += 1
        if descend:
            pending.extend(children_of(current))
    return Usage(cpu_s=ticks * _TICK_S, rss_bytes=pages * _PAGE_BYTES, processes=processes)


def peak_bytes(pid: int) -> int:
    """The largest resident set that the process itself has had; 0 once it is gone. Source: proc_pid_status(5)."""
    try:
        status = _read(f"/proc/{pid}/status")
    except _GONE:
        return 0
    _, found, rest = status.partition(b"VmHWM:")
    return int(rest.split(None, 1)[0]) * 1024 if found else 0


def children_of(pid: int) -> tuple[int, ...]:
    """The direct children of all of the process's threads."""
    found: list[int] = []
    with contextlib.suppress(*_GONE):
        for thread in _names(f"/proc/{pid}/task"):
            with contextlib.suppress(*_GONE):
                found.extend(map(int, _read(f"/proc/{pid}/task/{thread}/children").split()))
    return tuple(found)


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped the process (SIGSTOP); not so for one that only waits, however busy the machine."""
    fields = _stat(pid)
    return fields is not None and fields[_STATE] == b"T"


def start_ticks(pid: int) -> int | None:
    """When the process started, in ticks since boot: with the pid it names one process for good. None when it is gone.

    A zombie counts as gone: it runs no code and holds no file.
    """
    fields = _living(pid)
    return None if fields is None else int(fields[_STARTTIME])


def parent_of(pid: int) -> int:
    """The parent's pid; 0 when there is none or the process is gone."""
    fields = _stat(pid)
    return 0 if fields is None else int(fields[_PPID])


def with_environment(entry: str) -> Iterator[int]:
    """The living processes whose environment held `entry` (`NAME=value`) when they were exec'd; forks inherit it."""
    wanted, deadline = os.fsencode(entry), time.monotonic() + _EXEC_S
    for pid in (int(name) for name in _names("/proc") if name.isdigit()):
        environment = _environment(pid)
        if environment == _NONE:
            environment = _environment_once_there(pid, deadline)
        if wanted in environment and start_ticks(pid) is not None:
            yield pid


def users() -> Iterator[tuple[int, int]]:
    """Each living process and who it runs as.

    That is the real user: one that has changed it leaves its folder in /proc to root (proc_pid(5), dumpable).
    """
    for name in _names("/proc"):
        with contextlib.suppress(*_GONE):
            if name.isdigit() and start_ticks(int(name)) is not None:
                yield int(name), int(_read(f"/proc/{name}/status").partition(b"\nUid:")[2].split(None, 1)[0])


def with_directory(folder: str) -> Iterator[int]:
    """The living processes whose current directory is `folder`, an absolute path without links."""
    for name in _names("/proc"):
        if name.isdigit() and _directory(int(name)) == folder and start_ticks(int(name)) is not None:
            yield int(name)


def servers_below(folder: str, program: str) -> Iterator[int]:
    """The living processes of the program of that name whose current directory lies, or lay, below `folder`.

    For a program whose processes write their titles over their environment.
    """
    for name in _names("/proc"):
        if name.isdigit() and _directory(int(name)).startswith(f"{folder}/") and _program(int(name)) == program:
            yield int(name)


def _program(pid: int) -> str:
    try:
        return _read(f"/proc/{pid}/comm").decode(errors="replace").rstrip("\n")
    except _GONE:
        return ""


def _directory(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115  a Path costs as much as the look itself
    except (*_GONE, PermissionError):  # another user's process, as below
        return ""


def _environment_once_there(pid: int, deadline: float) -> list[bytes]:
    """An exec gives a process new memory first and its environment after that, without an event to wait for.

    The command line cannot be read either until the environment is there (fs/proc/base.c, proc_pid_cmdline_read): where
    that has words and the environment has none, there are none. `deadline` on the monotonic clock.
    """
    environment, is_there = _NONE, False
    while environment == _NONE and not is_there and _may_have_environment(pid) and time.monotonic() < deadline:
        os.sched_yield()
        with contextlib.suppress(*_GONE):
            is_there = bool(_read(f"/proc/{pid}/cmdline"))
        environment = _environment(pid)
    return environment


def _may_have_environment(pid: int) -> bool:
    fields = _living(pid)
    return fields is not None and not int(fields[_FLAGS]) & _KERNEL_THREAD


def _environment(pid: int) -> list[bytes]:
    # PermissionError: another user's process; if it is ours (dropped from root), we are root and it does not arise.
    try:
        return _read(f"/proc/{pid}/environ").split(b"\0")
    except (*_GONE, PermissionError):
        return []


def _living(pid: int) -> list[bytes] | None:
    """What `_stat` gives of a process that is neither gone nor a zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[_STATE] in (b"Z", b"X") else fields


def _stat(pid: int) -> list[bytes] | None:
    try:
        content = _read(f"/proc/{pid}/stat")
    except _GONE:
        return None
    return content[content.rindex(b")") + 2 :].split()


def _names(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _read(path: str) -> bytes:
    # Bare descriptors cost half of a file object; /proc may hand out a file in pieces, so read to its end.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 65536), b""))
    finally:
        os.close(descriptor)

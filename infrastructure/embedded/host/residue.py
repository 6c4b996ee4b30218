"""Finds and ends what a platform left behind when it was killed: processes with its marker, shared memory, stale files.

A process belongs to a platform when its environment holds the marker with this very state folder. What a living daemon
owns is never touched.
"""

import contextlib
import os
import select
import shutil
import signal
import time
from collections.abc import Collection

from infrastructure.embedded.host import proctree, sysv
from infrastructure.embedded.host.users import left_by
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, StateFolder


def living_daemon(state: StateFolder) -> int | None:
    """The pid of the daemon that owns the folder, if it is alive. A pid that was given to another process is not it."""
    try:
        pid, ticks = map(int, state.daemon.read_text(encoding="ascii").split())
    except (FileNotFoundError, ValueError):  # never started, or died while it wrote this
        return None
    return pid if proctree.start_ticks(pid) == ticks else None


def claim(state: StateFolder) -> None:
    """Record this process as the folder's daemon."""
    state.daemon.touch(mode=0o600)
    state.daemon.write_text(f"{os.getpid()} {proctree.start_ticks(os.getpid())}\n", encoding="ascii")


def clean(state: StateFolder) -> tuple[int, ...]:
    """End left-over processes and remove stale files, the journal excepted; the pids of what was ended.

    The caller holds the folder's lock. `EnvironmentFault` when the daemon is alive, or when something cannot be killed.
    """
    daemon = living_daemon(state)
    if daemon is not None:
        raise EnvironmentFault(f"an embedded cloud is running in {state.root} (pid {daemon}); `cafe down` ends it")
    ended = sweep(state)
    remove_files(state)
    return ended


def sweep(state: StateFolder, *, spare: Collection[int] = (), within_s: float = 2.0) -> tuple[int, ...]:
    """SIGKILL every process with the folder's marker until none is left, and free what the kernel keeps of the dead.

    Returns the pids of what was ended. Spares `spare`, this process and its ancestors. `EnvironmentFault` names what is
    still there after `within_s`.
    """
    spared = {*spare, *_self_and_ancestors()}
    deadline = time.monotonic() + within_s
    ended: set[int] = set()
    with left_by(state.users) as blocks:
        # A process may fork between our look and its death: look again until a look finds nothing.
        while found := {pid for pid in {*_marked(state), *_of(blocks)} if pid not in spared}:
            if time.monotonic() > deadline:
                raise EnvironmentFault(
                    f"processes {sorted(found)} of {state.root} do not die from SIGKILL; see `ps -l`"
                )
            ended |= found
            _kill(found, deadline)
    sysv.free_with(_servers(state))
    return tuple(sorted(ended))


def remove_files(state: StateFolder) -> None:
    """Remove the folder's content and, unless the journal is kept, the folder; a journal says what must be undone."""
    state.remove_run()
    if not state.root.exists():
        return
    for entry in list(state.root.iterdir()):
        if entry == state.journal and not _is_empty(state):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
    if not any(state.root.iterdir()):
        state.root.rmdir()


def _is_empty(state: StateFolder) -> bool:
    journal = state.journal
    return not any(journal.iterdir()) if journal.is_dir() else journal.stat().st_size == 0


def _marked(state: StateFolder) -> set[int]:
    # PostgreSQL's sessions lead process groups of their own, have their titles where the marker was, and while they
    # work do not notice that their server is dead.
    sessions = proctree.servers_below(str(state.run.resolve()), "postgres")
    return {*proctree.with_environment(f"{MARKER}={state.root}"), *sessions}


def _of(blocks: Collection[range]) -> set[int]:
    """The processes of users that were the platform's, whatever became of their environment.

    Root in a container may not even be allowed to read another user's.
    """
    return {pid for pid, user in proctree.users() if any(user in block for block in blocks)} if blocks else set()


def _servers(state: StateFolder) -> set[int]:
    """The PostgreSQL servers that were running last: each notes its pid, a single-user one with a minus, before it
    makes its shared memory.
    """
    pids = set()
    for note in state.run.glob("postgres/*/data/postmaster.pid"):
        with contextlib.suppress(FileNotFoundError, ValueError):  # it ended in order meanwhile; died while it wrote
            pids.add(abs(int(note.read_text(encoding="utf-8").partition("\n")[0])))
    return pids


def _kill(pids: Collection[int], deadline: float) -> None:
    """SIGKILL each and wait for its end; a pidfd cannot hit a process that took over the number."""
    descriptors: list[int] = []
    try:
        for pid in pids:
            try:
                descriptors.append(os.pidfd_open(pid))
                signal.pidfd_send_signal(descriptors[-1], signal.SIGKILL)
            except ProcessLookupError:
                continue
        _await_end(descriptors, deadline)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _await_end(descriptors: list[int], deadline: float) -> None:
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    waiting = len(descriptors)
    while waiting and (remaining := deadline - time.monotonic()) > 0:
        for descriptor, _ in poller.poll(remaining * 1000):
            poller.unregister(descriptor)
            waiting -= 1


def _self_and_ancestors() -> set[int]:
    lineage, pid = set(), os.getpid()
    while pid:
        lineage.add(pid)
        pid = proctree.parent_of(pid)
    return lineage

"""System V shared memory: the only thing of a dead process that the kernel keeps, for good, unless somebody marks it.

PostgreSQL has one segment of 56 bytes per server, by which a successor notices that its predecessor is not all gone.
A marked segment is freed with the last process that has it; until then it can still be attached by its number
(shmctl(2), IPC_RMID).
"""

import ctypes
from collections.abc import Collection, Iterator
from pathlib import Path

_IPC_RMID = 0
_SEGMENTS = Path("/proc/sysvipc/shm")
_ID, _CREATOR = 1, 4
"""Columns of that table (proc_sysvipc_shm(5))."""


def free_with(creators: Collection[int]) -> None:
    """Have the kernel free the segments that these processes made, each with the last process that has it: at once
    when all are dead.
    """
    libc = ctypes.CDLL(None)
    for segment in segments_of(creators):
        # Refused for one that is gone meanwhile, and for another user's whose maker once had the same pid.
        libc.shmctl(segment, _IPC_RMID, None)


def segments_of(creators: Collection[int]) -> Iterator[int]:
    """The ids of the segments that these processes made, dead or alive."""
    try:
        lines = _SEGMENTS.read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:  # a kernel without System V memory
        return
    for line in lines:
        columns = line.split()
        if int(columns[_CREATOR]) in creators:
            yield int(columns[_ID])

"""Who may run experiments right now: one holder a platform, seen alive by its heartbeat, revocable from outside.

    free --hold--> held --(end of the block | revoke | `cafe down`)--> free

The record `state.lease` is the lease itself: whoever creates it (atomically) holds it, and holds it as long as the
name leads to the very file it created. The heartbeat writes into that open file and never to the name. So a holder
that was stopped (SIGSTOP, a suspended machine) and revoked meanwhile cannot write itself back in when it wakes: its
beats go into a file nobody sees, and `is_valid` is false for good.
"""

import contextlib
import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder, make_private

BEAT_S = 0.5
"""How often a holder writes its heartbeat."""
STALE_S = 5.0
"""A holder that has not written for so long is dead or hung; anybody may revoke its lease."""
POLL_S = 0.1

_BEAT_WIDTH = 20
_SAME_RUN_WAIT_S = 24 * 3600.0


class TakenError(EnvironmentFault):
    """Another run experiments on the platform, and went on for longer than this one would wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """Who holds the lease, since when (Unix seconds); `run_id` is shared by the workers of one pytest run.

    `beat_at` is on the machine's monotonic clock, which all its processes share: a step of the wall clock or a suspend
    makes nobody look hung.
    """

    pid: int
    lease_id: str
    run_id: str
    purpose: str
    held_since: float
    beat_at: float

    def is_stale(self, now: float) -> bool:
        """Is the holder dead, or hung for longer than any healthy one could be? `now`: monotonic seconds.

        A beat from the future is from before the machine was started anew.
        """
        return not _is_alive(self.pid) or abs(now - self.beat_at) > STALE_S


class Held:
    """A lease while it is held."""

    def __init__(self, record: LeaseRecord, path: Path, descriptor: int) -> None:
        self.id = record.lease_id
        self._record = record
        self._path = path
        self._descriptor = descriptor
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"lease {self.id}", daemon=True)
        self._heart.start()

    def is_valid(self) -> bool:
        """Is this lease still ours? Ask before every mutating call: once false, it stays false."""
        if self._ended.is_set():
            return False
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._descriptor)
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            os.pwrite(self._descriptor, _encode(self._record, time.monotonic()), 0)

    def _end(self) -> None:
        was_valid = self.is_valid()
        self._ended.set()
        self._heart.join()
        if was_valid:
            revoke_at(self._path, self.id)
        os.close(self._descriptor)


class Lease:
    """The right to run experiments on one platform."""

    def __init__(
        self,
        state: StateFolder,
        *,
        run_id: str,
        wait_s: float = 10.0,
        talk: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._path = state.lease
        self._run_id = run_id
        self._wait_s = wait_s
        self._talk = talk

    @contextlib.contextmanager
    def hold(self, purpose: str) -> Iterator[Held]:
        """Hold the lease for the length of the block.

        Waits for a holder of the same run as long as that one lives, for any other `wait_s` at most: then
        `TakenError` names it. A dead or hung holder is revoked.
        """
        held = self._acquire(purpose)
        try:
            yield held
        finally:
            held._end()

    def _acquire(self, purpose: str) -> Held:
        started = time.monotonic()
        is_reported = False
        while True:
            held = self._try(purpose)
            if held is not None:
                return held
            holder = read(self._path)
            if holder is None:
                continue
            if not is_reported:
                self._talk(f"waiting for the lease: {_described(holder)}")
                is_reported = True
            limit = _SAME_RUN_WAIT_S if holder.run_id == self._run_id else self._wait_s
            if time.monotonic() - started > limit:
                raise TakenError(
                    f"another run experiments on this platform: {_described(holder)}. Wait for it to end, or bring up"
                    " a platform of your own with another --env"
                )
            time.sleep(POLL_S)

    def _try(self, purpose: str) -> Held | None:
        """Create the record, after doing away with a stale one; None while somebody else holds it."""
        with _changing(self._path):
            holder = read(self._path)
            if holder is not None and not holder.is_stale(time.monotonic()):
                return None
            self._path.unlink(missing_ok=True)
            return self._create(purpose)

    def _create(self, purpose: str) -> Held:
        now = time.monotonic()
        record = LeaseRecord(
            pid=os.getpid(),
            lease_id=uuid.uuid4().hex,
            run_id=self._run_id,
            purpose=purpose,
            held_since=time.time(),
            beat_at=now,
        )
        fresh = self._path.with_name(f"{self._path.name}.{record.lease_id}")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.pwrite(descriptor, _encode(record, now), 0)
        fresh.rename(self._path)
        return Held(record, self._path, descriptor)


def read(path: Path) -> LeaseRecord | None:
    """The record at `path`, None when nobody holds the lease.

    One that cannot be read is nobody's: it is left of a machine that lost its power, or by another version. A beat is
    never seen half written, since it has the length of the one before.
    """
    try:
        return LeaseRecord(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_held_by(state: StateFolder, run_id: str) -> bool:
    """Does a process of the run `run_id`, alive and not hung, hold the lease?"""
    holder = read(state.lease)
    return holder is not None and holder.run_id == run_id and not holder.is_stale(time.monotonic())


def revoke(state: StateFolder, lease_id: str) -> None:
    """Take the lease `lease_id` away from its holder for good; nothing happens when it is held no more."""
    revoke_at(state.lease, lease_id)


def revoke_at(path: Path, lease_id: str) -> None:
    """As `revoke`, by the record's path."""
    with _changing(path):
        holder = read(path)
        if holder is not None and holder.lease_id == lease_id:
            path.unlink()


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Keep takers and revokers apart, for the microseconds between reading the record and changing its name.

    The heartbeat needs no part in it, so a holder that is stopped while it beats blocks nobody.
    """
    make_private(path.parent)
    with path.with_name(f"{path.name}.mutex").open("a") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        yield


def _encode(record: LeaseRecord, beat_at: float) -> bytes:
    """One line of constant length, so that a beat overwrites the one before in a single write."""
    fields = {
        "pid": record.pid,
        "lease_id": record.lease_id,
        "run_id": record.run_id,
        "purpose": record.purpose,
        "held_since": record.held_since,
    }
    return f'{json.dumps(fields)[:-1]}, "beat_at": {beat_at:{_BEAT_WIDTH}.6f}}}\n'.encode()


def _described(holder: LeaseRecord) -> str:
    return f"process {holder.pid} holds it for {holder.purpose!r} since {time.time() - holder.held_since:.0f} s"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

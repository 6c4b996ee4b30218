"""A small process that outlives the run: sees it dead or hung, takes its lease, undoes its experiment, ends.

    watching ──(run dead)──────────────────────────────┐
        │                                              ├──► undo what the journal shows open ──► end
        ├──(experiment open, heartbeat still for 3 s)──┴─ revoke the lease first
        └──(run ended cleanly | platform gone)──► end

It has a session of its own, so neither Ctrl-C nor the end of a terminal reaches it. It learns of the run's death from a
pidfd the run hands down (no number to be reused), and of a stopped run (SIGSTOP) by a heartbeat that stands still on
*its own* monotonic clock: after a suspend of the machine both were asleep, and nothing is wrong.
"""

import argparse
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path

from infrastructure import kubernetes
from infrastructure.state import StateFolder
from plugins.chaos.undo import journal
from plugins.chaos.undo.journal import Entry
from plugins.chaos.undo.reach import embedded_platform, reach
from plugins.chaos.undo.restore import Outcome, Restored, restore
from plugins.environment import lease

HUNG_AFTER_S = 3.0
"""A heartbeat comes every half second; six missed ones are no coincidence."""

LOOK_S = 0.25
UNDO_WITHIN_S = 6.0
"""How long undoing is tried again when the platform does not answer: with the detection 10 s at most."""


class Heartbeat:
    """Knows whether the run's heartbeat stands still. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: tuple[str, float] | None = None
        self._changed = clock()

    def silent_s(self, record: lease.LeaseRecord | None) -> float:
        """Seconds since the record last changed; 0 while nobody holds the lease."""
        seen = None if record is None else (record.lease_id, record.beat_at)
        if seen is None or seen != self._last:
            self._last, self._changed = seen, self._clock()
        return self._clock() - self._changed


Ended = Callable[[float], bool]
"""Waits for the run's end, so many seconds at most; whether it has come."""

Restorer = Callable[[StateFolder, Callable[[Entry], bool]], tuple[Restored, ...]]
"""Undoes the open experiments that the predicate chooses."""


def restorer(state: StateFolder, chosen: Callable[[Entry], bool]) -> tuple[Restored, ...]:
    """The real one."""
    return restore(state, reach, chosen=chosen)


def end_of(run_fd: int) -> Ended:
    """By the run's pidfd, which becomes readable when it ends."""
    poll = select.poll()
    poll.register(run_fd, select.POLLIN)
    return lambda within_s: bool(poll.poll(within_s * 1000))


def watch(
    state: StateFolder, run_pid: int, platform_id: str | None, ended: Ended, clock: Callable[[], float] = time.monotonic
) -> bool:
    """Until the run ends or hangs, or the platform is gone; may there be something to undo? On AWS no `platform_id`."""
    heartbeat = Heartbeat(clock)
    while not ended(LOOK_S):
        if platform_id is not None and embedded_platform(state) != platform_id:
            return False
        holder = lease.read(state.lease)
        silent_s = heartbeat.silent_s(holder)
        if holder is not None and silent_s > HUNG_AFTER_S and holder.pid == run_pid and _open(state, run_pid):
            _report(f"process {run_pid} has not given a sign of life for {silent_s:.1f} s: it is taken for hung")
            return True
    return True


def undo(
    state: StateFolder,
    run_pid: int,
    restorer: Restorer,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Take the run's lease and undo its open experiments, trying again until `UNDO_WITHIN_S` is over; the exit code."""
    holder = lease.read(state.lease)
    if holder is not None and holder.pid == run_pid:
        lease.revoke(state, holder.lease_id)
    deadline, pause_s, seen = clock() + UNDO_WITHIN_S, LOOK_S, set[str]()
    while True:
        restored = restorer(state, lambda entry: entry.origin.pid == run_pid)
        for line in (each.to_json() for each in restored):
            if line not in seen:  # the same answer again is no news
                _report(line)
            seen.add(line)
        if not _stuck(restored):
            return 0
        if (left_s := deadline - clock()) <= 0:
            _report(f"not undone in {UNDO_WITHIN_S:g} s; next: cafe restore")
            return 1
        sleep(min(pause_s, left_s))
        pause_s *= 2


def _stuck(restored: tuple[Restored, ...]) -> bool:
    return any(each.outcome is Outcome.STUCK for each in restored)


def _open(state: StateFolder, run_pid: int) -> tuple[Entry, ...]:
    return tuple(entry for entry in journal.open_entries(state.journal) if entry.origin.pid == run_pid)


def _report(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} watchdog: {line}", flush=True)  # noqa: T201 - its log is its stdout


def main(arguments: list[str], restorer: Restorer = restorer) -> int:
    """`python -m plugins.chaos.undo.watchdog`: started by `guard.Watchdog` only."""
    parser = argparse.ArgumentParser(prog="plugins.chaos.undo.watchdog")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--run-pid", type=int, required=True)
    parser.add_argument("--run-fd", type=int, required=True)
    parser.add_argument("--armed-fd", type=int, required=True)
    parser.add_argument("--platform-id", help="of an embedded platform; absent on AWS")
    parser.add_argument("--with-kubernetes", action="store_true", help="undoing takes its client")
    options = parser.parse_args(arguments)
    import boto3  # noqa: F401 - now and not in trouble: it costs half a CPU second

    if options.with_kubernetes:
        kubernetes.load()  # as boto3

    os.write(options.armed_fd, b"armed")
    os.close(options.armed_fd)
    state = StateFolder(options.state)
    is_needed = watch(state, options.run_pid, options.platform_id, end_of(options.run_fd))
    return undo(state, options.run_pid, restorer) if is_needed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

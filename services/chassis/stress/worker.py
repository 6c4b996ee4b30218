"""One process of stress work: `python -m services.chassis.stress.worker MODULE:FUNCTION PARENT_PID`.

Reads its duty (0..1, one number a line) from standard input and spends that share of each period on the work; writes
how many units it has done so far to standard output, once it is ready and then every second. `FUNCTION` returns the
work: a callable that does one slice of at most a few milliseconds and says how many units that were.

It ends with its input, and by the kernel's hand when its parent dies (PR_SET_PDEATHSIG; the parent is compared with
PARENT_PID, since it may have died before that was set). A process of its own, not a fork of the task: a fork would copy
the task's event loop, sockets and locks in whatever state they are. It imports nothing but the work: ready in 0.1 s.
"""

import ctypes
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Final

PERIOD_S: Final = 0.05
DEBT_S: Final = 0.1
"""How much CPU a busy machine may owe us, to be made up for; more would be a burst that nobody asked for."""
REPORT_S: Final = 1.0
_PR_SET_PDEATHSIG: Final = 1

Work = Callable[[], int]
Clock = Callable[[], float]


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends; end at once if it already has."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)


def resolve(entry: str) -> Work:
    """The work behind `module:function`."""
    module, _, function = entry.partition(":")
    work: Work = getattr(importlib.import_module(module), function)()
    return work


class Duty:
    """Spends a share of CPU time, not of wall time: what others took is caught up with, within `DEBT_S`.

    All CPU of the process counts, the start of it and what lies between periods, too.
    """

    def __init__(self, work: Work, *, wall: Clock = time.monotonic, cpu: Clock = time.process_time) -> None:
        self._work = work
        self._wall = wall
        self._cpu = cpu
        self._owed_s = 0.0
        self._counted_s = 0.0
        self.done = 0

    def period(self, duty: float) -> float:
        """Work for one period; the seconds of it that are left to rest."""
        began = self._wall()
        self._owed_s = min(self._owed_s + duty * PERIOD_S, DEBT_S)
        while (used_s := self._cpu() - self._counted_s) < self._owed_s and self._wall() - began < PERIOD_S:
            self.done += self._work()
        self._owed_s -= used_s
        self._counted_s += used_s
        return max(began + PERIOD_S - self._wall(), 0.0)


def run(work: Work) -> None:
    """Work until standard input ends."""
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    spender, duty, reported_at = Duty(work), 0.0, 0.0
    while True:
        rest_s = spender.period(duty)
        if time.monotonic() - reported_at >= REPORT_S:
            reported_at = time.monotonic()
            os.write(1, b"%d\n" % spender.done)
        if poll.poll(rest_s * 1e3):
            lines = os.read(0, 4096).split()
            if not lines:
                return
            duty = float(lines[-1])


def main(argv: list[str]) -> None:
    """The process."""
    entry, parent = argv
    die_with(int(parent))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the task decides when work ends
    run(resolve(entry))


if __name__ == "__main__":
    main(sys.argv[1:])

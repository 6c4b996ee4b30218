"""The feedback that holds a share of CPU: what the service itself leaves of it is the workers'. Pure arithmetic.

    target cores ──(+)── spare ── gain ── + ──> cores of work ──> workers ──> CPU
                    ^                     └──── what was asked before
                    └── cores that the service's own process used

Whether the workers do what they are asked to is their own concern (see worker.py: each holds its share of CPU time, and
knows what it could not do). Were it summed up here, too, a time without CPU, or without anything to work on, would be
followed by a burst of seconds that nobody asked for.

What the service uses is followed by half of the difference a period, so that the CPU seconds of a burst of its own (a
task's start) are taken back from the work within the second that follows. It starts from the target itself.
"""

from collections import deque
from typing import Final

PERIOD_S: Final = 0.25
GAIN: Final = 0.5
WINDOW_S: Final = 1.0
"""What is reported is the mean over this long: a single period is as noisy as the scheduler."""


class CpuController:
    """Says how much work makes a process tree use `target` (0..1) of `vcpu` cores; it has `workers` to spread it on."""

    def __init__(self, *, target: float, vcpu: float, workers: int) -> None:
        self._vcpu = vcpu
        self._wanted = target * vcpu
        self._workers = workers
        self._work = min(self._wanted, float(workers))
        self._window: deque[tuple[float, float]] = deque()

    @property
    def duty(self) -> float:
        """The share of each worker's time to spend working, 0..1."""
        return self._work / self._workers

    def update(self, *, own_s: float, worked_s: float, elapsed_s: float) -> float:
        """Take in the CPU seconds of the service (`own_s`) and of its workers in the last `elapsed_s`; the new duty.

        The work asked for stays within what the workers can do. A period that came late counts for the time it took,
        to the full difference at most.
        """
        spare = self._wanted - own_s / elapsed_s
        gain = min(GAIN * elapsed_s / PERIOD_S, 1.0)
        self._work = min(max(self._work + gain * (spare - self._work), 0.0), float(self._workers))
        self._window.append((own_s + worked_s, elapsed_s))
        while sum(elapsed for _, elapsed in self._window) - self._window[0][1] >= WINDOW_S:
            self._window.popleft()
        return self.duty

    @property
    def measured(self) -> float:
        """Percent of the allotment used over the last second; 0 before the first update."""
        elapsed = sum(elapsed for _, elapsed in self._window)
        return 100.0 * sum(cpu for cpu, _ in self._window) / elapsed / self._vcpu if elapsed else 0.0

"""The feedback that holds a share of CPU: an integral controller over measured CPU seconds. Pure arithmetic.

    target cores ──(+)── error ── gain ── + ──> cores of work ──> workers ──┐
                    ^                     └──── what was asked before       │
                    └───────────────── cores measured, whole process tree <─┘

The work responds within one period and one for one, so a controller of integral action alone has no offset and, at a
gain below 1, no overshoot: the error shrinks by the gain each period. It starts from the target itself. What it sums up
is CPU seconds owed, so a burst (a task's own start) is made good for within the second that follows.
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

    def update(self, *, cpu_s: float, elapsed_s: float) -> float:
        """Take in that the tree used `cpu_s` CPU seconds in the last `elapsed_s`; the new duty.

        The work asked for stays within what the workers can do, so a time of starvation is not made up for later.
        """
        owed_s = self._wanted * elapsed_s - cpu_s
        self._work = min(max(self._work + GAIN * owed_s / PERIOD_S, 0.0), float(self._workers))
        self._window.append((cpu_s, elapsed_s))
        while sum(elapsed for _, elapsed in self._window) - self._window[0][1] >= WINDOW_S:
            self._window.popleft()
        return self.duty

    @property
    def measured(self) -> float:
        """Percent of the allotment used over the last second; 0 before the first update."""
        elapsed = sum(elapsed for _, elapsed in self._window)
        return 100.0 * sum(cpu for cpu, _ in self._window) / elapsed / self._vcpu if elapsed else 0.0

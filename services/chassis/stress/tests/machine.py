"""A worker on a core in virtual time: what others leave of the core, and whether there is anything to work on."""

from services.chassis.stress.worker import Duty


class Machine:
    """A core that gives the work `share` of itself: a slice takes 1 ms of CPU, or 2 ms of sleep where there is none."""

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.has_work = True
        self.wall = self.cpu = 0.0

    def duty(self) -> Duty:
        return Duty(self.work, wall=lambda: self.wall, cpu=lambda: self.cpu)

    def work(self) -> int:
        if not self.has_work:
            self.wall += 0.002
            return 0
        self.cpu += 0.001
        self.wall += 0.001 / self.share
        return 1

    def periods(self, duty: Duty, count: int, target: float) -> float:
        """The share of a core that was used over `count` periods."""
        began, used = self.wall, self.cpu
        for _ in range(count):
            rest_s = duty.period(target)
            self.wall += rest_s
        return (self.cpu - used) / (self.wall - began)

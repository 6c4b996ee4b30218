import random
from collections.abc import Callable

import pytest

from services.chassis.stress import worker
from services.chassis.stress.controller import PERIOD_S, CpuController
from services.chassis.stress.tests.machine import Machine


class Task:
    """A task under stress in virtual time: controller, workers all alike, a service that takes `other` cores."""

    def __init__(self, *, target: float, vcpu: float, other: float = 0.0, noise: float = 0.0) -> None:
        self._workers = max(round(vcpu), 1)
        self.controller = CpuController(target=target, vcpu=vcpu, workers=self._workers)
        self.machine = Machine()
        self.other = other
        self._duty = self.machine.duty()
        self._noise = noise
        self._draw = random.Random(745)  # noqa: S311 - noise, and the same in every run

    def run(self, seconds: float) -> list[float]:
        """What is measured meanwhile, in percent: the mean over a second, as of each period's end."""
        return [self._period() for _ in range(round(seconds / PERIOD_S))]

    def _period(self) -> float:
        used_s = self.machine.cpu
        self.machine.periods(self._duty, round(PERIOD_S / worker.PERIOD_S), self.controller.duty)
        worked_s = (self.machine.cpu - used_s) * self._workers
        own_s = max(self.other + self._draw.gauss(0, self._noise), 0.0) * PERIOD_S
        self.controller.update(own_s=own_s, worked_s=worked_s, elapsed_s=PERIOD_S)
        return self.controller.measured


@pytest.mark.parametrize(
    ("target", "vcpu", "other", "noise", "share"),
    [
        pytest.param(0.95, 0.5, 0.0, 0.0, 1.0, id="an idle service"),
        pytest.param(0.95, 0.5, 0.1, 0.01, 1.0, id="a busy service"),
        pytest.param(0.95, 2.0, 0.5, 0.02, 1.0, id="two cores"),
        pytest.param(0.30, 0.25, 0.05, 0.005, 1.0, id="a low target"),
        pytest.param(0.95, 0.5, 0.1, 0.01, 0.5, id="a busy machine"),
    ],
)
def test_the_target_is_reached_within_two_seconds_and_held(
    target: float, vcpu: float, other: float, noise: float, share: float
) -> None:
    task = Task(target=target, vcpu=vcpu, other=other, noise=noise)
    task.machine.share = share
    task.run(2.0)
    assert task.run(18.0) == [pytest.approx(100 * target, abs=5)] * round(18 / PERIOD_S)


def test_a_service_that_needs_more_than_the_target_leaves_no_work() -> None:
    task = Task(target=0.5, vcpu=0.5, other=0.4)
    task.run(5.0)
    assert task.controller.duty == pytest.approx(0.0, abs=1e-3)


def test_a_burst_of_the_service_is_taken_back_from_the_work() -> None:
    task = Task(target=0.9, vcpu=0.5)
    task.run(5.0)
    task.other = 0.4
    task.run(PERIOD_S)
    task.other = 0.0
    assert task.run(1.0)[-1] == pytest.approx(90 - 100 * 0.4 * PERIOD_S / 0.5, abs=5)
    assert task.run(1.0)[-1] == pytest.approx(90, abs=5)


def _without_work(task: Task) -> None:
    task.machine.has_work = False


def _without_cpu(task: Task) -> None:
    task.machine.share = 0.05


@pytest.mark.parametrize("other", [0.0, 0.1], ids=["an idle service", "a busy service"])
@pytest.mark.parametrize("happens", [_without_work, _without_cpu])
def test_a_time_in_which_little_could_be_done_is_not_made_up_for(happens: Callable[[Task], None], other: float) -> None:
    """However long it was: what follows is one burst of what a worker may be owed, then the target."""
    task = Task(target=0.9, vcpu=0.25, other=other)
    happens(task)
    assert max(task.run(20.0)[4:]) < 80
    task.machine.has_work, task.machine.share = True, 1.0
    assert task.run(1.0)[-1] <= 100 * (0.9 + worker.DEBT_S / 0.25)
    task.run(PERIOD_S)
    assert task.run(5.0)[3:] == [pytest.approx(90, abs=5)] * 17


def test_a_period_that_came_late_counts_in_full_and_no_more() -> None:
    controller = CpuController(target=0.9, vcpu=0.5, workers=1)
    assert controller.update(own_s=0.2, worked_s=0.0, elapsed_s=2.0) == pytest.approx(0.35)


def test_nothing_measured_is_zero() -> None:
    assert CpuController(target=0.5, vcpu=0.5, workers=1).measured == 0.0

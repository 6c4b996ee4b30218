import random

import pytest

from services.chassis.stress.controller import PERIOD_S, CpuController


class Plant:
    """A task under stress: workers that do as told, a service that takes `other` cores, and noise."""

    def __init__(self, *, workers: int, other: float, noise: float, start_up_s: float, seed: int) -> None:
        self._workers = workers
        self._other = other
        self._noise = noise
        self._start_up_s = start_up_s
        self._draw = random.Random(seed)  # noqa: S311 - noise, and the same in every run
        self._at = 0.0

    def period(self, duty: float) -> float:
        """CPU seconds used in one period."""
        self._at += PERIOD_S
        working = duty * self._workers if self._at > self._start_up_s else 0.0
        return max(working + self._other + self._draw.gauss(0, self._noise), 0.0) * PERIOD_S


@pytest.mark.parametrize(
    ("target", "vcpu", "other", "noise", "start_up_s"),
    [
        pytest.param(0.95, 0.5, 0.0, 0.0, 0.0, id="an idle service"),
        pytest.param(0.95, 0.5, 0.1, 0.01, 0.0, id="a busy service"),
        pytest.param(0.95, 0.5, 0.02, 0.01, 0.5, id="slow workers"),
        pytest.param(0.95, 2.0, 0.5, 0.02, 0.0, id="two cores"),
        pytest.param(0.30, 0.25, 0.05, 0.005, 0.0, id="a low target"),
    ],
)
def test_the_target_is_reached_within_two_seconds_and_held(
    target: float, vcpu: float, other: float, noise: float, start_up_s: float
) -> None:
    workers = max(round(vcpu), 1)
    controller = CpuController(target=target, vcpu=vcpu, workers=workers)
    plant = Plant(workers=workers, other=other, noise=noise, start_up_s=start_up_s, seed=745)
    duty, readings = controller.duty, []
    for _ in range(round(20 / PERIOD_S)):
        duty = controller.update(cpu_s=plant.period(duty), elapsed_s=PERIOD_S)
        readings.append(controller.measured)
    settled = readings[round((2.0 + 2 * start_up_s) / PERIOD_S) :]
    assert all(abs(reading - 100 * target) <= 5 for reading in settled), settled


def test_a_service_that_needs_more_than_the_target_leaves_no_work() -> None:
    controller = CpuController(target=0.5, vcpu=0.5, workers=1)
    for _ in range(20):
        duty = controller.update(cpu_s=0.4 * PERIOD_S, elapsed_s=PERIOD_S)
    assert duty == 0.0


def test_starvation_is_not_made_up_for_by_a_burst() -> None:
    controller = CpuController(target=0.95, vcpu=0.5, workers=1)
    for _ in range(100):
        controller.update(cpu_s=0.01, elapsed_s=PERIOD_S)
    assert controller.duty == 1.0
    after = [controller.update(cpu_s=controller.duty * PERIOD_S, elapsed_s=PERIOD_S) for _ in range(4)]
    assert after[-1] == pytest.approx(0.475, abs=0.05)


def test_nothing_measured_is_zero() -> None:
    assert CpuController(target=0.5, vcpu=0.5, workers=1).measured == 0.0

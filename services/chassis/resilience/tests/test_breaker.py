import pytest

from services.chassis.resilience.breaker import Breaker
from services.chassis.resilience.tests.clock import Clock


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=3, open_s=1.0, clock=clock)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_a_breaker_opens_after_failures_in_a_row_and_closes_by_itself() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, open_s=1.0, clock=clock)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.may_ask()
    breaker.failed()
    assert not breaker.may_ask()
    clock.now += 1.0
    assert breaker.may_ask()
    breaker.failed()
    assert not breaker.may_ask()


def test_one_probe_at_a_time_decides_for_everybody() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1.0
    assert [breaker.may_ask() for _ in range(50)] == [True] + [False] * 49
    breaker.succeeded()
    assert all(breaker.may_ask() for _ in range(50))


def test_a_probe_that_never_tells_how_it_ended_makes_room_for_the_next() -> None:
    clock = Clock()
    breaker = opened(clock)
    for _ in range(3):
        clock.now += 1.0
        assert [breaker.may_ask() for _ in range(3)] == [True, False, False]


def test_a_breaker_says_how_it_is() -> None:
    clock = Clock()
    breaker = opened(clock)
    states = [Breaker().state, breaker.state]
    clock.now += 1.0
    states.append(breaker.state)
    breaker.succeeded()
    assert [*states, breaker.state] == ["closed", "open", "half-open", "closed"]


@pytest.mark.parametrize(("drawn", "is_open_after"), [(0.0, False), (1.0, True)])
def test_jitter_keeps_two_tasks_from_probing_together(drawn: float, is_open_after: bool) -> None:
    clock = Clock()
    breaker = Breaker(failures=1, open_s=1.0, jitter=0.5, clock=clock, draw=lambda: drawn)
    breaker.failed()
    clock.now += 1.25
    assert (breaker.state == "open") is is_open_after

"""The open model, in a simulated time in which nothing else takes any."""

from plugins.load.pacer import pace


class Time:
    """A clock that only sleeping and working move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_each_arrival_is_launched_when_it_is_due() -> None:
    time, launched = Time(), list[tuple[float, float]]()
    pace(
        [0, 0.5, 0.75],
        lambda due: launched.append((due, time.now)),
        started=100.0,
        clock=lambda: time.now,
        sleep=time.sleep,
    )
    assert launched == [(100.0, 100.0), (100.5, 100.5), (100.75, 100.75)]


def test_a_pacer_that_lost_time_catches_up_and_keeps_the_times_that_were_due() -> None:
    time, launched = Time(), list[tuple[float, float]]()

    def stall(due: float) -> None:
        launched.append((due, time.now))
        if due == 100.0:
            time.now += 10  # a pause of the process: the schedule does not wait for it

    pace([0, 1, 2, 11], stall, started=100.0, clock=lambda: time.now, sleep=time.sleep)
    assert launched == [(100.0, 100.0), (101.0, 110.0), (102.0, 110.0), (111.0, 111.0)]


def test_others_get_their_turn_between_late_arrivals() -> None:
    time = Time()
    pace([0, 0, 0], lambda due: None, started=90.0, clock=lambda: time.now, sleep=time.sleep)
    assert time.slept == [0, 0, 0]

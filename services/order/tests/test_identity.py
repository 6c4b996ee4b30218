import re

from services.order.identity import PATTERN, OrderIds


def test_ids_sort_by_the_time_they_were_drawn() -> None:
    ids = OrderIds()
    drawn = [ids.draw() for _ in range(2000)]
    assert drawn == sorted(set(drawn))
    assert all(re.fullmatch(PATTERN, each) for each in drawn)


def test_a_clock_that_is_set_back_does_not_break_the_order() -> None:
    times = iter([10.0, 5.0, 5.0, 11.0])
    ids = OrderIds(clock=lambda: next(times), randbits=lambda _: 7)
    drawn = [ids.draw() for _ in range(4)]
    assert drawn == sorted(set(drawn))


def test_two_tasks_draw_different_ids_in_the_same_millisecond() -> None:
    first, second = OrderIds(clock=lambda: 1.0), OrderIds(clock=lambda: 1.0)
    assert first.draw() != second.draw()

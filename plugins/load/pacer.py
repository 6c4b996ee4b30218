"""The open model in one loop, which is the only thing that sleeps between arrivals.

due ──> sleep until then ──> launch ──> next          never: wait for an answer before the next arrival
"""

from collections.abc import Callable, Iterable


def pace(
    schedule: Iterable[float],
    launch: Callable[[float], None],
    *,
    started: float,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    """Call `launch(due)` for each time of `schedule` (seconds after `started`, on `clock`) when it is due.

    `launch` must not block. Late arrivals are launched at once, one after another, each with the time it was due: what
    the loop lost shows as slip and as latency, not as a rate never offered. `sleep(0)` lets others run in between.
    """
    for offset in schedule:
        due = started + offset
        sleep(max(due - clock(), 0.0))
        launch(due)

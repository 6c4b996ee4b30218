"""What a task is serving right now, and when it may stop: the state a drain watches."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

QUIET_S = 0.25
"""No arrival for this long, once draining, means that the load balancer has stopped sending."""


@dataclass(slots=True)
class Traffic:
    """Requests in flight and the time of the last arrival (monotonic seconds). Health checks are not traffic."""

    in_flight: int = 0
    last_arrival: float = field(default_factory=time.monotonic)
    is_draining: bool = False
    arrivals: int = 0

    def arrived(self) -> None:
        self.arrivals += 1
        self.in_flight += 1
        self.last_arrival = time.monotonic()

    def left(self) -> None:
        self.in_flight -= 1

    def rate(self) -> Callable[[], float]:
        """What says how many requests a second arrived since it was last asked."""
        arrivals, at = self.arrivals, time.monotonic()

        def since() -> float:
            nonlocal arrivals, at
            count, seconds = self.arrivals - arrivals, time.monotonic() - at
            arrivals, at = self.arrivals, time.monotonic()
            return count / seconds if seconds > 0 else 0.0

        return since

    async def drained(self, *, at_least_s: float, at_most_s: float) -> bool:
        """Return once nothing is in flight and nothing arrives any more; False when patience ended first.

        A load balancer goes on sending for a moment after SIGTERM, since it learns of the deregistration at the same
        time: closing the listener at once would turn those requests into 502s.
        """
        self.is_draining = True
        started = time.monotonic()
        while (now := time.monotonic()) < started + at_most_s:
            may_stop_at = max(started + at_least_s, self.last_arrival + QUIET_S)
            if self.in_flight == 0 and now >= may_stop_at:
                return True
            await asyncio.sleep(min(max(may_stop_at - now, 0.02), started + at_most_s - now))
        return False

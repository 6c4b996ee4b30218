"""A circuit breaker: whoever fails is left alone for a moment; then one may try, and its answer decides for the others.

    closed ──(so many failures in a row)──> open ──(its time is over)──> half-open, one probe at a time
       ^                                     ^                               │
       │                                     └────── no answer in time ──────┤
       └──────────────────────────── it answered ────────────────────────────┘

Nygard, "Release It!", and the Azure Architecture Center's Circuit Breaker pattern.
"""

import random
import time
from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "half-open", "open"]


class Breaker:
    """Opens after `failures` in a row, for `open_s` seconds and up to `jitter` times that more; then one may try.

    The jitter keeps the tasks of a service, which all lost the same peer at the same moment, from probing it together.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        open_s: float = 1.0,
        jitter: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._limit = failures
        self._open_s = open_s
        self._jitter = jitter
        self._clock = clock
        self._draw = draw
        self._failures = 0
        self._closed_at = float("-inf")

    @property
    def state(self) -> BreakerState:
        """Half-open from when its time is over until a probe was answered."""
        if self._failures < self._limit:
            return "closed"
        return "open" if self._clock() < self._closed_at else "half-open"

    def may_ask(self) -> bool:
        """Whether to ask; once it was open for its time that is True for one, whose answer decides for the others.

        A probe that never tells how it ended holds the others up no longer than another such time.
        """
        state = self.state
        if state == "half-open":
            self._open()
        return state != "open"

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._limit:
            self._open()

    def _open(self) -> None:
        self._closed_at = self._clock() + self._open_s * (1 + self._jitter * self._draw())

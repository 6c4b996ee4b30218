"""Keeps the garbage collector from stopping the cloud.

What the cloud records (orders, messages, events) grows with the load and is held by plain references. A full collection
walks all of it to find no cycle: most of a second after some ten thousand orders, in which no call is answered. So the
young generations are collected as ever, and the oldest only in quiet moments; what survives one is not looked at again.
"""

import gc
import logging
import time
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

YOUNG = 2_000
"""New objects between two collections of the youngest generation; a call makes some hundred."""
MIDDLE = 10
NEVER = 1_000_000_000
"""Python also asks for a quarter of new objects before a full collection; with this it never happens by itself."""
SLOW_S = 0.1
QUIET_PER_S = 40.0
"""Fewer calls a second than that: only the platform itself is calling."""
EVERY_S = 10.0


class Collector:
    """Collects in full when it is quiet. `calls` is how many there were so far; `clock` is monotonic seconds.

    `collect` is replaced in tests only.
    """

    def __init__(
        self,
        calls: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        collect: Callable[[], None] | None = None,
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._collect = collect or _collect_and_keep
        self._known = calls()
        self._ticked_at = self._collected_at = clock()

    def tick(self, _elapsed_s: float = 0.0) -> tuple[()]:
        """Collect if few have called since the last tick and the last collection is a while ago. A metric source."""
        now, calls = self._clock(), self._calls()
        is_quiet = calls - self._known < QUIET_PER_S * (now - self._ticked_at)
        self._known, self._ticked_at = calls, now
        if is_quiet and now - self._collected_at >= EVERY_S:
            self._collect()
            self._collected_at = now
        return ()


def _collect_and_keep() -> None:
    gc.collect()
    gc.freeze()


def tame() -> None:
    """Leave full collections to the `Collector`, what exists to nobody, and log a collection that took long."""
    _collect_and_keep()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
    gc.callbacks.append(_Watch())
    gc.enable()


class _Watch:
    """Times collections, for the log."""

    def __init__(self) -> None:
        self._started = 0.0

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._started = time.monotonic()
        elif (took := time.monotonic() - self._started) > SLOW_S:
            _log.warning("collecting garbage of generation %d took %.2f s", info["generation"], took)

"""The experiment's clock, and the one way to end its waiting: whoever wants it to stop says why.

A `SimpleQueue` and not an Event: its `put` may be called from a signal handler that interrupted its own `get`.
"""

import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from plugins.chaos.stop import Stop


class Pulse(Protocol):
    """Time as the experiment sees it."""

    def now(self) -> float: ...  # Unix seconds
    def wait(self, seconds: float) -> Stop | None: ...  # returns early, with the reason, once somebody asks to stop


class WallPulse:
    """Unix time that never jumps: read once, then carried on by the monotonic clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._requests: queue.SimpleQueue[Stop] = queue.SimpleQueue()
        self.is_interrupted = False
        """Did somebody ask the whole run to end? Also after the last wait, when nobody takes the request any more."""

    def now(self) -> float:
        return time.monotonic() + self._offset

    def wait(self, seconds: float) -> Stop | None:
        try:
            return self._requests.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            return None

    def request(self, stop: Stop) -> None:
        """End the current wait, or the next; from any thread or signal handler."""
        self.is_interrupted |= stop.is_interrupt
        self._requests.put(stop)


@contextmanager
def interruptible(pulse: WallPulse) -> Iterator[None]:
    """The first Ctrl-C, or SIGTERM, asks the experiment to stop, so that it rolls back in peace; a second Ctrl-C ends
    the run at once.

    Signals reach the main thread only; in any other one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and pulse.is_interrupted:
            raise KeyboardInterrupt
        pulse.request(Stop(reason=f"interrupted by {_WORDS[number]}", is_interrupt=True))

    previous = {number: signal.signal(number, handle) for number in _WORDS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


_WORDS: dict[int, str] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

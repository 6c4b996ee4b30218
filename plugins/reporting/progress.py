"""Shows on a terminal what a long run is doing; silent without one."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_TICK_S = 0.2
_BAR = 24


class Progress:
    """One line at the bottom of the terminal: phase, bar, seconds. Every method is a no-op without a terminal.

    `quietly` runs a function with pytest's output capture suspended, so that the line reaches the person.
    """

    def __init__(self, quietly: Callable[[Callable[[], None]], None], stream: TextIO | None = None) -> None:
        self._quietly = quietly
        self._stream = stream or sys.__stderr__
        self.is_live = bool(self._stream and self._stream.isatty())

    @contextmanager
    def phase(self, name: str, seconds: float) -> Iterator[None]:
        """Show `name` with a bar that fills over `seconds`, for as long as the block runs."""
        if not self.is_live:
            yield
            return
        done = threading.Event()
        painter = threading.Thread(target=self._paint, args=(name, seconds, done), daemon=True)
        painter.start()
        try:
            yield
        finally:
            done.set()
            painter.join()
            self._write("\r\x1b[K")

    def note(self, text: str) -> None:
        """Print one line that stays."""
        if self.is_live:
            self._write(f"\r\x1b[K  {text}\n")

    def _paint(self, name: str, seconds: float, done: threading.Event) -> None:
        started = time.monotonic()
        while True:
            self._write(f"\r\x1b[K{line(name, time.monotonic() - started, seconds)}")
            if done.wait(_TICK_S):
                return

    def _write(self, text: str) -> None:
        def emit() -> None:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()

        self._quietly(emit)


def line(name: str, elapsed: float, seconds: float) -> str:
    """`  name ███░░░ 3.2 / 10 s`, cut to the terminal's width."""
    share = min(elapsed / seconds, 1.0) if seconds > 0 else 1.0
    bar = "█" * int(share * _BAR) + "░" * (_BAR - int(share * _BAR))
    return f"  {name:<28} {bar} {elapsed:.1f} / {seconds:g} s"[: shutil.get_terminal_size().columns - 1]

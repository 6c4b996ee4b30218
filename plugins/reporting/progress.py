"""Shows what a long run is doing: a line that lives on a terminal, and one for each phase that is over anywhere."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TICK_S = 0.2
_BAR = 24
_NAME = 44
_COLUMNS = 80
"""Of a terminal that does not say how wide it is."""


class Progress:
    """`with progress.phase("books"): …` shows how long it takes, and then that it is over and how long it took.

    `keep` takes each line that stays. `terminal` is the descriptor of one, where the line of the phase that is under
    way is painted over and over, from a thread; None where there is no terminal: then only what stays is shown.
    """

    def __init__(self, keep: Callable[[str], None], terminal: int | None = None) -> None:
        self._keep = keep
        self._terminal = terminal

    @contextmanager
    def phase(self, name: str, seconds: float = 0.0) -> Iterator[None]:
        """Show `name` while the block runs, with a bar that fills over `seconds`: 0 where nobody knows how long."""
        started = time.monotonic()
        with self._painted(name, seconds, started):
            yield
        self._keep(over(name, time.monotonic() - started))

    def note(self, text: str) -> None:
        """Print one line that stays."""
        self._keep(f"  {text}")

    @contextmanager
    def _painted(self, name: str, seconds: float, started: float) -> Iterator[None]:
        if self._terminal is None:
            yield
            return
        done = threading.Event()
        painter = threading.Thread(target=self._paint, args=(name, seconds, started, done), daemon=True)
        painter.start()
        try:
            yield
        finally:
            done.set()
            painter.join()
            self._write("")

    def _paint(self, name: str, seconds: float, started: float, done: threading.Event) -> None:
        while True:
            self._write(line(name, time.monotonic() - started, seconds, self._columns()))
            if done.wait(_TICK_S):
                return

    def _columns(self) -> int:
        columns = 0
        with contextlib.suppress(OSError):
            columns = os.get_terminal_size(self._terminal or 0).columns
        return columns or _COLUMNS

    def _write(self, text: str) -> None:
        """Over the last line. A terminal that is gone has nobody who would miss it."""
        if self._terminal is not None:
            with contextlib.suppress(OSError):
                os.write(self._terminal, f"\r\x1b[K{text}".encode())


def line(name: str, elapsed: float, seconds: float, columns: int) -> str:
    """`  name ███░░░ 3.2 / 10 s`, cut to the terminal's width; without a bar where `seconds` is 0."""
    if seconds <= 0:
        return f"  {name:<{_NAME}} {elapsed:.1f} s"[: columns - 1]
    filled = int(min(elapsed / seconds, 1.0) * _BAR)
    bar = "█" * filled + "░" * (_BAR - filled)
    return f"  {name} {bar} {elapsed:.1f} / {seconds:g} s"[: columns - 1]


def over(name: str, took_s: float) -> str:
    """The line of a phase that is over."""
    return f"  {name:<{_NAME}} {took_s:6.1f} s"

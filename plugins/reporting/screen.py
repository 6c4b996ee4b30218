"""The terminal of a run, reached past pytest's capturing; a worker of xdist has none, and hands its lines on."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugins.reporting.progress import Progress

_LINES = "cafe_progress"
"""What a worker's report carries of its progress: pytest keeps what is added to a report when it crosses over."""


class Screen:
    """Keeps lines on the terminal, or for it: then they come with the report of the test that is running."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._pending: list[str] = []

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Shows on the terminal that pytest itself writes to: asked past the capturing, which is none."""
        with self._uncaptured():
            terminal = _terminal() if self._has_terminal else None
        try:
            yield Progress(self.keep, terminal)
        finally:
            if terminal is not None:
                os.close(terminal)

    def keep(self, line: str) -> None:
        """A line that stays; nothing in a quiet run."""
        if self._is_worker:
            self._pending.append(line)
        elif self._has_terminal:
            reporter = self._config.pluginmanager.getplugin("terminalreporter")
            with self._uncaptured():
                reporter.ensure_newline()
                reporter.write_line(line)

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    @property
    def _has_terminal(self) -> bool:
        has_one = self._config.pluginmanager.hasplugin("terminalreporter") and not self._is_worker
        return has_one and int(self._config.option.verbose) >= 0

    @contextmanager
    def _uncaptured(self) -> Iterator[None]:
        manager = self._config.pluginmanager.getplugin("capturemanager")
        with manager.global_and_fixture_disabled() if manager else contextlib.nullcontext():
            yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a worker: hand on what was kept. In the controller: show what a worker kept."""
        if not self._is_worker:
            for line in vars(report).get(_LINES, ()):
                self.keep(line)
        elif self._pending:
            carried: dict[str, Any] = vars(report)
            carried[_LINES], self._pending = self._pending, []


def _terminal() -> int | None:
    """A descriptor of our own for the terminal that standard output is; None when it is none."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return None
    return os.dup(descriptor) if os.isatty(descriptor) else None

"""SIGTERM winds a run up as Ctrl-C does, in every process of it: CI systems and systemd send it, and then SIGKILL.

    alone        SIGTERM ─► KeyboardInterrupt ─► platform down ─► exit code 2
    controller   the same; before xdist ends the workers they are told, and have time to undo what they do
    worker       SIGTERM ─► KeyboardInterrupt ─► the controller hears of it, and winds up the run

An experiment has handlers of its own meanwhile (`chaos.pulse`): it stops, undoes, and then ends the run in this way.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import pytest

from infrastructure.errors import ExitCode

UNDONE_WITHIN_S = 60.0
"""How long the workers have to undo; whatever is open then is the watchdog's, or the next run's."""
_LOOK_S = 0.1


class Signals:
    """The handlers of one process of a run. `is_busy` says whether a worker of this run still holds the lease."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._workers: dict[str, int] = {}
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, _wind_up)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """In the controller: a worker is there."""
        self._workers[node.gateway.id] = node.gateway._rinfo().pid  # execnet tells it in no other way

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """In the controller: a worker is gone. The run ends with one that was interrupted: xdist would replace it."""
        self._workers.pop(node.gateway.id, None)
        if getattr(node, "workeroutput", {}).get("exitstatus") == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt(f"the worker {node.gateway.id} was interrupted")

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """A second Ctrl-C, while the run is wound up, ends it at once; by itself it ends in a traceback."""
        signal.signal(signal.SIGINT, _leave)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In the controller of an interrupted run: xdist would give an experiment five seconds to undo itself."""
        if session.exitstatus != ExitCode.INTERRUPTED or not self._workers:
            return
        for pid in self._workers.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + UNDONE_WITHIN_S
        while self._is_busy() and time.monotonic() < deadline:
            time.sleep(_LOOK_S)

    def pytest_unconfigure(self) -> None:
        """Leave the process as it was found: runs within runs have more to come."""
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)


def _wind_up(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # who sends it again wants the same
    raise KeyboardInterrupt("ended by SIGTERM")


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a third one would interrupt the interpreter's own end
    raise SystemExit(int(ExitCode.INTERRUPTED))

"""What a Ctrl-C or SIGTERM does to Locust where Locust itself does not listen for one yet, or acts on an earlier one.

Whoever leaves at once leaves nothing behind: workers and the platform brought up for the run end with this process.
"""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import gevent

from infrastructure.embedded.host.launcher import die_with
from infrastructure.errors import ExitCode


def leave_at_once() -> None:
    """From here on a Ctrl-C ends the process, with the exit code that says so. Deaf to it, it stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)


def as_usual() -> None:
    """From here on a Ctrl-C is Locust's to act on: the last orders are still answered, and judged.

    It reaches Locust's main greenlet and no other. Python's own handler raises wherever the process happens to be: in a
    customer that was just answered, whose order is then in no history, or in whoever writes that history down.
    """
    if signal.getsignal(signal.SIGINT) is _leave:
        gevent.signal_handler(signal.SIGINT, _stop_locust)


def on_sigterm(end_run: Callable[[], None]) -> None:
    """From here on SIGTERM ends the run, until Locust listens for it itself: a headless master does only afterwards."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: gevent.spawn(end_run))


def bind_forks() -> None:
    """The workers that `--processes` forks end with this process, for whom they would wait for minutes."""
    master_pid: int | None = os.getpid()

    def bind() -> None:
        nonlocal master_pid
        bound_to, master_pid = master_pid, None  # what a worker itself forks is its own affair
        if bound_to is not None:
            try:
                die_with(bound_to)
            except SystemExit as gone:  # raised here, it would only be printed
                os._exit(int(gone.code or 0))

    os.register_at_fork(after_in_child=bind)


def _stop_locust() -> None:
    gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a third one would interrupt the interpreter's own end
    raise SystemExit(int(ExitCode.INTERRUPTED))

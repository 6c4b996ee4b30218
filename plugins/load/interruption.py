"""What a Ctrl-C does to Locust where Locust itself would answer it with a traceback: before it listens for one, and
while it acts on an earlier one.

Whoever leaves at once leaves nothing behind: workers and the platform brought up for the run end with this process.
"""

import signal
from types import FrameType
from typing import NoReturn

import gevent

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
        gevent.signal_handler(signal.SIGINT, _tell_locust)


def _tell_locust() -> None:
    gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a third one would interrupt the interpreter's own end
    raise SystemExit(int(ExitCode.INTERRUPTED))

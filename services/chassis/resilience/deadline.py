"""Until when the answer to the current request is worth anything; every call out of it gets what is left, not more."""

import time
from contextvars import ContextVar

_ends_at: ContextVar[float] = ContextVar("deadline", default=float("inf"))


def start(seconds: float) -> None:
    """Give the current request, and all it causes, `seconds` from now."""
    _ends_at.set(time.monotonic() + seconds)


def remaining() -> float:
    """Seconds left; infinite outside of a request, never negative."""
    return max(_ends_at.get() - time.monotonic(), 0.0)

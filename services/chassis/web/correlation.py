"""The id that ties together everything one request caused, across tasks and services."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "x-correlation-id"

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_current: ContextVar[str] = ContextVar("correlation_id", default="-")


def current() -> str:
    """The id of the request being served, `-` outside of one."""
    return _current.get()


def bind(candidate: str | None) -> str:
    """Make `candidate` the current id if it is at most 64 harmless characters, else a new one; return what now holds.

    A caller's id goes into logs and messages, so nothing that could forge a line or a field is let through.
    """
    accepted = candidate if candidate and _ALLOWED.fullmatch(candidate) else uuid.uuid4().hex
    _current.set(accepted)
    return accepted


@contextmanager
def bound(candidate: str | None) -> Iterator[None]:
    """For the length of a block `candidate` is the current id, as in `bind`; then what was before."""
    before = _current.get()
    bind(candidate)
    try:
        yield
    finally:
        _current.set(before)

"""What comes of one HTTP exchange, whichever client makes it: an answer, or how the silence is to be understood."""

from typing import Final, NamedTuple

IDLE_S: Final = 15.0
"""A connection unused for longer is not trusted: AWS's endpoints and proxies close theirs after 20 s and up."""
MAX_RESPONSE_BYTES: Final = 16 * 1024 * 1024
"""AWS's own answers stay below 16 MB; more is somebody else answering."""


class HttpError(Exception):
    """No complete answer came. The text says what happened."""


class Unreachable(HttpError):
    """No connection: the request cannot have had an effect."""


class Interrupted(HttpError):
    """The connection broke or went silent after the request was sent: whether it had an effect is unknown."""


class HttpResponse(NamedTuple):
    """Status and body of an answer."""

    status: int
    body: bytes

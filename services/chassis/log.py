"""Structured logs: one JSON object a line on standard output, with the correlation id, never with a secret."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final, TextIO

import orjson

from services.chassis.web import correlation

_PLAIN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
"""Attributes of every record; whatever else a record carries came in through `extra=` and is a field of ours."""


class JsonFormatter(logging.Formatter):
    """One line of JSON: at, level, logger, message, correlation_id, the constant fields and those of `extra`."""

    def __init__(self, **constant: str) -> None:
        super().__init__()
        self._constant = constant
        self._secrets: tuple[str, ...] = ()
        """As they appear in a line, JSON's escapes included."""

    def conceal(self, secret: str) -> None:
        """Replace `secret` wherever it would appear from now on. Short strings would blank the log: refused."""
        if len(secret) >= 8:
            written = {secret, repr(secret)[1:-1]}  # an exception shows its arguments as Python writes them
            found = {*self._secrets, *(orjson.dumps(text).decode()[1:-1] for text in written)}
            self._secrets = tuple(sorted(found, key=len, reverse=True))  # the longest first: one may be part of another

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "correlation_id": correlation.current(),
            **self._constant,
        }
        line.update({key: value for key, value in record.__dict__.items() if key not in _PLAIN})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return self._concealed(orjson.dumps(line, default=str).decode())

    def _concealed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


_formatter = JsonFormatter()


def conceal(secret: str) -> None:
    """Keep `secret` out of every line this process writes from now on."""
    _formatter.conceal(secret)


def configure(*, service: str, task: str, level: str, stream: TextIO | None = None) -> None:
    """Make the root logger write JSON lines. `task` is the task's ARN; its last part is what a line shows."""
    global _formatter  # noqa: PLW0603 - logging itself is process-wide; so is what must be kept out of it
    _formatter = JsonFormatter(service=service, task=task.rsplit("/", 1)[-1])
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("botocore", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

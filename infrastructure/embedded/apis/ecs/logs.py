"""The awslogs driver: what a container writes is in CloudWatch Logs, in the stream `prefix/container/task-id`.

    process ──writes──▶ its log file ◀──reads, when somebody asks── the stream

The stream is a view of the file: nothing is copied, and nothing is held in memory. What is read is the file's last
`WINDOW_BYTES`, where AWS keeps every line for as long as the group says; the newest `KEPT_STREAMS` streams stay.
Source: ECS Developer Guide, "Send Amazon ECS logs to CloudWatch".
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.core.utils import unix_time_millis
from moto.logs.models import LogEvent, LogGroup, LogStream

from infrastructure.embedded import lags
from infrastructure.embedded.apis.ecs.launch import CannotStart
from infrastructure.embedded.apis.ecs.record import Record
from infrastructure.embedded.pace import Pace

WINDOW_BYTES = 1024 * 1024
KEPT_STREAMS = 50
LONGEST_BYTES = 262_118
"""Of an event: the driver cuts what is longer."""
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_BEGINNING_BYTES = 64
"""Where in a line its time is looked for; one without has the time of the line before."""


class LinesOf(LogStream):  # type: ignore[misc]  # moto publishes no types
    """The lines of `file` as events. What `PutLogEvents` adds is kept beside them."""

    def __init__(self, group: LogGroup, name: str, file: Path, lag_s: float, clock: Callable[[], float]) -> None:
        self._file = file
        self._lag_ms = lag_s * 1000
        self._clock = clock
        super().__init__(group, name)

    @property
    def events(self) -> list[LogEvent]:
        """Those there are now, oldest first; one that was written a moment ago has not been sent yet."""
        sent_ms = self._clock() * 1000 - self._lag_ms
        return [*(event for event in self._lines() if event.timestamp <= sent_ms), *self._put]

    @events.setter
    def events(self, changed: list[LogEvent]) -> None:
        self._put = [event for event in changed if not isinstance(event, _Line)]

    def _lines(self) -> Iterator["_Line"]:
        at_ms = int(unix_time_millis(self.creation_time))
        for offset, line in _end_of(self._file):
            found = _TIME.search(line, 0, _BEGINNING_BYTES)
            at_ms = _milliseconds(found[0]) if found else at_ms
            yield _Line(at_ms, offset, line)

    def _update(self) -> None:
        times = [event.timestamp for event in self.events]
        self.first_event_timestamp, self.last_event_timestamp = min(times, default=None), max(times, default=None)
        if times:  # a line goes out as soon as it is there
            self.last_ingestion_time: datetime = datetime.fromtimestamp(max(times) / 1000, UTC).replace(tzinfo=None)
        self.stored_bytes = self._file.stat().st_size if self._file.exists() else 0

    def filter_log_events(self, start_time: int, end_time: int, filter_pattern: str) -> list[dict[str, Any]]:
        """As of any stream; a file that was written last before `start_time` is not read at all."""
        is_over = bool(start_time) and self._file.exists() and self._file.stat().st_mtime * 1000 < start_time
        if is_over and not self._put:
            return []
        found: list[dict[str, Any]] = super().filter_log_events(start_time, end_time, filter_pattern)
        return found


class _Line(LogEvent):  # type: ignore[misc]  # as above
    """An event whose id is its place, so that a line is the same event whenever it is read."""

    def __init__(self, at_ms: int, offset: int, line: bytes) -> None:
        message = line[:LONGEST_BYTES].decode("utf-8", "replace")
        super().__init__(at_ms, {"timestamp": at_ms, "message": message})
        self.event_id = int(f"{at_ms}{offset:020d}")


def attach(
    groups: Mapping[str, LogGroup],
    create_group: Callable[[str], object],
    task: Record,
    definition: Record,
    file: Path,
    pace: Pace,
    clock: Callable[[], float] = time.time,
) -> None:
    """Give the container of `task`, which writes to `file`, its stream; nothing happens with another log driver.

    `CannotStart` when the log group is not there: on AWS the task does not start without it either.
    """
    container = definition.container_definitions[0]
    configured = container.get("logConfiguration") or {}
    if configured.get("logDriver") != "awslogs":
        return
    options = configured.get("options") or {}
    name = str(options.get("awslogs-group", ""))
    if name not in groups and options.get("awslogs-create-group") == "true":
        create_group(name)
    if name not in groups:
        raise CannotStart(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not "
            f"exist: {name}"
        )
    group = groups[name]
    stream = "/".join((str(options.get("awslogs-stream-prefix", "")), str(container["name"]), str(task.id))).lstrip("/")
    group.streams[stream] = LinesOf(group, stream, file, lags.LOG_DRIVER.at(pace), clock)
    of_files = [key for key, each in group.streams.items() if isinstance(each, LinesOf)]
    for oldest in of_files[:-KEPT_STREAMS]:
        del group.streams[oldest]


def _end_of(file: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines within the window, each with its place; a file that is not there yet has none."""
    try:
        with file.open("rb") as log:
            start = max(log.seek(0, os.SEEK_END) - WINDOW_BYTES, 0)
            log.seek(start)
            content = log.read(WINDOW_BYTES)
    except FileNotFoundError:
        return
    lines = content.split(b"\n")
    offset = start
    for number, line in enumerate(lines[:-1]):  # what follows the last end of a line is still being written
        if line and (number or not start):  # and the first may be cut off
            yield offset, line
        offset += len(line) + 1


def _milliseconds(text: bytes) -> int:
    return int(datetime.fromisoformat(text.decode()).timestamp() * 1000)

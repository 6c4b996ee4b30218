"""A container's log: what its process wrote, as it is, as far as asked, and on while it runs.

Where the times of its lines are asked for, a line that is not complete is not told of while its process runs: it gets
its time with its end, as containerd has it.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (read log)
"""

import asyncio
import datetime as dt
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.kubernetes.api.places import Query
from infrastructure.embedded.kubernetes.kubelet.log_times import LogTimes, Times
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Object

_PART = 64 << 10
_LOOK_S = 0.05
"""How often a log that is followed is looked at: the kernel has no event for a file that grows, but for inotify."""
_PREFIX = "cloudcafe://"
_LONGEST = 16 << 10
"""Bytes of a line that is told of, where times are, before its end is there."""
_LOG_OPTIONS = 'PodLogOptions "" is invalid'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What of a log is asked for. `since` is in nanoseconds of Unix time; `limit` in bytes, None for no limit."""

    lines: int | None
    limit: int | None
    since: int
    has_times: bool
    goes_on: bool

    @classmethod
    def of(cls, query: Query, now: float) -> "_Wish":
        return cls(
            lines=query.number("tailLines"),
            limit=query.number("limitBytes"),
            since=_since(query, now),
            has_times=query.flag("timestamps"),
            goes_on=query.flag("follow"),
        )


def log_of(
    pod: Object, query: Query, folder: Path, times: LogTimes, runs: Callable[[], Mapping[str, object]], now: float
) -> Answer:
    """The log of one of the pod's containers; `runs` has the processes that run, by id; `now` is the nodes' time."""
    wish = _Wish.of(query, now)
    container = _container(pod, query.text("container"))
    identity = _identity(pod, container, is_previous=query.flag("previous"))
    file = folder / f"{identity}.log"
    headers = {"content-type": "text/plain"}

    def is_running() -> bool:
        return identity in runs()

    if wish.has_times or wish.since:
        known = times.of(identity)
        if known is None and file.exists():
            raise errors.bad_request(
                "the lines of this log have no times, as the system had no inotify left when its container started "
                "(fs.inotify.max_user_instances, max_user_watches): use tailLines"
            )
        stream = _timed(file, known, is_running, wish) if known is not None else _nothing()
        return Answer(status=200, headers=headers, stream=_limited(stream, wish.limit))
    start = _start(file, wish.lines)
    if not wish.goes_on:
        return Answer(status=200, headers=headers, body=_read(file, start, wish.limit))
    return Answer(status=200, headers=headers, stream=_limited(_follow(file, start, is_running), wish.limit))


def _since(query: Query, now: float) -> int:
    """The time from which on lines are asked for; 0 for all."""
    seconds, time = query.number("sinceSeconds"), query.text("sinceTime")
    if seconds is not None and time:
        told = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        raise errors.ApiError(422, "Invalid", f"{_LOG_OPTIONS}: Forbidden: {told}")
    if seconds is not None and seconds < 1:
        told = f"sinceSeconds: Invalid value: {seconds}: must be greater than 0"
        raise errors.ApiError(422, "Invalid", f"{_LOG_OPTIONS}: {told}")
    if seconds is not None:
        return max(int((now - seconds) * 1e9), 1)
    try:
        return int(dt.datetime.fromisoformat(time).timestamp() * 1e9) if time else 0
    except ValueError as problem:
        raise errors.bad_request(f'parsing time "{time}": {problem}; as 2026-01-31T12:00:00Z') from problem


def from_now_on(
    pod: Object, container: str, folder: Path, runs: Callable[[], Mapping[str, object]]
) -> AsyncGenerator[bytes, None]:
    """What a container writes from this moment on, until it ends. `ApiError` 400 for one that does not run."""
    identity = _identity(pod, _container(pod, container), is_previous=False)
    if identity not in runs():
        raise errors.bad_request(f"cannot attach a container in a completed pod; current phase is {_phase(pod)}")
    file = folder / f"{identity}.log"
    return _follow(file, file.stat().st_size if file.exists() else 0, lambda: identity in runs())


def _phase(pod: Object) -> str:
    return str(objects.status(pod).get("phase"))


def _container(pod: Object, name: str) -> str:
    spec = objects.spec(pod)
    known = [each["name"] for field in ("containers", "initContainers") for each in spec.get(field) or ()]
    if not name and len(spec.get("containers") or ()) == 1:
        return str(known[0])
    if not name:
        told = f"a container name must be specified for pod {objects.name(pod)}, choose one of: [{' '.join(known)}]"
        raise errors.bad_request(told)
    if name not in known:
        raise errors.bad_request(f"container {name} is not valid for pod {objects.name(pod)}")
    return name


def _identity(pod: Object, container: str, *, is_previous: bool) -> str:
    """The id of the process whose log it is."""
    status = objects.status(pod)
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    found: Mapping[str, Any] = next((each for each in every if each["name"] == container), {})
    last = ((found.get("lastState") or {}).get("terminated") or {}).get("containerID", "")
    now = found.get("containerID") or last
    if is_previous and not last:
        raise errors.bad_request(f'previous terminated container "{container}" in pod "{objects.name(pod)}" not found')
    if not now:
        waiting = (found.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason") or "ContainerCreating"
        why = "trying and failing to pull image" if "Image" in reason else f"waiting to start: {reason}"
        raise errors.bad_request(f'container "{container}" in pod "{objects.name(pod)}" is {why}')
    return str(last if is_previous else now).removeprefix(_PREFIX)


def _start(file: Path, lines: int | None, until: int | None = None) -> int:
    """Where the last `lines` lines begin of the log, or of its first `until` bytes; 0 for all of them."""
    if lines is None or lines < 0 or not file.exists():
        return 0
    with file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        until = size if until is None else min(size, until)
        if lines == 0:
            return until
        at = until
        found = 0
        while at > 0:
            step = min(_PART, at)
            at -= step
            log.seek(at)
            part = log.read(step)
            if at + step == until and part.endswith(b"\n"):
                found -= 1
            place = len(part)
            while (place := part.rfind(b"\n", 0, place)) >= 0:
                found += 1
                if found == lines:
                    return at + place + 1
    return 0


def _read(file: Path, start: int, limit: int | None) -> bytes:
    if not file.exists():
        return b""
    with file.open("rb") as log:
        log.seek(start)
        return log.read(-1 if limit is None else max(limit, 0))


async def _follow(file: Path, start: int, is_running: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    at = start
    while True:
        runs = is_running()  # asked before reading: what it wrote last is read afterwards
        while part := _read(file, at, _PART):
            at += len(part)
            yield part
        if not runs:
            return
        await asyncio.sleep(_LOOK_S)


async def _limited(parts: AsyncGenerator[bytes, None], limit: int | None) -> AsyncGenerator[bytes, None]:
    """No more bytes than the limit."""
    left = limit
    try:
        async for part in parts:
            yield part if left is None else part[:left]
            left = None if left is None else left - len(part)
            if left is not None and left <= 0:
                return
    finally:
        await parts.aclose()


async def _nothing() -> AsyncGenerator[bytes, None]:
    """The log of one that has written none."""
    return
    yield b""


async def _timed(file: Path, times: Times, is_running: Callable[[], bool], wish: _Wish) -> AsyncGenerator[bytes, None]:
    """Lines that are complete, or will not be; the others have no time yet."""
    whole = times.known if not is_running() else _whole(file, times.known)
    at = max(_start(file, wish.lines, whole), _start(file, 1, times.since(wish.since)))
    lines = _Lines(times, wish, at)
    while True:
        runs = is_running()  # asked before reading, as above
        times.refresh()
        while part := _read(file, lines.at, min(_PART, times.known - lines.at)):
            yield lines.told(part)
            await asyncio.sleep(0)  # a long log is not read at one go
        if not runs:
            yield lines.rest()
        if not runs or not wish.goes_on:
            return
        await asyncio.sleep(_LOOK_S)


def _whole(file: Path, until: int) -> int:
    """Where the last line ends that is complete."""
    with file.open("rb") as log:
        log.seek(max(until - 1, 0))
        is_whole = log.read(1) in (b"", b"\n")
    return until if is_whole else _start(file, 1, until)


class _Lines:
    """Makes of the parts of a log, from `at` on, what is told: whole lines of the time that is asked for."""

    def __init__(self, times: Times, wish: _Wish, at: int) -> None:
        self.at = at
        self._times = times
        self._wish = wish
        self._open = b""
        self._is_continued = False
        self._second = (-1, "")

    def told(self, part: bytes) -> bytes:
        begin = self.at - len(self._open)
        *whole, self._open = (self._open + part).split(b"\n")
        self.at += len(part)
        found: list[bytes] = []
        for line in whole:
            begin += len(line) + 1
            found.append(self._line(line + b"\n", begin - 1))
            self._is_continued = False
        if len(self._open) > _LONGEST:
            found.append(self.rest())
        return b"".join(found)

    def rest(self) -> bytes:
        """What there is of a line without an end."""
        line, self._open = self._open, b""
        if not line:
            return b""
        told = self._line(line, self.at - 1)
        self._is_continued = True
        return told

    def _line(self, line: bytes, end: int) -> bytes:
        at = self._times.of(end)
        if at < self._wish.since:
            return b""
        return line if self._is_continued or not self._wish.has_times else self._stamp(at) + line

    def _stamp(self, at: int) -> bytes:
        """RFC 3339 with all nine digits, as kubectl has it."""
        second, part = divmod(at, 1_000_000_000)
        if self._second[0] != second:
            self._second = second, dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second[1]}.{part:09d}Z ".encode()

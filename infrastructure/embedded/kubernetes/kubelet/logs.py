"""A container's log: what its process wrote, as it is, as far as asked, and on while it runs.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (read log)
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.kubernetes.api.places import Query
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Object

_PART = 64 << 10
_LOOK_S = 0.05
"""How often a log that is followed is looked at: the kernel has no event for a file that grows, but for inotify."""
_PREFIX = "cloudcafe://"
_NO_TIMES = ("sinceSeconds", "sinceTime", "timestamps")


def log_of(pod: Object, query: Query, folder: Path, runs: Callable[[], Mapping[str, object]]) -> Answer:
    """The log of one of the pod's containers; `runs` has the processes that run, by id."""
    for name in _NO_TIMES:
        if name in query.given and query.text(name) not in ("", "false"):
            raise errors.bad_request(f"{name}: a process' log has no times of its lines here; use tailLines")
    container = _container(pod, query.text("container"))
    identity = _identity(pod, container, is_previous=query.flag("previous"))
    file = folder / f"{identity}.log"
    headers = {"content-type": "text/plain"}
    start = _start(file, query.number("tailLines"))
    if not query.flag("follow"):
        limit = query.number("limitBytes")
        return Answer(status=200, headers=headers, body=_read(file, start, limit))
    return Answer(status=200, headers=headers, stream=_follow(file, start, lambda: identity in runs()))


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


def _start(file: Path, lines: int | None) -> int:
    """Where the last `lines` lines begin; 0 for all of them."""
    if lines is None or lines < 0 or not file.exists():
        return 0
    if lines == 0:
        return file.stat().st_size
    with file.open("rb") as log:
        at = log.seek(0, os.SEEK_END)
        found = 0
        while at > 0:
            step = min(_PART, at)
            at -= step
            log.seek(at)
            part = log.read(step)
            if at + step == file.stat().st_size and part.endswith(b"\n"):
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

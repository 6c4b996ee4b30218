"""Ends a run by DELETE and watches until no work is left anywhere: in no task, and in no process of this machine."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import psutil

from infrastructure.errors import EnvironmentFault
from infrastructure.status import PlatformStatus

LIMIT_S = 5.0
"""How long the end is waited for before it is given up."""
_LOOK_S = 0.02
_SILENT_S = 3.0
"""A task that has said nothing for so long when the run is ended is gone: they report every second."""


class Api(Protocol):
    """What is needed of the operators' endpoints."""

    def stop(self) -> None: ...
    def state(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Seconds from sending DELETE until no work was left, infinite where some was at the end; what that was."""

    took_s: float
    left: tuple[str, ...] = ()


Left = Callable[[], tuple[str, ...]]
"""What work is left, each in a few words."""


def stop(api: Api, on_machine: Left) -> Stop:
    """Send DELETE and wait for the end of all work, `LIMIT_S` at most. It is sent once: a second one could mend it."""
    began, unix = time.monotonic(), time.time()
    api.stop()
    while left := (*_in_tasks(api, unix), *on_machine()):
        if time.monotonic() - began > LIMIT_S:
            return Stop(took_s=math.inf, left=left)
        threading.Event().wait(_LOOK_S)
    return Stop(took_s=time.monotonic() - began)


def _in_tasks(api: Api, ended: float) -> tuple[str, ...]:
    """By what the tasks themselves report."""
    try:
        tasks = api.state().get("tasks", ())
    except EnvironmentFault as fault:
        return (f"the service does not say: {fault}",)
    return tuple(
        f"task {task['task']} is {task['state']} with {task['workers']} processes"
        for task in tasks
        if (task["workers"] or task["state"] in ("starting", "running")) and task["at"] > ended - _SILENT_S
    )


def on_this_machine(status: PlatformStatus, work: str) -> Left:
    """Finds processes of the platform that do `work` (see services.catalog); on AWS there are none here to find."""

    def left() -> tuple[str, ...]:
        if status.pid is None:
            return ()
        found = psutil.Process(status.pid).children(recursive=True)
        return tuple(f"process {process.pid} works" for process in found if work in _command(process))

    return left


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []

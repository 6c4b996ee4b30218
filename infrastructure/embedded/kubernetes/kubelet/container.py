"""One container of a pod: its process, run after run.

    waiting ──start──▶ running ──ends──▶ terminated ──restart policy──▶ waiting (CrashLoopBackOff, ever longer)
       ▲ image or configuration not to be had: ErrImagePull, CreateContainerConfigError; tried again

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.control.background import end
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft

_FIRST_BACKOFF_S, _MOST_BACKOFF_S = 10.0, 300.0
_SIGNALLED = 128
CREATING = ("ContainerCreating", "")
INITIALISING = ("PodInitializing", "")


@dataclass(slots=True, eq=False)
class Container:
    """Where a container of a pod is; `spec` is the pod's. `waiting` is reason and message while it has no process."""

    spec: Mapping[str, Any]
    waiting: tuple[str, str] = CREATING
    process: Process | None = None
    started_at: float = 0.0
    restarts: int = 0
    ended: Draft | None = None
    last: Draft | None = None
    is_started: bool = False
    is_ready: bool = False
    is_unfit: bool = False
    """Its liveness or startup probe failed: it is being ended, and comes again."""
    retry_at: float = 0.0
    backoff_s: float = 0.0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.state != "exited"

    @property
    def succeeded(self) -> bool:
        return self.ended is not None and self.ended["exitCode"] == 0

    def began(self, process: Process, at: float) -> None:
        self.process, self.started_at, self.ended = process, at, None
        self.is_started = "startupProbe" not in self.spec
        self.is_ready = self.is_started and "readinessProbe" not in self.spec
        self.is_unfit = False

    def note_end(self, at: float) -> bool:
        """Write down that the process has ended; whether that is news."""
        process = self.process
        if process is None or process.state != "exited":
            return False
        code = process.returncode or 0
        told: Draft = {"exitCode": code if code >= 0 else _SIGNALLED - code}
        told["reason"] = "Completed" if code == 0 else "Error"
        times = {"startedAt": objects.stamp(self.started_at), "finishedAt": objects.stamp(at)}
        self.ended = {**told, **times, "containerID": container_id(process)}
        self.process, self.is_started, self.is_ready = None, False, False
        self.stop_probes()
        return True

    def back_off(self, at: float, scale: float) -> None:
        """Let it wait before it comes again: not at all the first time, then 10 s, 20 s, up to 5 min, by the clock of
        `scale`; one that ran for twice the longest wait begins anew.
        """
        if at - self.started_at > 2 * _MOST_BACKOFF_S * scale:
            self.backoff_s = 0.0
        self.retry_at = at + self.backoff_s
        self.backoff_s = self._longer(scale)
        self.last, self.restarts = self.ended, self.restarts + 1

    def hold_off(self, at: float, scale: float) -> None:
        """Let it wait before it is tried again, as it could not start: 10 s, 20 s, up to 5 min, by the same clock."""
        self.backoff_s = self._longer(scale)
        self.retry_at = at + self.backoff_s

    def _longer(self, scale: float) -> float:
        return min(max(self.backoff_s * 2, _FIRST_BACKOFF_S * scale), _MOST_BACKOFF_S * scale)

    def stop_probes(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def close(self) -> None:
        await end(*self.tasks)
        self.tasks.clear()

    def status(self, *, is_init: bool = False) -> Draft:
        """As the pod's status has it; every member that a client must find is there."""
        image = str(self.spec["image"])
        made: Draft = {
            "name": self.name,
            "state": self._state(),
            "lastState": {"terminated": self.last} if self.last else {},
            "ready": self.succeeded if is_init else self.is_ready,
            "restartCount": self.restarts,
            "image": image,
            "imageID": f"cloudcafe://{image}" if self.process is not None or self.ended else "",
            "started": self.is_started,
        }
        if self.process is not None:
            made["containerID"] = container_id(self.process)
        elif self.ended:
            made["containerID"] = self.ended["containerID"]
        return made

    def _state(self) -> Draft:
        if self.process is not None:
            return {"running": {"startedAt": objects.stamp(self.started_at)}}
        if self.ended is not None and self.waiting[0] in ("", CREATING[0]):
            return {"terminated": self.ended}
        reason, message = self.waiting
        return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def container_id(process: Process) -> str:
    """What a status calls the run of a process."""
    return f"cloudcafe://{process.spec.id}"

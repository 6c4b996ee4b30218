"""Every process of the embedded cloud belongs to the supervisor, and dies with it.

    pytest / cafe ── owns ──▶ daemon: control plane, controllers and this supervisor on one event loop, one thread
                                ├── guard     watches the daemon; when it dies, ends whatever still carries the marker
                                ├── envoy     exec'd through launcher.py
                                ├── redis …   exec'd through launcher.py
                                └── zygote    services.chassis.zygote: imports everything once
                                      ├── task   forked in milliseconds, one per ECS task
                                      └── task …

Two nets, each enough by itself in the common case: the kernel sends SIGKILL to each child when its parent dies
(PR_SET_PDEATHSIG, set by the child before it does anything else), and the guard ends what that misses, which is what a
child has forked in turn. A third, `residue.clean`, runs at the next start for the day both were killed as well.

A death is an event: a pidfd becomes readable, or the zygote reports it. Nothing is polled.
"""

from collections.abc import Callable, Mapping

from infrastructure.embedded.logfile import tail
from infrastructure.embedded.process import Process, ProcessSpec, ProcessState
from infrastructure.embedded.proctree import Usage
from infrastructure.state import StateFolder

__all__ = ["Process", "ProcessSpec", "ProcessState", "Supervisor", "Usage"]


class Supervisor:
    """Starts, watches and ends child processes. Lives on one event loop and one thread, which must outlive it."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._processes: dict[str, Process] = {}
        self._callbacks: list[Callable[[Process], None]] = []

    @property
    def processes(self) -> Mapping[str, Process]:
        """The living processes by id; an ended one is gone from here before its `on_exit` callbacks run."""
        return self._processes

    def on_exit(self, callback: Callable[[Process], None]) -> None:
        """Call `callback` on the loop for every process that ends, whyever it does."""
        self._callbacks.append(callback)

    async def start(self, spec: ProcessSpec) -> Process:
        """The running process. `EnvironmentFault` when the program is missing or the system refuses to start it."""
        raise RuntimeError(f"{spec.id} cannot start yet")

    def tail(self, process_id: str, lines: int = 20) -> tuple[str, ...]:
        """The last `lines` lines of the log of a living or ended process."""
        return tail(self._state.logs / f"{process_id}.log", lines)

    async def close(self) -> None:
        """Kill what is left, at once, and wait for its end. Idempotent."""

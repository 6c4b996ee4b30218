"""The worker processes of one task, and the CPU seconds they use."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from typing import Final

from services.chassis.background import cancel

READY_S: Final = 5.0


class WorkersFailed(Exception):
    """The workers did not come up."""


class Workers:
    """`count` processes of `entry` (`module:function`, see worker.py). Always `close` it; `close` leaves no process."""

    def __init__(self, entry: str, count: int) -> None:
        self._entry = entry
        self.count = count
        self._processes: list[Process] = []
        self._readers: list[asyncio.Task[None]] = []
        self._done: dict[int, int] = {}

    async def start(self) -> None:
        """Start all and wait until they work."""
        try:
            async with asyncio.timeout(READY_S):
                for _ in range(self.count):
                    await self._spawn()
        except (OSError, TimeoutError, ValueError) as error:
            await self.close()
            raise WorkersFailed(f"the workers of {self._entry} did not start: {error!r}") from error

    async def _spawn(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.chassis.stress.worker",
            self._entry,
            str(os.getpid()),
            stdin=PIPE,
            stdout=PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        )
        self._processes.append(process)
        self._done[process.pid] = await self._read_count(process)
        self._readers.append(asyncio.create_task(self._read(process)))

    async def _read_count(self, process: Process) -> int:
        if process.stdout is None:
            raise WorkersFailed("a worker has no output")
        return int(await process.stdout.readline())

    async def _read(self, process: Process) -> None:
        while process.stdout is not None and (line := await process.stdout.readline()):
            self._done[process.pid] = int(line)

    @property
    def done(self) -> int:
        """Units of work done so far, as last reported."""
        return sum(self._done.values())

    @property
    def alive(self) -> int:
        """Processes that have not ended."""
        return sum(process.returncode is None for process in self._processes)

    def work(self, duty: float) -> None:
        """Set every worker's duty (0..1)."""
        for process in self._processes:
            if process.stdin is not None and process.returncode is None:
                process.stdin.write(b"%.4f\n" % duty)

    def cpu_s(self) -> float:
        """CPU seconds used so far by the workers, their start included, exact to the nanosecond."""
        return sum(cpu_of(process.pid) for process in self._processes if process.returncode is None)

    async def close(self) -> None:
        """Kill the workers (they hold nothing) and wait until they are gone."""
        for process in self._processes:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*(process.wait() for process in self._processes))
        await cancel(*self._readers)


def cpu_of(pid: int) -> float:
    """CPU seconds of another process, 0 when it is gone.

    The kernel's clock of a process (clock_getcpuclockid(3)) counts nanoseconds; /proc counts ticks of 10 ms, which is
    8 % of what half a core does in a quarter of a second.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0

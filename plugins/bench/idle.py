"""What a platform costs that nobody uses: the memory and the CPU of all its processes."""

import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

import psutil

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault

PERIOD_S = 20.0
"""Of one sample of the CPU: longer than whatever the platform does once in a while."""


class IdlePlatformRss:
    """Sum of RSS over the daemon and all its descendants; forked tasks share pages, so the true use is lower."""

    name: ClassVar[str] = "idle_platform_rss"
    unit: ClassVar[str] = "MB"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        pid = platform.status().pid
        for _ in range(repeats):
            yield sum(process.memory_info().rss for process in _processes(pid)) / 1e6


class IdlePlatformCpu:
    """CPU time that the daemon and all its descendants take, in hundredths of one core."""

    name: ClassVar[str] = "idle_platform_cpu"
    unit: ClassVar[str] = "%"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        pid = platform.status().pid
        for _ in range(repeats):
            before, began = _used(pid), time.monotonic()
            time.sleep(PERIOD_S)
            after, lasted_s = _used(pid), time.monotonic() - began
            yield 100 * cpu_between(before, after) / lasted_s


def cpu_between(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Seconds of CPU, of what each process (by id) had taken; `EnvironmentFault` where one has ended in between."""
    if gone := before.keys() - after.keys():
        raise EnvironmentFault(f"the platform is not idle: {len(gone)} of its processes have ended meanwhile")
    return sum(used - before.get(pid, 0.0) for pid, used in after.items())


def _used(pid: int | None) -> dict[int, float]:
    """Seconds of CPU that each process has taken so far, with what children did that have ended."""
    return {process.pid: sum(process.cpu_times()[:4]) for process in _processes(pid)}


def _processes(pid: int | None) -> list[psutil.Process]:
    daemon = psutil.Process(pid)
    return [daemon, *daemon.children(recursive=True)]

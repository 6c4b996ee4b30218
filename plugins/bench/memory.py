"""Memory of the whole idle platform: the resident sets of every process, shared pages counted in each."""

from collections.abc import Iterator
from typing import ClassVar

import psutil

from infrastructure.cloud import Platform


class IdlePlatformRss:
    """Sum of RSS over the daemon and all its descendants; forked tasks share pages, so the true use is lower."""

    name: ClassVar[str] = "idle_platform_rss"
    unit: ClassVar[str] = "MB"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        pid = platform.status().pid
        for _ in range(repeats):
            daemon = psutil.Process(pid)
            processes = [daemon, *daemon.children(recursive=True)]
            yield sum(process.memory_info().rss for process in processes) / 1e6

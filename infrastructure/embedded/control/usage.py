"""How much of its allotment a process used between two readings: what CPU metrics of every kind are made of."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from infrastructure.embedded.host.proctree import Usage


class Measured(Protocol):
    """A process that can be asked what it has used. `started_at` is in Unix seconds."""

    started_at: float

    def usage(self) -> Usage: ...


Owner = TypeVar("Owner")


@dataclass(slots=True)
class CpuReadings(Generic[Owner]):
    """Remembers each process's CPU seconds from one reading to the next."""

    _seen: dict[Measured, float] = field(default_factory=dict)

    def read(self, running: Iterable[tuple[Owner, Measured]], elapsed_s: float) -> Iterator[tuple[Owner, float, Usage]]:
        """Each owner with the cores its process used in the last `elapsed_s` seconds, and all it uses now.

        One that started since is measured from its start; one that started this very moment is left out.
        """
        before, self._seen = self._seen, {}
        for owner, process in running:
            usage = process.usage()
            self._seen[process] = usage.cpu_s
            span = elapsed_s if process in before else min(elapsed_s, time.time() - process.started_at)
            if span > 0:
                yield owner, max(usage.cpu_s - before.get(process, 0.0), 0.0) / span, usage

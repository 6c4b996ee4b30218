"""The hourly recalculation by hand: `python -m services.loyalty.batch FOLDER`, all customers, in parallel processes.

Prints one JSON line: customers a round, seconds of each round, a checksum of the results, and the most memory it had.
The customers lie in FOLDER, where they are drawn if they do not yet; that is not part of the time.
"""

import argparse
import json
import mmap
import multiprocessing
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.loyalty.customers import BLOCK, COUNT, Population
from services.loyalty.recalculation import Recalculated, Recalculation

_AT_ONCE: Final = 2
"""Blocks that a process takes of those that are left."""
_WEIGHTS: Final = 65_521
_FORK: Final = multiprocessing.get_context("fork")  # nothing runs beside it yet, and the results are to be shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What came of it. `peak_bytes` adds up the processes' resident sets, what they share counted in each."""

    customers: int
    seconds: tuple[float, ...]
    checksum: str
    peak_bytes: int

    def __str__(self) -> str:
        return json.dumps(
            {
                "customers": self.customers,
                "seconds": self.seconds,
                "checksum": self.checksum,
                "peak_bytes": self.peak_bytes,
            }
        )


def run(population: Population, *, rounds: int, processes: int) -> Batch:
    """Recalculate everybody `rounds` times; `RuntimeError` when a process died of it."""
    for number in range(population.blocks):
        population.block(number)
    results = _shared(population.count)
    crew = _Crew(population, results, processes)
    try:
        seconds = tuple(crew.round() for _ in range(rounds))
    finally:
        crew.end()
    return Batch(
        customers=population.count,
        seconds=seconds,
        checksum=checksum(results),
        peak_bytes=_peak_bytes() + crew.peak_bytes,
    )


class _Crew:
    """The processes. In a round whoever is free takes the next blocks; who finds none says how much memory it had."""

    def __init__(self, population: Population, results: Recalculated, processes: int) -> None:
        self._population = population
        self._results = results
        self._next = _FORK.Value("q", 0)
        self.peak_bytes = 0
        self._members: list[tuple[ForkProcess, Connection]] = []
        for _ in range(processes):
            ours, theirs = _FORK.Pipe()
            member = _FORK.Process(target=self._work, args=(theirs,), daemon=True)
            member.start()
            self._members.append((member, ours))

    def round(self) -> float:
        """Seconds it took all of them to do everybody once; `RuntimeError` if one died."""
        self._next.value = 0
        started = time.perf_counter()
        for _, line in self._members:
            line.send(True)
        peaks = [self._answer(member, line) for member, line in self._members]
        took = time.perf_counter() - started
        self.peak_bytes = sum(peaks)
        return took

    @staticmethod
    def _answer(member: ForkProcess, line: Connection) -> int:
        """What it says, unless it dies: its end of the line is others' too, so its death need not close it."""
        wait((line, member.sentinel))
        try:
            if line.poll():
                return int(line.recv())
        except EOFError:
            pass
        member.join()
        raise RuntimeError(f"a process of the batch ended with exit code {member.exitcode}")

    def end(self) -> None:
        """No process is left."""
        for member, _ in self._members:
            member.kill()
            member.join()

    def _work(self, line: Connection) -> None:
        work = Recalculation(BLOCK)
        while line.recv():
            for block in self._blocks():
                place = slice(block * BLOCK, min((block + 1) * BLOCK, self._population.count))
                work.recalculate(self._population.block(block), self._results.part(place))
            line.send(_peak_bytes())

    def _blocks(self) -> Iterator[int]:
        while True:
            with self._next.get_lock():
                first = self._next.value
                self._next.value = first + _AT_ONCE
            if first >= self._population.blocks:
                return
            yield from range(first, min(first + _AT_ONCE, self._population.blocks))


def checksum(results: Recalculated) -> str:
    """Of points, tiers and scores: each times a weight of its place, added up modulo 2^64, in hexadecimal digits."""
    sums = []
    for column in (results.points, results.tiers, results.fraud):
        total = 0
        for start in range(0, len(column), BLOCK):
            part = column[start : start + BLOCK].astype(np.uint64)
            weights = np.arange(start, start + len(part), dtype=np.uint64) % _WEIGHTS + 1
            total += int((part * weights).sum())
        sums.append(f"{total % 2**64:016x}")
    return "-".join(sums)


def _shared(count: int) -> Recalculated:
    """Columns that the processes made later share with this one."""

    def column(kind: "np.dtype[Any]") -> NDArray[Any]:
        return np.frombuffer(mmap.mmap(-1, count * kind.itemsize), dtype=kind)

    return Recalculated(
        points=column(np.dtype(np.uint32)), tiers=column(np.dtype(np.uint8)), fraud=column(np.dtype(np.uint16))
    )


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m services.loyalty.batch", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=COUNT, help="customers (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    if min(given.count, given.rounds, given.processes) < 1:
        parser.error("--count, --rounds and --processes are at least 1")
    batch = run(Population(given.folder, given.count), rounds=given.rounds, processes=given.processes)
    print(batch)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()

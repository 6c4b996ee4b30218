"""Ten million customers for the hourly recalculation, drawn by a seed into files that all processes map.

A block is drawn when it is first worked on, by whoever comes first: it is the same bytes whoever that is, so nobody
waits, neither for a lock nor for ten million draws before the first of them counts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

COUNT: Final = 10_000_000
SEED: Final = 1_000_003
MOST_EARNED: Final = 2_000_000
BLOCK: Final = 1 << 16
"""Customers that are worked on at a time: what a core's cache holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Columns of one length. `earned`: points ever; `visits`: of the last hour; `idle_hours`: since the last order."""

    earned: NDArray[np.int32]
    visits: NDArray[np.uint8]
    idle_hours: NDArray[np.uint8]

    @property
    def count(self) -> int:
        return len(self.earned)


def draw(number: int, count: int, seed: int) -> Customers:
    """The customers of block `number`."""
    random = np.random.default_rng((seed, number))
    return Customers(
        earned=(random.pareto(1.2, count) * 400).clip(0, MOST_EARNED).astype(np.int32),
        visits=random.poisson(0.4, count).astype(np.uint8),
        idle_hours=random.integers(0, 240, count, dtype=np.uint8),
    )


class Population:
    """All customers, in `folder`: 6 bytes each, once they are drawn."""

    def __init__(self, folder: Path, count: int = COUNT, seed: int = SEED) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.count = count
        self.blocks = -(-count // BLOCK)
        self._seed = seed
        stem = f"{seed}-{count}"
        self._columns = Customers(
            earned=_mapped(folder / f"earned-{stem}", np.dtype(np.int32), count),
            visits=_mapped(folder / f"visits-{stem}", np.dtype(np.uint8), count),
            idle_hours=_mapped(folder / f"idle-{stem}", np.dtype(np.uint8), count),
        )
        self._drawn: NDArray[np.uint8] = _mapped(folder / f"drawn-{stem}", np.dtype(np.uint8), self.blocks)

    def block(self, number: int) -> Customers:
        """The block of that number; they go round."""
        number %= self.blocks
        part = slice(number * BLOCK, min((number + 1) * BLOCK, self.count))
        all_of = self._columns
        found = Customers(earned=all_of.earned[part], visits=all_of.visits[part], idle_hours=all_of.idle_hours[part])
        if not self._drawn[number]:
            made = draw(number, found.count, self._seed)
            found.earned[:], found.visits[:], found.idle_hours[:] = made.earned, made.visits, made.idle_hours
            self._drawn[number] = 1  # last: a block that is half written is drawn once more
        return found


def _mapped(file: Path, kind: "np.dtype[Any]", count: int) -> NDArray[Any]:
    """The file as an array; one that is not there yet is zeros, and takes no room before it is written."""
    with file.open("ab") as made:
        if made.tell() != count * kind.itemsize:
            made.truncate(count * kind.itemsize)
    return np.asarray(np.memmap(file, dtype=kind, mode="r+", shape=(count,)))  # plain: each step is quicker

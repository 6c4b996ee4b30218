"""Ten million customers for the hourly recalculation, drawn by a seed into files that all processes map.

A file for each column, made once and put in place whole: whoever comes second finds it, or the same bytes being made.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

COUNT: Final = 10_000_000
SEED: Final = 1_000_003
BLOCK: Final = 1 << 16
"""Customers that are worked on at a time: what a core's cache holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Columns of one length. `earned`: points ever; `visits`: of the last hour; `idle_hours`: since the last order."""

    earned: NDArray[np.int32]
    visits: NDArray[np.uint8]
    idle_hours: NDArray[np.uint8]

    def block(self, number: int) -> "Customers":
        """The block of that number; they go round."""
        blocks = -(-len(self.earned) // BLOCK)
        start = number % blocks * BLOCK
        part = slice(start, start + BLOCK)
        return Customers(earned=self.earned[part], visits=self.visits[part], idle_hours=self.idle_hours[part])

    @property
    def count(self) -> int:
        return len(self.earned)


def mapped(folder: Path, count: int = COUNT, seed: int = SEED) -> Customers:
    """The customers in `folder`, drawn if they are not there yet; read-only, 6 bytes each."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    columns = {name: folder / f"{name}-{seed}-{count}.npy" for name in ("earned", "visits", "idle_hours")}
    if not all(file.exists() for file in columns.values()):
        _draw(columns, count, seed)
    loaded = {name: np.load(file, mmap_mode="r") for name, file in columns.items()}
    return Customers(**loaded)


def _draw(columns: dict[str, Path], count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn: dict[str, NDArray[np.generic]] = {
        "earned": (random.pareto(1.2, count).astype(np.float32) * 400).clip(0, 2_000_000).astype(np.int32),
        "visits": random.poisson(0.4, count).astype(np.uint8),
        "idle_hours": random.integers(0, 240, count, dtype=np.uint8),
    }
    for name, file in columns.items():
        _put(file, drawn.pop(name))


def _put(file: Path, column: NDArray[np.generic]) -> None:
    descriptor, unfinished = tempfile.mkstemp(dir=file.parent, suffix=".npy")
    with os.fdopen(descriptor, "wb") as made:
        np.save(made, column)
    Path(unfinished).replace(file)

"""The work of Batch Calculation: the hourly recalculation of all customers' points, block by block."""

import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from services.loyalty.customers import Population
from services.loyalty.recalculation import recalculate


def batch() -> Callable[[], int]:
    """The work: each call recalculates one block of 65,536 customers, and gives how many; 2 to 4 ms.

    Raises `RuntimeError` where the results cannot be right: work whose result nobody checks is an empty loop.
    """
    population = Population(Path(os.environ.get("HOME") or tempfile.gettempdir()) / "customers")
    numbers = itertools.count(os.getpid())  # processes begin at different blocks

    def one() -> int:
        block = population.block(next(numbers))
        result = recalculate(block)
        if result.points.min() < 0 or not (0 <= result.fraud.min() <= result.fraud.max() < 10_000):
            raise RuntimeError("a recalculated block is not as the rules say")
        return block.count

    return one

"""What the hourly recalculation does with a block of customers: tier multipliers, fraud scores, Fibonacci decay. Pure.

Integers throughout, so that every order of the work gives the same numbers.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.loyalty.customers import Customers
from services.loyalty.domain import TIERS

CENTS_A_VISIT: Final = 650
FRAUD_AT: Final = 8_000
"""Scores from here on are looked at by a person."""


def fibonacci(count: int) -> list[int]:
    """The first `count` Fibonacci numbers, from 1, 2 on."""
    numbers = [1, 2]
    while len(numbers) < count:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:count]


_STEPS: Final = np.array(fibonacci(12), dtype=np.uint8)
"""A customer who stays away loses a part each time another Fibonacci number of hours has passed: 1, 2, 3, 5 … 233."""
_KEPT: Final = np.array([1000 - 15 * step for step in range(len(_STEPS) + 1)], dtype=np.int64)
"""Thousandths of the points that are left after so many steps."""
_DECAY: Final = _KEPT[np.searchsorted(_STEPS, np.arange(256), side="right")]
"""The same, by hours of absence."""
_LEAST: Final = np.array([tier.least for tier in TIERS], dtype=np.int32)
_PERCENT: Final = np.array([tier.percent for tier in TIERS], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalculated:
    """A block's result: points after the hour, tiers by number, fraud scores from 0 to 9999."""

    points: NDArray[np.int64]
    tiers: NDArray[np.intp]
    fraud: NDArray[np.int64]


def recalculate(block: Customers) -> Recalculated:
    """Every customer of the block."""
    tiers = np.searchsorted(_LEAST, block.earned, side="right") - 1
    gained = block.visits.astype(np.int64) * CENTS_A_VISIT * _PERCENT[tiers] // 10_000
    points = block.earned * _DECAY[block.idle_hours] // 1000 + gained
    return Recalculated(points=points, tiers=tiers, fraud=fraud_scores(block, points))


def fraud_scores(block: Customers, points: NDArray[np.int64]) -> NDArray[np.int64]:
    """Many visits, much gained in an hour, and right after a long absence: a multiplicative hash breaks the ties."""
    visits = block.visits.astype(np.int64)
    burst = np.minimum(visits**3 * 40, 6_000)
    absence = np.where(visits > 0, block.idle_hours.astype(np.int64) * 12, 0)
    noise = (points * 2_654_435_761 & 0xFFFF_FFFF) >> 22
    scores: NDArray[np.int64] = np.minimum(burst + absence + noise, 9_999)
    return scores

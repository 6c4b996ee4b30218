"""What the hourly recalculation does with a block of customers: tier multipliers, fraud scores, Fibonacci decay. Pure.

Integers throughout, so that every order of the work gives the same numbers. Each column is as narrow as its greatest
number allows, tables are sums of comparisons, and every step writes where the step before it did: that keeps the vector
units busy and the block in a core's cache. The tests and `plugins/bench` hold it against slow readings of the rules.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.loyalty.customers import Customers
from services.loyalty.domain import CENTS_PER_POINT, TIERS

CENTS_A_VISIT: Final = 650
FRAUD_BELOW: Final = 10_000
FRAUD_AT: Final = 8_000
"""Scores from here on are looked at by a person."""


def fibonacci(count: int) -> list[int]:
    """The first `count` Fibonacci numbers, from 1, 2 on."""
    numbers = [1, 2]
    while len(numbers) < count:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:count]


_STEPS: Final = fibonacci(12)
"""A customer who stays away loses a part each time another Fibonacci number of hours has passed: 1, 2, 3, 5 … 233."""
_LOST_A_STEP: Final = Fraction(15, 1000)
_UNIT: Final = gcd(*(tier.percent for tier in TIERS))
_UNITS: Final = [tier.percent // _UNIT for tier in TIERS]
"""The tiers' multipliers as small whole numbers of `_UNIT` percent."""
_A_VISIT: Final = Fraction(CENTS_A_VISIT * _UNIT, 100 * CENTS_PER_POINT)
"""Points that a visit and a unit of the multiplier gain."""
_BURST: Final = 40
_MOST_BURST: Final = 6_000
_ABSENCE: Final = 12
_MIX: Final = np.uint32(2_654_435_761)
"""Knuth's multiplicative hash, modulo 2^32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalculated:
    """A block's result: points after the hour, tiers by number, fraud scores from 0 to 9999."""

    points: NDArray[np.uint32]
    tiers: NDArray[np.uint8]
    fraud: NDArray[np.uint16]

    @classmethod
    def room_for(cls, count: int) -> "Recalculated":
        """Columns of `count` customers, to be written."""
        return cls(points=np.empty(count, np.uint32), tiers=np.empty(count, np.uint8), fraud=np.empty(count, np.uint16))

    def part(self, place: slice) -> "Recalculated":
        """Some of the customers, in the same memory."""
        return Recalculated(points=self.points[place], tiers=self.tiers[place], fraud=self.fraud[place])


class Recalculation:
    """The work, on blocks of up to `size` customers: what lies between its steps is in memory of its own."""

    def __init__(self, size: int) -> None:
        self._bytes = (np.empty(size, np.uint8), np.empty(size, np.uint8))
        self._flags = np.empty(size, np.bool_)
        self._words = np.empty(size, np.uint16)
        self._longs = np.empty(size, np.uint32)

    def recalculate(self, block: Customers, into: Recalculated) -> None:
        """Every customer of `block`, whose columns are as long as those of `into`.

        Exact for up to `customers.MOST_EARNED` points, 255 visits and 255 hours.
        """
        self._rank(block, into)
        self._gain_and_decay(block, into)
        self._suspect(block, into)

    def _rank(self, block: Customers, into: Recalculated) -> None:
        """The tier, and in the first bytes its multiplier: each bound that is reached adds to both."""
        count = block.count
        units, more, is_reached = self._bytes[0][:count], self._bytes[1][:count], self._flags[:count]
        into.tiers[:] = 0
        units[:] = _UNITS[0]
        for tier, below, above in zip(TIERS[1:], _UNITS, _UNITS[1:], strict=False):
            np.greater_equal(block.earned, tier.least, out=is_reached)
            np.add(into.tiers, is_reached.view(np.uint8), out=into.tiers)
            np.multiply(is_reached.view(np.uint8), above - below, out=more)
            np.add(units, more, out=units)

    def _gain_and_decay(self, block: Customers, into: Recalculated) -> None:
        """Points: what is left of those earned, and what the visits of the hour gained."""
        count, of = block.count, _LOST_A_STEP.denominator
        units, kept, is_passed = self._bytes[0][:count], self._bytes[1][:count], self._flags[:count]
        gained = self._words[:count]
        np.multiply(block.visits, units, out=gained, dtype=np.uint16)
        gained *= _A_VISIT.numerator
        gained //= _A_VISIT.denominator
        kept[:] = 0
        for hours in _STEPS:
            np.greater_equal(block.idle_hours, hours, out=is_passed)
            kept += is_passed.view(np.uint8)
        kept *= _LOST_A_STEP.numerator
        np.subtract(of, kept, out=kept)
        np.multiply(block.earned.view(np.uint32), kept, out=into.points, dtype=np.uint32)
        points = into.points
        points //= of
        points += gained

    def _suspect(self, block: Customers, into: Recalculated) -> None:
        """Fraud scores: many visits, much gained, and right after a long absence; a hash of the points breaks ties."""
        count, fraud = block.count, into.fraud
        few, some, is_here = self._bytes[0][:count], self._bytes[1][:count], self._flags[:count]
        burst, noise = self._words[:count], self._longs[:count]
        np.minimum(block.visits, 6, out=few)  # the burst of six is above its most, and their cube is a byte
        np.multiply(few, few, out=some)
        some *= few
        np.multiply(some, _BURST, out=burst, dtype=np.uint16)
        np.minimum(burst, _MOST_BURST, out=burst)
        np.greater(block.visits, 0, out=is_here)
        np.multiply(block.idle_hours, is_here.view(np.uint8), out=some)
        np.multiply(some, _ABSENCE, out=fraud, dtype=np.uint16)
        fraud += burst
        np.multiply(into.points, _MIX, out=noise)
        noise >>= 22
        np.add(fraud, noise, out=fraud, dtype=np.uint16, casting="unsafe")  # of 10 bits
        np.minimum(fraud, FRAUD_BELOW - 1, out=fraud)


def recalculate(block: Customers) -> Recalculated:
    """Every customer of one block, in memory of its own."""
    result = Recalculated.room_for(block.count)
    Recalculation(block.count).recalculate(block, result)
    return result

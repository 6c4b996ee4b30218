"""What an arrival shape is, and how a schedule follows from it. Pure arithmetic: no clock, no sleeping.

    rate(t)    arrivals per second at t                      d count
    count(t)   arrivals due up to t: the integral of rate    rate = -------
    schedule   the k-th arrival (k = 0, 1, ...) is due at        d t
               the earliest t with count(t) = mark k

The marks are 0, 1, 2, ... for an evenly spaced schedule; a shape that randomises them (`Marked`) turns the same curve
into a random process with the same expectation (time rescaling: a unit-rate process read through the inverse of
`count`).
"""

import itertools
from collections.abc import Iterator
from typing import ClassVar, Protocol, Self, runtime_checkable

_STEPS = 64
"""Halvings of an interval: more than the 53 bits of a float have, so the last step changes nothing any more."""


class Arrivals(Protocol):
    """An arrival rate over time. Outside 0 <= t <= `duration_s` nothing arrives. Times in seconds, rates per second.

    `count` is monotone, finite, 0 at 0 and constant after the end. Latency of the system never enters: open model.
    """

    name: ClassVar[str]

    @property
    def duration_s(self) -> float: ...

    @property
    def peak(self) -> float: ...

    def rate(self, at: float) -> float: ...

    def count(self, until: float) -> float: ...

    def scaled(self, *, time: float = 1.0, rate: float = 1.0) -> Self:
        """The same curve, `time` times as long and `rate` times as high."""
        ...


@runtime_checkable
class Marked(Protocol):
    """A shape that places its arrivals itself: ascending positions on the axis of `count`."""

    def marks(self) -> Iterator[float]: ...


def time_of(arrivals: Arrivals, mark: float, *, after: float = 0.0) -> float:
    """The earliest t >= `after` with count(t) >= `mark`; `duration_s` when the count never gets there."""
    low, high = after, arrivals.duration_s
    if arrivals.count(low) >= mark:
        return low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if arrivals.count(middle) >= mark:
            high = middle
        else:
            low = middle
    return high


def schedule(arrivals: Arrivals) -> Iterator[float]:
    """When each arrival is due, in seconds from the start, ascending."""
    marks = arrivals.marks() if isinstance(arrivals, Marked) else map(float, itertools.count())
    total, at = arrivals.count(arrivals.duration_s), 0.0
    for mark in marks:
        if mark >= total:
            return
        at = time_of(arrivals, mark, after=at)
        yield at


def within(at: float, duration_s: float) -> float:
    """`at` clamped to the life of a shape."""
    return min(max(at, 0.0), duration_s)

"""What a run did to whoever uses the platform, and the one sentence that says it: on the terminal, in every report."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from plugins.slo import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """`failed` of `of` `what` failed; `over_s`: seconds from the first that failed to the last."""

    failed: int
    of: int
    what: str = "requests"
    over_s: float | None = None

    def __str__(self) -> str:
        many = f"{self.of:,} {self.what}"
        if not self.of:
            return f"no {self.what} were made"
        if not self.failed:
            return f"none of {many} failed"
        over = f" over {plain(self.over_s)} s" if self.over_s else ""
        return f"{self.failed:,} of {many} failed{over}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One indicator through the phases of a run: (phase, value), None where nothing was measured."""

    name: str
    unit: str
    values: tuple[tuple[str, float | None], ...]

    def __str__(self) -> str:
        steps = (f"{phase} {'?' if value is None else plain(_rounded(value))}" for phase, value in self.values)
        return f"{self.name} {' → '.join(steps)} {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """`what` was good again `after_s` seconds after `counted_from`; infinite when it was not while it was watched."""

    after_s: float
    counted_from: str
    what: str = "back"

    def __str__(self) -> str:
        if math.isinf(self.after_s):
            return f"not {self.what} while it was watched"
        if not self.after_s:
            return f"{self.what} at once after the {self.counted_from}"
        return f"{self.what} {plain(round(self.after_s, 2))} s after the {self.counted_from}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Who felt it, how latency went, when it was good again, what was lost. `lost` and `doubled` are orders; None where
    nobody knows. `notes` are what a kind of run has to say besides.
    """

    felt: tuple[Felt, ...] = ()
    courses: tuple[Course, ...] = ()
    back: tuple[Back, ...] = ()
    lost: int | None = None
    doubled: int | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield from map(str, self.felt)
        yield from map(str, self.courses)
        yield from map(str, self.back)
        if self.lost is not None and self.doubled is not None:
            yield f"{_orders(self.lost)} lost, {self.doubled or 'none'} doubled"
        yield from self.notes


def _orders(count: int) -> str:
    return "no order" if not count else f"{count} order{'s' * (count > 1)}"


def _rounded(value: float) -> float:
    """Three digits: a sentence is read, and the exact figures stand below it."""
    return float(f"{value:.3g}")

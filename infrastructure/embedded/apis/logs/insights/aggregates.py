"""What `stats` makes of a group's values. Pure; texts that are no numbers count for `count` and its like alone."""

import math
from collections.abc import Callable, Mapping, Sequence

Aggregate = Callable[[Sequence[str], str], str | None]
"""From the values of a field, and a second argument, to what is shown; None where there is nothing to show."""


def _numbers(values: Sequence[str]) -> list[float]:
    found = []
    for value in values:
        try:
            found.append(float(value))
        except ValueError:
            continue
    return found


def _of_numbers(figure: Callable[[list[float]], float]) -> Aggregate:
    return lambda values, _: shown(figure(found)) if (found := _numbers(values)) else None


def _percentile(values: Sequence[str], share: str) -> str | None:
    """By nearest rank."""
    found = sorted(_numbers(values))
    return shown(found[max(math.ceil(float(share or 50) / 100 * len(found)) - 1, 0)]) if found else None


def shown(value: float) -> str:
    """Whole numbers without a point, others with four digits behind it at most."""
    return str(int(value)) if value == int(value) else f"{value:.4f}".rstrip("0").rstrip(".")


AGGREGATES: Mapping[str, Aggregate] = {
    "count": lambda values, _: str(len(values)),
    "count_distinct": lambda values, _: str(len(set(values))),
    "sum": _of_numbers(sum),
    "avg": _of_numbers(lambda found: sum(found) / len(found)),
    "min": _of_numbers(min),
    "max": _of_numbers(max),
    "pct": _percentile,
}

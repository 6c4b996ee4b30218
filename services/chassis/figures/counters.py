"""What a process counts and times, added up in memory in the form that PutMetricData takes. No I/O."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from services.chassis.aws.json_apis import Json

MAX_VALUES: Final = 150
"""Distinct values a datum may carry (PutMetricData, API reference)."""
_PRECISION: Final = 40
"""Steps per factor of ten: a duration is reported to within 3 %, so a datum of 150 values spans nearly four decades."""


class Figures:
    """Counts, durations and gauges of one process. All of them carry the same dimensions, so that tasks add up."""

    def __init__(self, dimensions: Mapping[str, str]) -> None:
        self._dimensions = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        self._counts: Counter[str] = Counter()
        self._durations: dict[str, Counter[int]] = {}
        self._gauges: dict[str, Callable[[], float]] = {}

    def count(self, name: str, by: int = 1) -> None:
        self._counts[name] += by

    def duration(self, name: str, seconds: float) -> None:
        step = round(math.log10(max(seconds * 1e3, 0.01)) * _PRECISION)
        self._durations.setdefault(name, Counter())[step] += 1

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Report what `read` returns at the end of each period."""
        self._gauges[name] = read

    def declare(self, *names: str) -> None:
        """Report these counts as 0 while nothing happens, so that a graph shows a line and an alarm has data."""
        for name in names:
            self._counts[name] += 0

    def collect(self) -> list[Json]:
        """What happened since the last call, as PutMetricData's MetricData; counts start again from 0."""
        data: list[Json] = [self._datum(name, "Count", {"Value": count}) for name, count in self._counts.items()]
        data += [self._datum(name, "None", {"Value": read()}) for name, read in self._gauges.items()]
        data += [
            self._datum(name, "Milliseconds", _distribution(steps)) for name, steps in self._durations.items() if steps
        ]
        self._counts = Counter(dict.fromkeys(self._counts, 0))
        self._durations.clear()
        return data

    def _datum(self, name: str, unit: str, value: Json) -> Json:
        return {"MetricName": name, "Dimensions": self._dimensions, "Unit": unit, **value}


def _distribution(steps: Counter[int]) -> Json:
    """Values and counts, in milliseconds; the rarest values beyond what a datum takes join their neighbour below."""
    ordered = sorted(steps.items())
    while len(ordered) > MAX_VALUES:
        at = min(range(1, len(ordered)), key=lambda index: ordered[index][1])
        ordered[at - 1 : at + 1] = [(ordered[at - 1][0], ordered[at - 1][1] + ordered[at][1])]
    values = [round(10 ** (step / _PRECISION), 3) for step, _ in ordered]
    return {"Values": values, "Counts": [float(count) for _, count in ordered]}

"""The numbers behind CloudWatch: time series in memory, cheap to write, quick to ask, bounded. No clock, no I/O.

moto keeps one flat list and scans it once per period of a query, which blocks the control plane for seconds once a
platform reports every second. Here a series is a dictionary of one-second buckets (CloudWatch's finest resolution);
after `FINE_S` the seconds are merged into minutes, after `KEEP_S` they are gone. CloudWatch itself keeps seconds for
three hours: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from infrastructure.embedded.pace import Pace

FINE_S = 1800
"""Seconds for which a series keeps its one-second buckets."""
KEEP_S = 3 * 3600
"""Seconds after which a data point is forgotten."""
MAX_SERIES = 5000
"""Series kept at most; the longest standing one makes room for a new one."""
MAX_DISTINCT = 150
"""Distinct values a bucket keeps apart (as many as one PutMetricData entry carries); further ones are rounded."""

LATE_S = 0.2
"""How long after a period's end it is judged: its data points are written just after it."""

SIMPLE_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"^p(?P<rank>\d{1,2}(?:\.\d{1,10})?|100)$")

Dimensions = tuple[tuple[str, str], ...]
"""Name and value pairs, sorted: a metric's identity beside its namespace and name."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What makes a metric one metric."""

    namespace: str
    name: str
    dimensions: Dimensions

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> "Key":
        return cls(namespace, name, tuple(sorted(dimensions.items())))

    @classmethod
    def named(cls, given: Mapping[str, Any]) -> "Key":
        """The one that a call names by its members Namespace, MetricName and Dimensions."""
        dimensions = {each["Name"]: each["Value"] for each in given.get("Dimensions") or ()}
        return cls.of(given["Namespace"], given["MetricName"], dimensions)


@dataclass(slots=True)
class Bucket:
    """Everything that was reported within one second or minute.

    `values` is how often each value came, None once a pre-aggregated set came in: those have no percentiles.
    """

    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    count: float = 0.0
    values: dict[float, float] | None = field(default_factory=dict)

    def add(self, value: float, count: float = 1.0) -> None:
        self.add_set(value, value, value * count, count, exact=True)

    def add_set(self, low: float, high: float, total: float, count: float, *, exact: bool = False) -> None:
        """Add a statistic set; `exact` when all of its values are the same one."""
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.total += total
        self.count += count
        if not (exact or low == high):
            self.values = None
        elif self.values is not None:
            self._tally(low, count)

    def _tally(self, value: float, count: float) -> None:
        assert self.values is not None  # noqa: S101  the caller asked; this tells the type checker
        if len(self.values) >= MAX_DISTINCT and value not in self.values:
            value = float(f"{value:.1e}")
        self.values[value] = self.values.get(value, 0.0) + count

    def merge(self, other: "Bucket") -> None:
        if other.values is None or self.values is None:
            self.add_set(other.low, other.high, other.total, other.count)
            self.values = None
            return
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.total += other.total
        self.count += other.count
        for value, count in other.values.items():
            self._tally(value, count)

    def statistic(self, name: str) -> float | None:
        """One statistic by CloudWatch's name (`Average`, `p99`); None when it is not known here."""
        if not self.count:
            return None
        simple = {
            "SampleCount": self.count,
            "Sum": self.total,
            "Average": self.total / self.count,
            "Minimum": self.low,
            "Maximum": self.high,
        }
        return simple[name] if name in simple else self._percentile(name)

    def _percentile(self, name: str) -> float | None:
        match = _PERCENTILE.match(name)
        if match is None or self.values is None:
            return None
        wanted = float(match["rank"]) / 100.0 * self.count
        seen = 0.0
        for value, count in sorted(self.values.items()):
            seen += count
            if seen >= wanted - 1e-9:
                return value
        return self.high


def is_statistic(name: str) -> bool:
    """Whether `name` is a statistic that can be answered here."""
    return name in SIMPLE_STATISTICS or _PERCENTILE.match(name) is not None


@dataclass(slots=True)
class _Series:
    """Seconds for the recent past, minutes before; both in the order of arrival, which is nearly that of time."""

    fine: dict[int, Bucket] = field(default_factory=dict)
    coarse: dict[int, Bucket] = field(default_factory=dict)

    def bucket(self, at: float) -> Bucket:
        return self.fine.setdefault(math.floor(at), Bucket())

    def between(self, start: float, end: float) -> Iterator[tuple[int, Bucket]]:
        for part in (self.coarse, self.fine):
            yield from ((at, bucket) for at, bucket in part.items() if start <= at < end)

    def prune(self, now: float) -> None:
        for part in (self.fine, self.coarse):
            _put_future_last(part, now)
        for at in _expired(self.fine, now - FINE_S):
            minute = at - at % 60
            self.coarse.setdefault(minute, Bucket()).merge(self.fine.pop(at))
        for at in _expired(self.coarse, now - KEEP_S):
            del self.coarse[at]

    @property
    def is_empty(self) -> bool:
        return not self.fine and not self.coarse


def _put_future_last(part: dict[int, Bucket], now: float) -> None:
    """Behind what is there: points stamped ahead, or before a clock was set back, would hide what expires."""
    for at in list(takewhile(lambda at: at > now, part)):
        part[at] = part.pop(at)


def _expired(part: dict[int, Bucket], before: float) -> tuple[int, ...]:
    """The leading keys older than `before`: arrival order is nearly time order, so a look at the front is enough."""
    found = []
    for at in part:
        if at >= before:
            break
        found.append(at)
    return tuple(found)


class MetricStore:
    """All series of one region. Times are Unix seconds."""

    def __init__(self) -> None:
        self._series: dict[Key, dict[str, _Series]] = {}

    def bucket(self, key: Key, unit: str, at: float) -> Bucket:
        units = self._series.get(key)
        if units is None:
            if len(self._series) >= MAX_SERIES:
                del self._series[next(iter(self._series))]
            units = self._series[key] = {}
        return units.setdefault(unit, _Series()).bucket(at)

    def prune(self, now: float) -> None:
        """Merge old seconds, drop what is past keeping. Call it every period: the cost is that of one period."""
        for key in list(self._series):
            units = self._series[key]
            for unit in list(units):
                units[unit].prune(now)
                if units[unit].is_empty:
                    del units[unit]
            if not units:
                del self._series[key]

    def query(
        self, key: Key, start: float, end: float, period_s: float, unit: str | None = None
    ) -> tuple[tuple[float, Bucket], ...]:
        """One merged bucket per period that holds data, ascending; periods are aligned to multiples of `period_s`."""
        periods: dict[float, Bucket] = {}
        for found in self._matching(key, unit):
            for at, bucket in found.between(start, end):
                periods.setdefault(at - at % period_s, Bucket()).merge(bucket)
        return tuple(sorted(periods.items()))

    def _matching(self, key: Key, unit: str | None) -> Iterable[_Series]:
        units = self._series.get(key, {})
        return units.values() if unit is None else [units[unit]] if unit in units else []

    def unit(self, key: Key) -> str:
        """The unit this metric is reported in, `None` (CloudWatch's word for unitless) when none was given."""
        return next(iter(self._series.get(key, {})), "None")

    def metrics(self) -> Iterator[Key]:
        return iter(sorted(self._series))

    def __len__(self) -> int:
        return sum(len(s.fine) + len(s.coarse) for units in self._series.values() for s in units.values())


def period_at(configured_s: float, pace: Pace) -> float:
    """A configured period at this pace: whole metric periods, at least one."""
    periods = round(pace.seconds(configured_s) / pace.metric_period_s)
    return max(periods, 1) * pace.metric_period_s

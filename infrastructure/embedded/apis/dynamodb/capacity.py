"""What each DynamoDB table may still read and write, and what it has: token buckets and their counts. Pure.

A table earns its provisioned units every second and keeps what it does not use for `burst_s` seconds (AWS: to 300).
A request is let through while its table has credit for the smallest one, then pays in full, so a bucket can owe: over
time exactly the provisioned rate passes, also of items larger than a second's worth. Source: Amazon DynamoDB Developer
Guide, "Read/write capacity mode" and "Burst and adaptive capacity". `now` is in seconds of any clock that never goes
back.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["read", "write"]
READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
SMALLEST: Mapping[Kind, float] = {"read": 0.5, "write": 1.0}
"""Units of the smallest request."""


@dataclass(slots=True)
class TokenBucket:
    """Credit in capacity units. `rate` units a second; None is on demand: never empty."""

    rate: float | None
    credit: float
    filled_at: float

    def fill(self, now: float, burst_s: float, rate: float | None) -> None:
        """Earn since the last time at the rate until now; from now on at `rate`. A lower rate holds less."""
        if self.rate is not None:
            self.credit += (now - self.filled_at) * self.rate
        self.filled_at = now
        if rate is None:
            self.credit = math.inf
        elif self.rate is None:
            self.credit = rate * burst_s
        self.rate = rate
        if rate is not None:
            self.credit = min(self.credit, rate * burst_s)


@dataclass(slots=True)
class TableUsage:
    """What a table consumed since it was last asked: units, and throttled requests by operation."""

    read: float = 0.0
    write: float = 0.0
    throttled_reads: int = 0
    throttled_writes: int = 0
    throttled: dict[str, int] = field(default_factory=dict)
    conflicts: int = 0
    """Requests for items that a transaction held."""


class Capacity:
    """The buckets of all tables. A table that is not known yet starts with a full bucket."""

    def __init__(self, *, burst_s: float = 1.0) -> None:
        self.burst_s = burst_s
        self.transaction_s = 0.0
        """Seconds that a transaction takes, in which others conflict with it; the controller sets both to the pace."""
        self._buckets: dict[tuple[str, Kind], TokenBucket] = {}
        self._usage: dict[str, TableUsage] = {}

    def has_credit(self, table: str, kind: Kind, *, rate: float | None, now: float) -> bool:
        """Whether a request may pass; `rate` is what the table provides now."""
        bucket = self._filled(table, kind, rate, now)
        return bucket.credit >= (SMALLEST[kind] if rate is None else min(SMALLEST[kind], rate * self.burst_s))

    def charge(self, table: str, kind: Kind, units: float, *, rate: float | None, now: float) -> None:
        self._filled(table, kind, rate, now).credit -= units
        usage = self._usage.setdefault(table, TableUsage())
        if kind == "read":
            usage.read += units
        else:
            usage.write += units

    def throttled(self, table: str, kind: Kind, operation: str) -> None:
        usage = self._usage.setdefault(table, TableUsage())
        usage.throttled[operation] = usage.throttled.get(operation, 0) + 1
        if kind == "read":
            usage.throttled_reads += 1
        else:
            usage.throttled_writes += 1

    def conflicted(self, table: str) -> None:
        self._usage.setdefault(table, TableUsage()).conflicts += 1

    def drain(self) -> Mapping[str, TableUsage]:
        """What each table used since the last call."""
        drained, self._usage = self._usage, {}
        return drained

    def keep(self, tables: frozenset[str]) -> None:
        """Forget the buckets of all others; a new table of an old name then starts with a full one."""
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[0] in tables}

    def _filled(self, table: str, kind: Kind, rate: float | None, now: float) -> TokenBucket:
        bucket = self._buckets.get((table, kind))
        if bucket is None:
            full = math.inf if rate is None else rate * self.burst_s
            bucket = self._buckets[table, kind] = TokenBucket(rate, full, now)
        bucket.fill(now, self.burst_s, rate)
        return bucket


def write_units(size: int) -> float:
    """Units of writing an item of `size` bytes: one for each kilobyte begun."""
    return float(max(1, math.ceil(size / WRITE_UNIT_BYTES)))


def read_units(size: int, *, is_consistent: bool) -> float:
    """Units of reading `size` bytes: one for each four kilobytes begun, half of it when eventually consistent."""
    return max(1, math.ceil(size / READ_UNIT_BYTES)) * (1.0 if is_consistent else 0.5)


def attributes_size(item: Mapping[str, object]) -> int:
    """Bytes of an item in DynamoDB's JSON, as AWS counts: names and values in UTF-8, one byte for true, false and null.

    Numbers take about one byte for two digits and one more; a list or map three and one for each element.
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: object) -> int:
    if not isinstance(value, Mapping):
        return 0
    kind, content = next(iter(value.items()), ("NULL", True))
    if kind == "S":
        return len(str(content).encode())
    if kind == "B":
        return len(str(content)) * 3 // 4
    if kind == "N":
        return _number_size(content)
    if kind == "M" and isinstance(content, Mapping):
        return 3 + attributes_size(content) + len(content)
    if kind == "L" and isinstance(content, list):
        return 3 + sum(1 + _value_size(each) for each in content)
    if kind in ("SS", "NS", "BS") and isinstance(content, list):
        return sum(_number_size(each) if kind == "NS" else len(str(each).encode()) for each in content)
    return 1


def _number_size(number: object) -> int:
    digits = sum(character.isdigit() for character in str(number).strip("0"))
    return math.ceil(digits / 2) + 1

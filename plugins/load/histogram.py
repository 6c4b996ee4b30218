"""Latencies in log-linear buckets: cheap to record, exact to add up, within 0.1 % of the truth to read.

The buckets are HdrHistogram's own for three significant digits (2,048 sub-buckets), so a recorded count lands in the
histogram of the same index. Recording through the `hdrhistogram` package halves a generator's rate; a dictionary of
bucket indices does not; `plugins.load.hdr` builds the real histogram from it afterwards.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HIGHEST_US = 3_600_000_000
"""One hour in microseconds; anything longer counts as an hour."""

_HALF_BITS = 10
_HALF = 1 << _HALF_BITS


def bucket_of(microseconds: int) -> int:
    """The index of the bucket that holds a latency (HdrHistogram's counts index)."""
    value = min(max(microseconds, 0), HIGHEST_US)
    shift = value.bit_length() - _HALF_BITS - 1
    return value if shift <= 0 else ((shift + 1) << _HALF_BITS) + (value >> shift) - _HALF


def highest_of(bucket: int) -> int:
    """The largest latency in microseconds that falls into `bucket`."""
    shift = (bucket >> _HALF_BITS) - 1
    if shift <= 0:
        return bucket
    return (((bucket & (_HALF - 1)) + _HALF + 1) << shift) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How often each bucket was hit, with the exact sum and maximum. All in microseconds."""

    counts: Mapping[int, int] = field(default_factory=dict)
    sum_us: int = 0
    max_us: int = 0

    @classmethod
    def merged(cls, parts: Iterable["Histogram"]) -> "Histogram":
        counts: dict[int, int] = {}
        sum_us = max_us = 0
        for part in parts:
            sum_us += part.sum_us
            max_us = max(max_us, part.max_us)
            for bucket, count in part.counts.items():
                counts[bucket] = counts.get(bucket, 0) + count
        return cls(counts=counts, sum_us=sum_us, max_us=max_us)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def mean_us(self) -> float | None:
        return self.sum_us / self.total if self.counts else None

    def percentile(self, quantile: float) -> float | None:
        """The nearest-rank `quantile` (0 to 1) in microseconds, never below the true one; None of nothing."""
        rank = max(math.ceil(quantile * self.total - 1e-9), 1)
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return min(highest_of(bucket), self.max_us)
        return None

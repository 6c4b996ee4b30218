"""What one shard takes and gives: a second's worth is kept, and a read may owe.

Source: Amazon Kinesis Data Streams Developer Guide, "Quotas and limits"; API Reference, GetRecords ("five transactions
per second, per shard", "2 MB per second", "10 MiB", and none within the next five seconds then), GetShardIterator
("five transactions per second per account per open shard"), PutRecords ("1,000 records per second", "1 MB per second").
"""

from dataclasses import dataclass

READS_A_SECOND, READ_BYTES_A_SECOND, ITERATORS_A_SECOND = 5.0, float(2 << 20), 5.0
RECORDS_A_SECOND, WRITTEN_BYTES_A_SECOND = 1000.0, float(1 << 20)
LARGEST_READ = 10 << 20
"""Bytes that GetRecords gives at most."""
STALL_S = 5.0
"""How long nothing is given after that."""


@dataclass(slots=True)
class Meter:
    """Credit of one kind; `rate` units a second, of which one second's are kept."""

    rate: float
    credit: float
    filled_at: float

    def has(self, units: float, now: float) -> bool:
        """Whether so many may pass; more than a second's worth pass when nothing was used."""
        if now > self.filled_at:
            self.credit = min(self.credit + (now - self.filled_at) * self.rate, self.rate)
        self.filled_at = now
        return self.credit >= min(units, self.rate)

    def pay(self, units: float) -> None:
        self.credit -= units


class Throughput:
    """The meters of one shard."""

    __slots__ = ("_iterators", "_read_bytes", "_reads", "_records", "_stalled_until", "_written")

    def __init__(self, now: float) -> None:
        rates = (READS_A_SECOND, READ_BYTES_A_SECOND, ITERATORS_A_SECOND, RECORDS_A_SECOND, WRITTEN_BYTES_A_SECOND)
        self._reads, self._read_bytes, self._iterators, self._records, self._written = (
            Meter(rate, rate, now) for rate in rates
        )
        self._stalled_until = 0.0

    def may_begin(self, now: float) -> bool:
        """Count a GetShardIterator, if there may be one."""
        if not self._iterators.has(1.0, now):
            return False
        self._iterators.pay(1.0)
        return True

    def may_read(self, now: float) -> bool:
        """Count a read, if there may be one; what it gives is charged afterwards."""
        if now < self._stalled_until or not (self._reads.has(1.0, now) and self._read_bytes.has(1.0, now)):
            return False
        self._reads.pay(1.0)
        return True

    def charge(self, size: int, now: float, *, is_full: bool) -> None:
        """A read gave `size` bytes; `is_full` when a read cannot give more."""
        self._read_bytes.pay(float(size))
        if is_full:
            self._stalled_until = now + STALL_S

    def may_write(self, size: int, now: float) -> bool:
        """Count a record of `size` bytes, if the shard takes it."""
        if not (self._records.has(1.0, now) and self._written.has(float(size), now)):
            return False
        self._records.pay(1.0)
        self._written.pay(float(size))
        return True

"""What one shard takes and gives: a second's worth is kept, and a read may owe.

Replaces in `moto.kinesis.models` (moto 5.2): of `KinesisBackend` `get_records`, `put_record` and `put_records`, which
know no limits, and keep every figure that they give CloudWatch for good.
Source: Amazon Kinesis Data Streams Developer Guide, "Quotas and limits"; API Reference, GetRecords ("five transactions
per second, per shard", "2 MB per second", "10 MiB", and none within the next five seconds then), PutRecords ("1,000
records per second", "1 MB per second"; a record may fail while others succeed).
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kinesis.exceptions import RecordSizeExceedsLimit, TooManyRecords, TotalRecordsSizeExceedsLimit
from moto.kinesis.models import KinesisBackend
from moto.kinesis.utils import decompose_shard_iterator

from infrastructure.embedded.apis.kinesis.patches import size_of

EXCEEDED = "ProvisionedThroughputExceededException"
READS_A_SECOND, READ_BYTES_A_SECOND = 5.0, float(2 << 20)
RECORDS_A_SECOND, WRITTEN_BYTES_A_SECOND = 1000.0, float(1 << 20)
_RATES = (READS_A_SECOND, READ_BYTES_A_SECOND, RECORDS_A_SECOND, WRITTEN_BYTES_A_SECOND)
LARGEST_RECORD, LARGEST_BATCH, MOST_RECORDS = 1 << 20, 5 << 20, 500
"""Bytes of a record, with its key, as a stream has it that was not told otherwise; bytes and records of PutRecords."""

_get_records = KinesisBackend.get_records
clock: Callable[[], float] = time.monotonic
"""In seconds, and never goes back."""


@dataclass(slots=True)
class Meter:
    """Credit of one kind; `rate` units a second, of which one second's are kept."""

    rate: float
    credit: float
    filled_at: float

    def has(self, units: float, now: float) -> bool:
        """Whether so many may pass; more than a second's worth pass when nothing was used."""
        self.credit = min(self.credit + (now - self.filled_at) * self.rate, self.rate)
        self.filled_at = now
        return self.credit >= min(units, self.rate)

    def pay(self, units: float) -> None:
        self.credit -= units


class Throughput:
    """The four meters of one shard."""

    def __init__(self, now: float) -> None:
        self._reads, self._read_bytes, self._records, self._written = (Meter(rate, rate, now) for rate in _RATES)

    def may_read(self, now: float) -> bool:
        """Count a read, if there may be one; what it gives is charged afterwards."""
        if not (self._reads.has(1.0, now) and self._read_bytes.has(1.0, now)):
            return False
        self._reads.pay(1.0)
        return True

    def charge(self, size: int) -> None:
        """A read gave `size` bytes."""
        self._read_bytes.pay(float(size))

    def may_write(self, size: int, now: float) -> bool:
        """Count a record of `size` bytes, if the shard takes it."""
        if not (self._records.has(1.0, now) and self._written.has(float(size), now)):
            return False
        self._records.pay(1.0)
        self._written.pay(float(size))
        return True


def _throughput(shard: Any) -> Throughput:
    found: Throughput | None = getattr(shard, "throughput", None)
    if found is None:
        found = shard.throughput = Throughput(clock())
    return found


def usage_of(stream: Any) -> Counter[str]:
    """What was put into and read from a stream since somebody emptied it, by CloudWatch's names."""
    found: Counter[str] | None = getattr(stream, "usage", None)
    if found is None:
        found = stream.usage = Counter()
    return found


def _exceeded(stream: Any, shard_id: str) -> JsonRESTError:
    text = f"Rate exceeded for shard {shard_id} in stream {stream.stream_name} under account {stream.account_id}."
    return JsonRESTError(EXCEEDED, text)


def _read(backend: Any, stream_arn: str | None, shard_iterator: str, limit: int | None) -> Any:
    name, shard_id, _ = decompose_shard_iterator(shard_iterator)
    stream = backend.describe_stream(stream_arn=stream_arn, stream_name=name)
    usage, throughput = usage_of(stream), _throughput(stream.get_shard(shard_id))
    if not throughput.may_read(clock()):
        usage["ReadProvisionedThroughputExceeded"] += 1
        raise _exceeded(stream, shard_id)
    following, records, behind = _get_records(backend, stream_arn, shard_iterator, limit)
    if not records and not stream.get_shard(shard_id).is_open:
        following = None  # its readers go on with its children
    size = sum(size_of(each.data, each.partition_key) for each in records)
    throughput.charge(size)
    usage.update({"GetRecords.Bytes": size, "GetRecords.Records": len(records)})
    return following, records, behind


def _write(stream: Any, partition_key: str, explicit_hash_key: str | None, data: str) -> tuple[str, str]:
    """The number that a record gets, and its shard; an error when the shard takes no more."""
    shard, size = stream.get_shard_for_key(partition_key, explicit_hash_key), size_of(data, partition_key)
    if not _throughput(shard).may_write(size, clock()):
        usage_of(stream)["WriteProvisionedThroughputExceeded"] += 1
        raise _exceeded(stream, shard.shard_id)
    usage_of(stream).update({"IncomingBytes": size, "IncomingRecords": 1})
    return shard.put_record(partition_key, data, explicit_hash_key), shard.shard_id


def _put_record(
    backend: Any,
    stream_arn: str | None,
    stream_name: str | None,
    partition_key: str,
    explicit_hash_key: str | None,
    data: str,
) -> tuple[str, str]:
    stream = backend.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
    if size_of(data, partition_key) > LARGEST_RECORD:
        raise RecordSizeExceedsLimit(position=1)
    return _write(stream, partition_key, explicit_hash_key, data)


def _put_records(
    backend: Any, stream_arn: str | None, stream_name: str | None, records: list[dict[str, Any]]
) -> dict[str, Any]:
    stream = backend.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
    sizes = [size_of(each["Data"], each["PartitionKey"]) for each in records]
    if len(records) > MOST_RECORDS:
        raise TooManyRecords
    if sum(sizes) > LARGEST_BATCH:
        raise TotalRecordsSizeExceedsLimit
    too_large = next((place for place, size in enumerate(sizes, 1) if size > LARGEST_RECORD), None)
    if too_large is not None:
        raise RecordSizeExceedsLimit(position=too_large)
    results = [_result(stream, each) for each in records]
    return {"FailedRecordCount": sum("ErrorCode" in each for each in results), "Records": results}


def _result(stream: Any, record: dict[str, Any]) -> dict[str, str]:
    try:
        number, shard = _write(stream, record["PartitionKey"], record.get("ExplicitHashKey"), record["Data"])
    except JsonRESTError as refused:
        if refused.error_type != EXCEEDED:
            raise
        return {"ErrorCode": EXCEEDED, "ErrorMessage": refused.message}
    return {"SequenceNumber": number, "ShardId": shard}


def install() -> None:
    """Replace them."""
    KinesisBackend.get_records = _read
    KinesisBackend.put_record = _put_record
    KinesisBackend.put_records = _put_records

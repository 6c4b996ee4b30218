"""PutRecord and PutRecords: a record goes to the shard of its key, if that takes it.

Source: API Reference, PutRecord, PutRecords ("up to 500 records", "5 MB for the entire request, including partition
keys"; a record may fail while others succeed); Developer Guide, "Quotas and limits" (1 MiB a record).
"""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.apis.kinesis import refusals
from infrastructure.embedded.apis.kinesis.log import size_of
from infrastructure.embedded.apis.kinesis.metrics import StreamMetrics
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import KEYS, Shard, Stream, hash_key
from infrastructure.embedded.gateway.codec import Ready
from infrastructure.embedded.gateway.operations import Members, operation
from infrastructure.embedded.gateway.refused import Refused

LARGEST_RECORD, LARGEST_BATCH, MOST_RECORDS = 1 << 20, 5 << 20, 500
_FAILED = "InternalFailure"


class PutCalls:
    """Answers them for the streams of one registry."""

    def __init__(self, registry: Registry, metrics: StreamMetrics) -> None:
        self._registry = registry
        self._metrics = metrics

    @operation("PutRecord", effect="a record in the shard of its key, which takes 1,000 or 1 MiB a second")
    def put(self, given: Members) -> Ready:
        stream = self._registry.there(given)
        with self._metrics.timed(stream, "PutRecord"):
            if size_of(given["PartitionKey"], given["Data"]) > LARGEST_RECORD:
                raise _too_large("data")
            full = self._registry.archive.refusal()
            if full:
                raise Refused("InternalFailureException", _text(full), status=500)
            result = self._put(stream, stream.shard_for(_hash_key(given)), given, self._registry.clock(), "PutRecord")
            if "ErrorCode" in result:
                raise Refused(result["ErrorCode"], result["ErrorMessage"])
        return Ready({**result, **_encryption(stream)})

    @operation("PutRecords", effect="each in the shard of its key; those beyond its throughput fail by themselves")
    def put_all(self, given: Members) -> Ready:
        stream, records = self._registry.there(given), given["Records"]
        with self._metrics.timed(stream, "PutRecords"):
            _check(records)
            shards = [stream.shard_for(_hash_key(record)) for record in records]
            now, full = self._registry.clock(), self._registry.archive.refusal()
            results = (
                [{"ErrorCode": _FAILED, "ErrorMessage": _text(full)}] * len(records)
                if full
                else [
                    self._put(stream, shard, record, now, "PutRecords")
                    for shard, record in zip(shards, records, strict=True)
                ]
            )
            failed = _counted(stream, results)
        return Ready({"FailedRecordCount": failed, "Records": results, **_encryption(stream)})

    def _put(
        self, stream: Stream, shard: Shard, record: Mapping[str, Any], now: float, operation: str
    ) -> dict[str, str]:
        """The number that a record gets, and its shard; or why it gets none."""
        key, data = record["PartitionKey"], record["Data"]
        size = size_of(key, data)
        if not shard.throughput.may_write(size, now):
            for usage in (stream.usage, shard.usage):
                usage["WriteProvisionedThroughputExceeded"] += 1
            refused = refusals.exceeded(shard.id, stream.stream_name, stream.account)
            return {"ErrorCode": refused.code, "ErrorMessage": refused.message}
        stream.usage[f"{operation}.Bytes"] += size
        number = stream.append(shard, key, data, now)
        return {"SequenceNumber": stream.sequence_number(number, shard.number), "ShardId": shard.id}


def _hash_key(record: Mapping[str, Any]) -> int:
    """Where a record belongs: its explicit hash key, or that of its partition key."""
    explicit = record.get("ExplicitHashKey")
    if explicit is None:
        return hash_key(record["PartitionKey"])
    if int(explicit) >= KEYS:
        raise refusals.invalid(
            f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {explicit}"
        )
    return int(explicit)


def _check(records: list[Mapping[str, Any]]) -> None:
    sizes = [size_of(record["PartitionKey"], record["Data"]) for record in records]
    if len(records) > MOST_RECORDS:
        raise Refused(
            "ValidationException",
            "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length "
            f"less than or equal to {MOST_RECORDS}",
        )
    if sum(sizes) > LARGEST_BATCH:
        raise refusals.invalid("Records size exceeds 5 MB limit")
    if max(sizes) > LARGEST_RECORD:
        place = next(place for place, size in enumerate(sizes, 1) if size > LARGEST_RECORD)
        raise _too_large(f"records.{place}.member.data")


def _too_large(where: str) -> Refused:
    return Refused(
        "ValidationException",
        f"1 validation error detected: Value at '{where}' failed to satisfy constraint: Member must have length less "
        f"than or equal to {LARGEST_RECORD}",
    )


def _counted(stream: Stream, results: list[dict[str, str]]) -> int:
    """How many of a batch failed; all kinds are counted for the stream."""
    codes = [result["ErrorCode"] for result in results if "ErrorCode" in result]
    throttled = codes.count(refusals.EXCEEDED)
    stream.usage["PutRecords.TotalRecords"] += len(results)
    stream.usage["PutRecords.Records"] += len(results) - len(codes)
    stream.usage["PutRecords.SuccessfulRecords"] += len(results) - len(codes)
    stream.usage["PutRecords.ThrottledRecords"] += throttled
    stream.usage["PutRecords.FailedRecords"] += len(codes) - throttled
    return len(codes)


def _encryption(stream: Stream) -> dict[str, str]:
    return {"EncryptionType": stream.encryption_type} if stream.encryption_type != "NONE" else {}


def _text(full: str) -> str:
    return (
        f"the embedded cloud takes no more records: {full}; delete streams, decrease their retention period, or "
        "make room on the disk"
    )

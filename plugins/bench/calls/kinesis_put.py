"""PutRecords at 1,000 records a second, as a boto3 caller sees it: flat however long it goes on, or records pile up."""

import time
from collections.abc import Iterator
from typing import Any, ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault

_STREAM, _SHARDS = "bench-put", 2
_CALLS_S, _RECORDS, _BYTES = 10, 100, 1000
_KEYS = 97
"""Partition keys, spread over the shards."""


class KinesisPut:
    """The stream is made for this figure and deleted after it; a repeat is a second: ten calls of a hundred records.

    Latency counts from when a call was due, so that one that is late for another shows. `--repeats 600`: ten minutes.
    """

    name: ClassVar[str] = "kinesis_put_1000_per_s"
    unit: ClassVar[str] = "ms"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        kinesis = platform.client("kinesis")
        kinesis.create_stream(StreamName=_STREAM, ShardCount=_SHARDS)
        try:
            kinesis.get_waiter("stream_exists").wait(StreamName=_STREAM, WaiterConfig={"Delay": 1})
            yield from _put(kinesis, repeats * _CALLS_S)
        finally:
            kinesis.delete_stream(StreamName=_STREAM)


def _put(kinesis: Any, calls: int) -> Iterator[float]:
    payload = b"x" * _BYTES
    begun = time.perf_counter()
    for number in range(calls):
        keys = (f"key-{(number * _RECORDS + place) % _KEYS}" for place in range(_RECORDS))
        records = [{"Data": payload, "PartitionKey": key} for key in keys]
        due = begun + number / _CALLS_S
        time.sleep(max(due - time.perf_counter(), 0.0))
        answer = kinesis.put_records(StreamName=_STREAM, Records=records)
        if answer["FailedRecordCount"]:
            first = next(each for each in answer["Records"] if "ErrorCode" in each)
            raise EnvironmentFault(f"of {_RECORDS} records {answer['FailedRecordCount']} failed: {first}")
        yield (time.perf_counter() - due) * 1000

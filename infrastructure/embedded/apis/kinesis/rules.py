"""What Kinesis refuses of a request by itself. Source: API Reference, GetShardIterator, PutRecord."""

from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.gateway.refused import Refused

_NEEDED = {
    "AFTER_SEQUENCE_NUMBER": "StartingSequenceNumber",
    "AT_SEQUENCE_NUMBER": "StartingSequenceNumber",
    "AT_TIMESTAMP": "Timestamp",
}


def _check_iterator(given: Mapping[str, Any]) -> None:
    kind = given["ShardIteratorType"]
    for needed in ("StartingSequenceNumber", "Timestamp"):
        if (needed == _NEEDED.get(kind)) != (given.get(needed) is not None):
            raise Refused(
                "InvalidArgumentException",
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) "
                "TRIM_HORIZON or LATEST and no StartingSequenceNumber, or (3) AT_TIMESTAMP and Timestamp. Request "
                f"specified {kind} and {'no ' if given.get(needed) is None else ''}{needed}",
            )


def _check_record(given: Mapping[str, Any]) -> None:
    """Only a stream that distributes records by itself, which there is none of here, does without a key."""
    if given.get("PartitionKey") is None:
        raise Refused(
            "InvalidArgumentException", "A PartitionKey is required by the stream's USER_PARTITION_KEY strategy"
        )


def _check_records(given: Mapping[str, Any]) -> None:
    for record in given["Records"]:
        _check_record(record)


RULES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "GetShardIterator": _check_iterator,
    "PutRecord": _check_record,
    "PutRecords": _check_records,
}

"""What Kinesis refuses of a request by itself. Source: API Reference, GetShardIterator, PutRecord, SubscribeToShard."""

from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.gateway.refused import Refused, unsupported

_NEEDED = {
    "AFTER_SEQUENCE_NUMBER": "StartingSequenceNumber",
    "AT_SEQUENCE_NUMBER": "StartingSequenceNumber",
    "AT_TIMESTAMP": "Timestamp",
}


def _check_iterator(given: Mapping[str, Any]) -> None:
    _check_dry_run(given)
    kind = given["ShardIteratorType"]
    for needed in ("StartingSequenceNumber", "Timestamp"):
        if (needed == _NEEDED.get(kind)) != (given.get(needed) is not None):
            raise Refused(
                "InvalidArgumentException",
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) "
                "TRIM_HORIZON or LATEST and no StartingSequenceNumber, or (3) AT_TIMESTAMP and Timestamp. Request "
                f"specified {kind} and {'no ' if given.get(needed) is None else ''}{needed}",
            )


def _check_subscription(given: Mapping[str, Any]) -> None:
    _check_dry_run(given)
    position = given["StartingPosition"]
    for needed, name in (("StartingSequenceNumber", "SequenceNumber"), ("Timestamp", "Timestamp")):
        if (needed == _NEEDED.get(position["Type"])) != (position.get(name) is not None):
            said = "no " if position.get(name) is None else ""
            raise Refused(
                "InvalidArgumentException", f"A StartingPosition of type {position['Type']} has {said}{name}."
            )


def _check_dry_run(given: Mapping[str, Any]) -> None:
    if given.get("DryRun"):
        raise unsupported("DryRun of kinesis")


def _check_record(given: Mapping[str, Any]) -> None:
    """Only a stream that distributes records by itself, which there is none of here, does without a key."""
    if given.get("PartitionKey") is None:
        raise Refused(
            "InvalidArgumentException", "A PartitionKey is required by the stream's USER_PARTITION_KEY strategy"
        )


def _check_put(given: Mapping[str, Any]) -> None:
    _check_dry_run(given)
    _check_record(given)


def _check_records(given: Mapping[str, Any]) -> None:
    _check_dry_run(given)
    for record in given["Records"]:
        _check_record(record)


RULES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "GetRecords": _check_dry_run,
    "GetShardIterator": _check_iterator,
    "PutRecord": _check_put,
    "PutRecords": _check_records,
    "SubscribeToShard": _check_subscription,
}

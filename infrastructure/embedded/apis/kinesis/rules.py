"""What Kinesis refuses of a request by itself. Source: API Reference, GetShardIterator."""

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


RULES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {"GetShardIterator": _check_iterator}

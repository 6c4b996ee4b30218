"""The order stream in Kinesis: its shards, and their records from a place on."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.analytics.leases import SHARD_END, TRIM_HORIZON
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller, Json

AT_ONCE: Final = 1000
"""Records a read asks for: as many as a shard takes in a second."""
EXPIRED: Final = frozenset({"ExpiredIteratorException", "InvalidArgumentException"})
"""What GetRecords says of an iterator that is to be asked for anew; they live for five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record; `arrived_at` in Unix seconds."""

    sequence: str
    data: bytes
    arrived_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one read gave; `next` is None at the end of a closed shard. `behind_s`: how far the tip of it is away."""

    records: tuple[Record, ...]
    next: str | None
    behind_s: float


class OrderStream:
    """The stream called `name`. All methods may raise `AwsError`."""

    def __init__(self, kinesis: Caller, name: str) -> None:
        self._kinesis = kinesis
        self._name = name

    async def shards(self) -> dict[str, frozenset[str]]:
        """Every shard that still has records, with those that it came from."""
        found: dict[str, frozenset[str]] = {}
        asked: Json = {"StreamName": self._name}
        while True:
            answer = await self._kinesis.call("ListShards", asked)
            shards = answer.get("Shards")
            for shard in shards if isinstance(shards, list) else ():
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found[shard["ShardId"]] = frozenset(parent for parent in parents if parent)
            if not answer.get("NextToken"):
                return found
            asked = {"NextToken": answer["NextToken"]}

    async def iterator(self, shard: str, checkpoint: str) -> str | None:
        """Where reading goes on after `checkpoint`; None where there is nothing more to read."""
        if checkpoint == SHARD_END:
            return None
        place: Json = (
            {"ShardIteratorType": TRIM_HORIZON}
            if checkpoint == TRIM_HORIZON
            else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": checkpoint}
        )
        answer = await self._kinesis.call("GetShardIterator", {"StreamName": self._name, "ShardId": shard, **place})
        return str(answer["ShardIterator"])

    async def read(self, iterator: str) -> Reading:
        """The next records. An iterator that is too old is an `AwsError` with a code of `EXPIRED`."""
        answer = await self._kinesis.call("GetRecords", {"ShardIterator": iterator, "Limit": AT_ONCE})
        records = answer.get("Records")
        following, behind_ms = answer.get("NextShardIterator"), answer.get("MillisBehindLatest")
        return Reading(
            records=tuple(_record(each) for each in records) if isinstance(records, list) else (),
            next=str(following) if following else None,
            behind_s=behind_ms / 1000 if isinstance(behind_ms, (int, float)) else 0.0,
        )


def is_expired(error: AwsError) -> bool:
    """Is it the iterator's age that a read was refused for?"""
    return error.code in EXPIRED


def _record(entry: Mapping[str, Any]) -> Record:
    return Record(
        sequence=str(entry["SequenceNumber"]),
        data=base64.b64decode(entry["Data"]),
        arrived_at=float(entry.get("ApproximateArrivalTimestamp", 0.0)),
    )

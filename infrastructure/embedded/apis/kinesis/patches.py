"""Kinesis shards whose calls cost what they move, and which do not grow for ever.

Replaces in `moto.kinesis.models.Shard` (moto 5.2): `put_record`, `get_min_sequence_number`, `get_max_sequence_number`,
which build a list of all records held, and `get_records`, which walks them from the first one. Sequence numbers stay
moto's: one more each time. AWS keeps a record for the retention period; here at most `KEPT` a shard are kept, and the
oldest go first. `KinesisResponse.create_stream` keeps the tags that the call brings, which moto drops.
"""

from typing import Any

from moto.kinesis import models
from moto.kinesis.responses import KinesisResponse

KEPT = 100_000
LARGEST_READ = 10_000
"""Records GetRecords gives at most (Amazon Kinesis Data Streams API Reference)."""


_moto_create_stream = KinesisResponse.create_stream


def _create_stream(response: Any) -> Any:
    answer = _moto_create_stream(response)
    name, tags = response._get_param("StreamName"), response._get_param("Tags", {})  # moto's way to read a parameter
    response.kinesis_backend.add_tags_to_stream(None, name, tags)
    return answer


def _put_record(shard: Any, partition_key: str, data: str, explicit_hash_key: str) -> str:
    number = _last(shard) + 1
    shard.records[number] = models.Record(partition_key, data, number, explicit_hash_key)
    shard.last_number = number
    while len(shard.records) > KEPT:
        shard.records.popitem(last=False)
    return str(number)


def _last(shard: Any) -> int:
    """The highest number given so far, also when its record is gone."""
    held = next(reversed(shard.records)) if shard.records else 0
    return max(int(getattr(shard, "last_number", 0)), held)


def _min(shard: Any) -> int:
    return int(next(iter(shard.records))) if shard.records else 0


def _max(shard: Any) -> int:
    return int(next(reversed(shard.records))) if shard.records else 0


def _get_records(shard: Any, last_sequence_id: str, limit: int | None) -> tuple[list[Any], int, int]:
    """Records after `last_sequence_id`, the number of the last one, and how many milliseconds it is behind the tip."""
    last = int(last_sequence_id)
    found: list[Any] = []
    number = max(last + 1, _min(shard))
    while number in shard.records and len(found) < min(limit or LARGEST_READ, LARGEST_READ):
        found.append(shard.records[number])
        number += 1
    if not found:
        return [], last, 0
    behind = shard.records[_max(shard)].created_at - found[-1].created_at
    return found, found[-1].sequence_number, int(behind * 1000)


def install() -> None:
    """Replace them on moto's classes."""
    models.Shard.put_record = _put_record
    models.Shard.get_min_sequence_number = _min
    models.Shard.get_max_sequence_number = _max
    models.Shard.get_records = _get_records
    KinesisResponse.create_stream = _create_stream

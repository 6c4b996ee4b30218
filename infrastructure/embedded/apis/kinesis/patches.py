"""Kinesis shards whose calls cost what they move, and which do not grow for ever.

Replaces in `moto.kinesis.models.Shard` (moto 5.2): `put_record`, `get_min_sequence_number`, `get_max_sequence_number`,
which build a list of all records held, and `get_records`, which walks them from the first one. Sequence numbers stay
moto's: one more each time. AWS keeps a record for the retention period; here at most `KEPT` a shard are kept, and the
oldest go first. `KinesisResponse.create_stream` keeps the tags that the call brings, which moto drops. Of `Stream` it
replaces `get_shard_for_key`, which finds shards that are closed, and none for the last key of each; and has
`split_shard` and `merge_shards` leave the records where they were put.
"""

from collections import OrderedDict
from hashlib import md5
from typing import Any

from moto.kinesis import models
from moto.kinesis.responses import KinesisResponse

KEPT = 100_000
LARGEST_READ = 10_000
MOST_BYTES = 10 << 20
"""Records, and bytes of them, that GetRecords gives at most (Amazon Kinesis Data Streams API Reference)."""

_moto_create_stream = KinesisResponse.create_stream
_moto_shard_for_key = models.Stream.get_shard_for_key
_moto_split = models.Stream.split_shard
_moto_merge = models.Stream.merge_shards


def _create_stream(response: Any) -> Any:
    answer = _moto_create_stream(response)
    name, tags = response._get_param("StreamName"), response._get_param("Tags", {})  # moto's way to read a parameter
    response.kinesis_backend.add_tags_to_stream(None, name, tags)
    return answer


def size_of(data: str, partition_key: str) -> int:
    """Bytes of a record: its data, which comes in base64, and its key."""
    return len(data) // 4 * 3 - data[-2:].count("=") + len(partition_key.encode())


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
    number, size = max(last + 1, _min(shard)), 0
    while number in shard.records and len(found) < min(limit or LARGEST_READ, LARGEST_READ):
        size += size_of(shard.records[number].data, shard.records[number].partition_key)
        if size > MOST_BYTES and found:
            break
        found.append(shard.records[number])
        number += 1
    if not found:
        return [], last, 0
    behind = shard.records[_max(shard)].created_at - found[-1].created_at
    return found, found[-1].sequence_number, int(behind * 1000)


def _shard_for_key(stream: Any, partition_key: str, explicit_hash_key: str | None) -> Any:
    """The open shard of a key; a shard's range includes both its ends."""
    _moto_shard_for_key(stream, partition_key, explicit_hash_key)  # it refuses what is no key
    digest = md5(partition_key.encode(), usedforsecurity=False).hexdigest()
    key = int(explicit_hash_key) if explicit_hash_key else int(digest, 16)
    return next(
        each for each in stream.shards.values() if each.is_open and each.starting_hash <= key <= each.ending_hash
    )


def _staying(change: Any) -> Any:
    """A change of shards that moves no record: what was put into a shard is read from it."""

    def changed(stream: Any, first: str, second: str) -> Any:
        shards = {name: stream.shards[name] for name in (first, second) if name in stream.shards}
        held = {name: shard.records for name, shard in shards.items()}
        for shard in shards.values():
            shard.records = OrderedDict()
        try:
            return change(stream, first, second)
        finally:
            for name, shard in shards.items():
                shard.records = held[name]

    return changed


def install() -> None:
    """Replace them on moto's classes."""
    models.Shard.put_record = _put_record
    models.Shard.get_min_sequence_number = _min
    models.Shard.get_max_sequence_number = _max
    models.Shard.get_records = _get_records
    models.Stream.get_shard_for_key = _shard_for_key
    models.Stream.split_shard = _staying(_moto_split)
    models.Stream.merge_shards = _staying(_moto_merge)
    KinesisResponse.create_stream = _create_stream

"""Records of the order stream that no worker has dealt with yet, by the checkpoints of the workers' leases."""

from typing import Any

from plugins.books.readers import Cloud, records, scan, shards_of
from services.analytics.leases import SHARD_END, TRIM_HORIZON

_LIMIT = 1000


def unread(cloud: Cloud) -> int:
    """How many there are, up to a thousand of each shard. A shard without a lease is unread from its beginning."""
    kinesis, stream = cloud.client("kinesis"), cloud.output("OrderStreamName")
    done = {
        item["leaseKey"]["S"]: item["checkpoint"]["S"] for item in scan(cloud, cloud.output("StreamLeaseTableName"))
    }
    places = ((shard, done.get(shard, TRIM_HORIZON)) for shard in shards_of(kinesis, stream))
    return sum(_after(kinesis, stream, shard, place) for shard, place in places if place != SHARD_END)


def _after(kinesis: Any, stream: str, shard: str, checkpoint: str) -> int:
    place: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
    if checkpoint != TRIM_HORIZON:
        place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": checkpoint}
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **place)["ShardIterator"]
    return len(records(kinesis, iterator, _LIMIT)["Records"])

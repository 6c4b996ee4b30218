"""Calls that split and merge shards. Records stay where they were put: a closed shard is read to its end.

Source: API Reference, SplitShard, MergeShards, UpdateShardCount ("performs splits or merges on individual shards. This
can cause short-lived shards to be created"; "more than ten times per rolling 24-hour period", "double", "half").
"""

from functools import partial

from infrastructure.embedded.apis.kinesis import refusals
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.settings import DAY_S
from infrastructure.embedded.apis.kinesis.stream import Shard, Stream, uniform
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

MOST_SHARDS = 10_000
SCALINGS_A_DAY = 10


def split(stream: Stream, shard: Shard, key: int, at: float) -> None:
    """Two shards of one; the second one begins at `key`."""
    stream.add_shards([(shard.start, key - 1), (key, shard.end)], at, (shard,))


def merge(stream: Stream, lower: Shard, upper: Shard, at: float) -> Shard:
    """One shard of two neighbours."""
    [made] = stream.add_shards([(lower.start, upper.end)], at, (lower, upper))
    return made


def scale(stream: Stream, count: int, at: float) -> None:
    """So many shards of equal size: split where one is to begin, then merge what belongs together."""
    ranges = uniform(count)
    for start, _ in ranges:
        shard = stream.shard_for(start)
        if shard.start < start:
            split(stream, shard, start, at)
    for start, end in ranges:
        shard = stream.shard_for(start)
        while shard.end < end:
            shard = merge(stream, shard, stream.shard_for(shard.end + 1), at)


class ReshardingCalls:
    """Answers them for the streams of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation("SplitShard", effect="two shards of one, which is closed: its records can be read on")
    def split(self, given: Members) -> None:
        registry = self._registry
        stream, key = self._provisioned(given), int(given["NewStartingHashKey"])
        shard = self._shard(stream, given["ShardToSplit"])
        self._check_open(stream, shard)
        if not shard.start + 1 < key < shard.end:
            raise refusals.invalid(
                f"NewStartingHashKey {key} used in SplitShard() on shard {shard.id} in stream {stream.stream_name} "
                f"under account {registry.account} is not both greater than one plus the shard's StartingHashKey "
                f"{shard.start} and less than the shard's EndingHashKey {shard.end}."
            )
        registry.check_shards(1)
        self._check_active(stream)
        registry.change(stream, partial(split, stream, shard, key))

    @operation("MergeShards", effect="one shard of two, which are closed: their records can be read on")
    def merge(self, given: Members) -> None:
        stream = self._provisioned(given)
        lower, upper = (self._shard(stream, given[name]) for name in ("ShardToMerge", "AdjacentShardToMerge"))
        for shard in (lower, upper):
            self._check_open(stream, shard)
        if lower.end + 1 != upper.start and upper.end + 1 != lower.start:
            raise refusals.invalid(
                f"Shards {lower.id} and {upper.id} in stream {stream.stream_name} under account "
                f"{self._registry.account} are not an adjacent pair of shards eligible for merging"
            )
        self._check_active(stream)
        if lower.start > upper.start:
            lower, upper = upper, lower
        self._registry.change(stream, partial(merge, stream, lower, upper))

    @operation("UpdateShardCount", effect="shards of equal size; the old ones are closed")
    def update(self, given: Members) -> Output:
        stream, target = self._provisioned(given), int(given["TargetShardCount"])
        self._check_active(stream)
        now, current = self._registry.clock(), len(stream.open_shards)
        self._check_scaling(stream, current, target, now)
        stream.reshardings.append(now)
        self._registry.change(stream, partial(scale, stream, target))
        return {
            "StreamName": stream.stream_name,
            "StreamARN": stream.arn,
            "CurrentShardCount": current,
            "TargetShardCount": target,
        }

    def _check_scaling(self, stream: Stream, current: int, target: int, now: float) -> None:
        counts = f"Current open shard count: {current} Target shard count: {target}"
        if target > 2 * current:
            raise refusals.limit(
                f"UpdateShardCount cannot scale up over double your current open shard count. {counts}"
            )
        if 2 * target < current:
            raise refusals.limit(
                f"UpdateShardCount cannot scale down below half your current open shard count. {counts}"
            )
        if target > MOST_SHARDS:
            raise refusals.limit(f"UpdateShardCount cannot scale a stream to more than {MOST_SHARDS} shards. {counts}")
        self._registry.check_shards(max(target - current, 0))
        stream.reshardings[:] = [at for at in stream.reshardings if at > now - DAY_S]
        if len(stream.reshardings) >= SCALINGS_A_DAY:
            raise refusals.limit(
                f"UpdateShardCount cannot scale stream {stream.stream_name} more than {SCALINGS_A_DAY} times per "
                "rolling 24-hour period."
            )

    def _provisioned(self, given: Members) -> Stream:
        stream = self._registry.find(given)
        if stream.mode == "ON_DEMAND":
            raise Refused(
                "ValidationException",
                f"Request is invalid. Stream {stream.stream_name} under account {self._registry.account} is in "
                "On-Demand mode.",
            )
        return stream

    def _shard(self, stream: Stream, name: str) -> Shard:
        if name not in stream.shards:
            raise refusals.absent(
                f"Could not find shard {name} in stream {stream.stream_name} under account {self._registry.account}."
            )
        return stream.shards[name]

    def _check_open(self, stream: Stream, shard: Shard) -> None:
        if not shard.is_open:
            raise refusals.invalid(
                f"Shard {shard.id} in stream {stream.stream_name} under account {self._registry.account} has already "
                "been merged or split, and thus is not eligible for merging or splitting."
            )

    def _check_active(self, stream: Stream) -> None:
        self._registry.active({"StreamName": stream.stream_name})

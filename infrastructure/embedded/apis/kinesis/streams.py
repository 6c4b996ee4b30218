"""Calls that make, delete and describe streams. Source: Amazon Kinesis Data Streams API Reference."""

from functools import partial
from typing import Any

from infrastructure.embedded.apis.kinesis import refusals, tokens
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import Stream, uniform
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import unsupported

ON_DEMAND_SHARDS = 4
"""What a new stream on demand has."""
ON_DEMAND_LIMIT = 50
CREATING_AT_ONCE = 5
_PAGE = 100
_NOT_PROVIDED = {"WarmThroughputMiBps": None, "MaxRecordSizeInKiB": 1024, "RecordDistributionStrategy": None}
"""Settings of a new stream that nothing here follows, and which value asks for nothing."""


class StreamCalls:
    """Answers them for the streams of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation("CreateStream", effect="a stream with its shards; CREATING for a while, in which nobody puts or gets")
    def create(self, given: Members) -> None:
        for name, nothing in _NOT_PROVIDED.items():
            if given.get(name) not in (None, nothing):
                raise unsupported(f"{name} of kinesis:CreateStream")
        name, registry = given["StreamName"], self._registry
        mode = given.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
        if registry.get(name) is not None:
            raise refusals.in_use(f"Stream {name} under account {registry.account} already exists.")
        count = self._shards(mode, given.get("ShardCount"))
        creating = sum(stream.status == "CREATING" for stream in registry.all())
        if creating >= CREATING_AT_ONCE:
            raise refusals.limit(f"Only {CREATING_AT_ONCE} streams can be CREATING at the same time.")
        stream = registry.add(name, mode)
        stream.tags.update(given.get("Tags", {}))
        registry.create(stream, partial(stream.add_shards, uniform(count)))

    def _shards(self, mode: str, asked: int | None) -> int:
        if mode == "ON_DEMAND":
            on_demand = sum(stream.mode == mode for stream in self._registry.all())
            if asked is not None:
                raise refusals.invalid("ShardCount cannot be given for a stream of mode ON_DEMAND.")
            if on_demand >= ON_DEMAND_LIMIT:
                raise refusals.limit(f"The account has {on_demand} streams of mode ON_DEMAND, the most.")
            return ON_DEMAND_SHARDS
        if asked is None:
            raise refusals.invalid("ShardCount is required for a stream of mode PROVISIONED.")
        self._registry.check_shards(asked)
        return asked

    @operation("DeleteStream", effect="DELETING for a while, then the stream and its records are gone")
    def delete(self, given: Members) -> None:
        stream, account = self._registry.active(given), self._registry.account
        if stream.consumers and not given.get("EnforceConsumerDeletion"):
            raise refusals.in_use(
                f"DeleteStream can't delete {account}:{stream.stream_name} because there are consumers associated with "
                f"this data stream. To delete {stream.stream_name} anyway, set the EnforceConsumerDeletion parameter "
                "to true to force the deletion of all the consumers that are associated with it."
            )
        self._registry.delete(stream)

    @operation("DescribeStream")
    def describe(self, given: Members) -> Output:
        stream = self._registry.find(given)
        after, most = given.get("ExclusiveStartShardId", ""), given.get("Limit", _PAGE)
        shards = [shard for shard in sorted(stream.shards.values(), key=lambda each: each.number) if shard.id > after]
        described = {
            **_described(stream),
            "Shards": [stream.described(shard) for shard in shards[:most]],
            "HasMoreShards": len(shards) > most,
        }
        return {"StreamDescription": described}

    @operation("DescribeStreamSummary")
    def summarise(self, given: Members) -> Output:
        stream = self._registry.find(given)
        counts = {"OpenShardCount": len(stream.open_shards), "ConsumerCount": len(stream.consumers)}
        return {"StreamDescriptionSummary": {**_described(stream), **counts, "MaxRecordSizeInKiB": 1024}}

    @operation("ListStreams")
    def list(self, given: Members) -> Output:
        after = given.get("ExclusiveStartStreamName", "")
        if given.get("NextToken"):
            try:
                [after] = tokens.read("streams", given["NextToken"])
            except ValueError as problem:
                raise refusals.invalid("NextToken is invalid.") from problem
        most = given.get("Limit", _PAGE)
        found = sorted((each for each in self._registry.all() if each.stream_name > after), key=_name)
        page, has_more = found[:most], len(found) > most
        return {
            "StreamNames": [stream.stream_name for stream in page],
            "StreamSummaries": [stream.summary() for stream in page],
            "HasMoreStreams": has_more,
            **({"NextToken": tokens.made("streams", page[-1].stream_name)} if has_more else {}),
        }

    @operation("DescribeLimits")
    def limits(self, _given: Members) -> Output:
        return {
            "ShardLimit": self._registry.shard_limit,
            "OpenShardCount": self._registry.provisioned_shards(),
            "OnDemandStreamCount": sum(stream.mode == "ON_DEMAND" for stream in self._registry.all()),
            "OnDemandStreamCountLimit": ON_DEMAND_LIMIT,
        }


def _name(stream: Stream) -> str:
    return stream.stream_name


def _described(stream: Stream) -> dict[str, Any]:
    return {
        **stream.summary(),
        "RetentionPeriodHours": stream.retention_period_hours,
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(stream.monitored)}],
        "EncryptionType": stream.encryption_type,
        **({"KeyId": stream.key_id} if stream.key_id is not None else {}),
    }

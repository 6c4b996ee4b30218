"""boto3, unmodified: waiters, paginators, subscriptions, and a consumer that leases shards and keeps checkpoints."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.apis.kinesis.tests.world import Clock, Streams
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.tests import sdk
from infrastructure.embedded.tests.control import run

Result = TypeVar("Result")


def served(use: Callable[[Any, Clock], Result]) -> Result:
    """What `use` makes of a client, in a thread beside the control plane, and of the clock that it moves."""

    async def scenario() -> Result:
        made, ports = Streams(), Ports()
        port = ports.allocate()
        await made.control.plane.serve(port)
        try:
            client = sdk.client("kinesis", f"http://127.0.0.1:{port}")
            return await asyncio.to_thread(use, client, made.clock)
        finally:
            await made.control.plane.close()
            ports.close()

    return run(scenario())


def test_waiters_and_paginators_come_to_their_end() -> None:
    def use(client: Any, _clock: Clock) -> None:
        for name in ("a", "b", "c"):
            client.create_stream(StreamName=name, ShardCount=3)
            client.get_waiter("stream_exists").wait(StreamName=name)
        pages = client.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2})
        assert [name for page in pages for name in page["StreamNames"]] == ["a", "b", "c"]
        described = client.get_paginator("describe_stream").paginate(StreamName="a", PaginationConfig={"PageSize": 2})
        assert len([shard for page in described for shard in page["StreamDescription"]["Shards"]]) == 3
        arn = client.describe_stream_summary(StreamName="a")["StreamDescriptionSummary"]["StreamARN"]
        for name in ("x", "y", "z"):
            client.register_stream_consumer(StreamARN=arn, ConsumerName=name)
        consumers = client.get_paginator("list_stream_consumers").paginate(
            StreamARN=arn, PaginationConfig={"PageSize": 2}
        )
        assert [each["ConsumerName"] for page in consumers for each in page["Consumers"]] == ["x", "y", "z"]
        client.delete_stream(StreamName="b")
        client.get_waiter("stream_not_exists").wait(StreamName="b")

    served(use)


def test_boto3s_paginator_of_shards_fails_on_the_second_page_as_it_does_on_aws() -> None:
    """Source: https://github.com/boto/botocore/issues/2009."""

    def use(client: Any, _clock: Clock) -> int:
        client.create_stream(StreamName="s", ShardCount=3)
        pages = client.get_paginator("list_shards").paginate(StreamName="s", PaginationConfig={"PageSize": 2})
        with pytest.raises(ClientError, match="NextToken and StreamName cannot be provided together"):
            list(pages)
        whole = client.get_paginator("list_shards").paginate(StreamName="s")
        return sum(len(page["Shards"]) for page in whole)

    assert served(use) == 3


def test_a_subscription_pushes_records_to_boto3() -> None:
    def use(client: Any, _clock: Clock) -> list[bytes]:
        client.create_stream(StreamName="s", ShardCount=1)
        arn = client.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
        consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
        client.put_record(StreamName="s", Data=b"before", PartitionKey="k")
        events = client.subscribe_to_shard(
            ConsumerARN=consumer, ShardId="shardId-000000000000", StartingPosition={"Type": "TRIM_HORIZON"}
        )["EventStream"]
        found: list[bytes] = []
        for event in events:
            found += [record["Data"] for record in event["SubscribeToShardEvent"]["Records"]]
            if b"after" in found:
                break
            client.put_record(StreamName="s", Data=b"after", PartitionKey="k")
        events.close()
        return found

    assert served(use) == [b"before", b"after"]


class Consumer:
    """As the Kinesis Client Library reads: parents before children, a checkpoint after each batch, dies at any time."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self.checkpoints: dict[str, str] = {}
        self.seen: list[bytes] = []

    def run(self, batches: int) -> bool:
        """Handle so many batches, then die with the next one read and not handled; whether everything is read."""
        for shard, batch in self._batches():
            if batches == 0:
                return False
            batches -= 1
            self.seen += [record["Data"] for record in batch]
            self.checkpoints[shard] = batch[-1]["SequenceNumber"]
        return True

    def _batches(self) -> Iterator[tuple[str, list[Any]]]:
        listed = self._client.list_shards(StreamName="s", ShardFilter={"Type": "FROM_TRIM_HORIZON"})["Shards"]
        done: set[str] = set()
        for shard in sorted(listed, key=lambda each: str(each["ShardId"])):  # parents have lower numbers
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} - {None}
            assert parents <= done, "a child is read when its parents are at their end"
            yield from ((shard["ShardId"], batch) for batch in self._read(shard["ShardId"]))
            done.add(shard["ShardId"])

    def _read(self, shard: str) -> Iterator[list[Any]]:
        at = self.checkpoints.get(shard)
        kind = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": at} if at else {}
        asked = kind or {"ShardIteratorType": "TRIM_HORIZON"}
        self._clock.now += 1.0
        iterator = self._client.get_shard_iterator(StreamName="s", ShardId=shard, **asked)["ShardIterator"]
        while iterator is not None:
            self._clock.now += 1.0
            page = self._client.get_records(ShardIterator=iterator, Limit=7)
            if page["Records"]:
                yield page["Records"]
            elif page["MillisBehindLatest"] == 0 and "NextShardIterator" in page:
                return
            iterator = page.get("NextShardIterator")


def test_a_consumer_with_checkpoints_loses_and_doubles_nothing_whatever_happens_to_its_shards() -> None:
    def use(client: Any, clock: Clock) -> tuple[list[bytes], list[bytes]]:
        client.create_stream(StreamName="s", ShardCount=2)
        consumer = Consumer(client, clock)
        written: list[bytes] = []
        for step, shards in enumerate((4, 2, 3, 3)):
            texts = [f"{step}-{number}".encode() for number in range(60)]
            records = [{"Data": text, "PartitionKey": f"k{number % 11}"} for number, text in enumerate(texts)]
            assert client.put_records(StreamName="s", Records=records)["FailedRecordCount"] == 0
            written += texts
            consumer.run(batches=3)
            client.update_shard_count(StreamName="s", TargetShardCount=shards, ScalingType="UNIFORM_SCALING")
            clock.now += 1.0
        while not consumer.run(batches=5):
            clock.now += 1.0
        return consumer.seen, written

    seen, written = served(use)
    assert sorted(seen) == sorted(written)

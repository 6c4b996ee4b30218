"""Consumers are registered and forgotten; one that is subscribed gets records as they come, to the end of its shard."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from infrastructure.embedded.apis.kinesis.tests.world import SHARD, Streams, decoded, streams
from infrastructure.embedded.tests.control import ACCOUNT, REGION, run

ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
LAG_S = 30.0


@pytest.mark.parametrize(
    ("action", "members", "code"),
    [
        ("ListStreamConsumers", {"StreamARN": f"{ARN}absent"}, "ResourceNotFoundException"),
        ("RegisterStreamConsumer", {"StreamARN": f"{ARN}absent", "ConsumerName": "c"}, "ResourceNotFoundException"),
        ("RegisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "one"}, "ResourceInUseException"),
        ("DeregisterStreamConsumer", {"StreamARN": ARN, "ConsumerName": "c"}, "ResourceNotFoundException"),
        ("DescribeStreamConsumer", {"StreamARN": ARN}, "InvalidArgumentException"),
        ("DeleteStream", {"StreamName": "s"}, "ResourceInUseException"),
        ("ListStreamConsumers", {"StreamARN": ARN, "NextToken": "nope"}, "InvalidArgumentException"),
    ],
)
def test_what_makes_no_sense_is_refused(action: str, members: dict[str, Any], code: str) -> None:
    async def refusal() -> str:
        return await (await _registered()).code(action, **members)

    assert run(refusal()) == code


async def _registered(*, lag_s: float = 0.0) -> Streams:
    made = await streams(lag_s=lag_s)
    for name in ("one", "two"):
        await made.ask("RegisterStreamConsumer", StreamARN=ARN, ConsumerName=name)
    made.clock.now += lag_s
    return made


async def _arn(made: Streams, name: str = "one") -> str:
    found = await made.ask("DescribeStreamConsumer", StreamARN=ARN, ConsumerName=name)
    return str(found["ConsumerDescription"]["ConsumerARN"])


@pytest.mark.parametrize("by", ["name", "arn"])
def test_the_consumer_that_is_named_goes(by: str) -> None:
    async def scenario() -> None:
        made = await _registered(lag_s=LAG_S)
        named = {"StreamARN": ARN, "ConsumerName": "one"}
        await made.ask("DeregisterStreamConsumer", **(named if by == "name" else {"ConsumerARN": await _arn(made)}))
        described = await made.ask("DescribeStreamConsumer", **named)
        assert described["ConsumerDescription"]["ConsumerStatus"] == "DELETING"
        made.clock.now += LAG_S
        found = await made.ask("ListStreamConsumers", StreamARN=ARN)
        assert [each["ConsumerName"] for each in found["Consumers"]] == ["two"]

    run(scenario())


def test_consumers_are_listed_page_by_page_and_no_more_than_twenty() -> None:
    async def scenario() -> None:
        made = await streams()
        for number in range(20):
            await made.ask("RegisterStreamConsumer", StreamARN=ARN, ConsumerName=f"c{number:02}")
        one_more = {"StreamARN": ARN, "ConsumerName": "c20"}
        assert await made.code("RegisterStreamConsumer", **one_more) == "LimitExceededException"
        first = await made.ask("ListStreamConsumers", StreamARN=ARN, MaxResults=15)
        rest = await made.ask("ListStreamConsumers", StreamARN=ARN, NextToken=first["NextToken"])
        assert (len(first["Consumers"]), len(rest["Consumers"])) == (15, 5)
        assert await made.code("DeleteStream", StreamName="s", EnforceConsumerDeletion=True) == ""

    run(scenario())


class Subscription:
    """The events of one, read as botocore reads them."""

    def __init__(self, stream: AsyncGenerator[bytes, None]) -> None:
        self._stream, self._buffer = stream, EventStreamBuffer()

    @classmethod
    async def of(cls, made: Streams, kind: str = "TRIM_HORIZON", name: str = "one", **more: Any) -> "Subscription":
        asked = {"ConsumerARN": await _arn(made, name), "ShardId": SHARD, "StartingPosition": {"Type": kind, **more}}
        answer = await made.control.answer("kinesis", "SubscribeToShard", **asked)
        assert answer.stream is not None, answer.body
        made_of = cls(answer.stream)
        assert (await made_of.next())[0] == "initial-response"
        return made_of

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event: its type and its members; the type is empty at the end."""
        try:
            self._buffer.add_data(await asyncio.wait_for(anext(self._stream), 10.0))
        except StopAsyncIteration:
            return "", {}
        message: Any = next(self._buffer)
        kind = message.headers.get(":event-type") or message.headers[":exception-type"]
        return str(kind), json.loads(message.payload)

    async def texts(self) -> list[str]:
        _, members = await self.next()
        return [decoded(each["Data"]) for each in members["Records"]]

    async def close(self) -> None:
        await self._stream.aclose()


def test_records_are_pushed_as_they_come() -> None:
    async def scenario() -> None:
        made = await _registered()
        await made.put("before")
        subscription = await Subscription.of(made)
        assert await subscription.texts() == ["before"]
        waiting = asyncio.ensure_future(subscription.next())
        await asyncio.sleep(0)
        await made.put("after")
        kind, event = await waiting
        assert (kind, [decoded(each["Data"]) for each in event["Records"]]) == ("SubscribeToShardEvent", ["after"])
        assert event["ContinuationSequenceNumber"] == event["Records"][-1]["SequenceNumber"]
        assert event["MillisBehindLatest"] == 0
        await subscription.close()

    run(scenario())


def test_a_continuation_number_goes_on_where_the_subscription_ended() -> None:
    async def scenario() -> None:
        made = await _registered()
        await made.put("a")
        first = await Subscription.of(made)
        _, event = await first.next()
        await first.close()
        await made.put("b")
        made.clock.now += 5.0
        number = event["ContinuationSequenceNumber"]
        second = await Subscription.of(made, "AFTER_SEQUENCE_NUMBER", SequenceNumber=number)
        assert await second.texts() == ["b"]
        await second.close()

    run(scenario())


def test_a_second_subscription_within_five_seconds_is_refused_and_a_later_one_takes_over() -> None:
    async def scenario() -> None:
        made = await _registered()
        first = await Subscription.of(made)
        assert await first.texts() == []
        asked = {"ConsumerARN": await _arn(made), "ShardId": SHARD, "StartingPosition": {"Type": "LATEST"}}
        refusal = await made.refusal("SubscribeToShard", **asked)
        assert refusal["__type"] == "ResourceInUseException"
        assert refusal["message"].startswith("Another active subscription exists for this consumer")
        made.clock.now += 5.0
        second = await Subscription.of(made)
        await made.put("for the second")
        assert await first.next() == ("", {})
        assert await second.texts() == ["for the second"]
        await second.close()

    run(scenario())


def test_a_subscription_ends_after_five_minutes_and_with_its_shard_its_consumer_or_its_stream() -> None:
    async def scenario() -> None:
        made = await _registered()
        ended = await Subscription.of(made, "LATEST")
        await ended.texts()
        made.clock.now += 300.0
        await made.put("too late")
        assert await ended.next() == ("", {})

        of_shard, of_consumer = await Subscription.of(made, "LATEST"), await Subscription.of(made, "LATEST", name="two")
        await of_shard.texts()
        await of_consumer.texts()
        await made.ask("SplitShard", StreamName="s", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
        await made.ask("ListShards", StreamName="s")
        _, last = await of_shard.next()
        assert last["ContinuationSequenceNumber"] is None
        assert [each["ShardId"] for each in last["ChildShards"]] == ["shardId-000000000001", "shardId-000000000002"]
        assert await of_shard.next() == ("", {})
        await of_consumer.close()

        made.clock.now += 5.0
        child = await Subscription.of(made, "LATEST")
        await made.ask("DeleteStream", StreamName="s", EnforceConsumerDeletion=True)
        assert (await child.next())[0] == "ResourceNotFoundException"

    run(scenario())


def test_a_consumer_that_is_not_active_cannot_subscribe() -> None:
    async def scenario() -> None:
        made = await streams(lag_s=LAG_S)
        registered = await made.ask("RegisterStreamConsumer", StreamARN=ARN, ConsumerName="one")
        arn = registered["Consumer"]["ConsumerARN"]
        asked = {"ConsumerARN": arn, "ShardId": SHARD, "StartingPosition": {"Type": "LATEST"}}
        refusal = await made.refusal("SubscribeToShard", **asked)
        assert refusal["message"] == (
            f"Consumer one with creation timestamp {arn.rpartition(':')[2]} under stream: s, account {ACCOUNT} is not "
            "in ACTIVE status."
        )
        made.clock.now += LAG_S
        incomplete = {**asked, "StartingPosition": {"Type": "AT_TIMESTAMP"}}
        assert await made.code("SubscribeToShard", **incomplete) == "InvalidArgumentException"

    run(scenario())

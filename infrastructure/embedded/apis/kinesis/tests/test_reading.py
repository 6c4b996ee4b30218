"""From where a shard is read: every kind of iterator, what they say of the past, and how long they hold."""

from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis.tests.world import SHARD, Streams, streams
from infrastructure.embedded.tests.control import ACCOUNT, run

HOUR_S = 3600.0


async def _three(made: Streams) -> list[dict[str, Any]]:
    """Three records, a second apart."""
    found = []
    for text in "abc":
        found.append(await made.put(text))
        made.clock.now += 1.0
    return found


def test_each_kind_of_iterator_begins_where_it_says() -> None:
    async def scenario() -> dict[str, list[str]]:
        made = await streams()
        begun = made.clock.now
        numbers = [each["SequenceNumber"] for each in await _three(made)]
        wanted: dict[str, dict[str, Any]] = {
            "TRIM_HORIZON": {},
            "LATEST": {},
            "AT_SEQUENCE_NUMBER": {"StartingSequenceNumber": numbers[1]},
            "AFTER_SEQUENCE_NUMBER": {"StartingSequenceNumber": numbers[1]},
            "AT_TIMESTAMP": {"Timestamp": begun + 1.0},
        }
        iterators = {kind: await made.iterator(kind, **more) for kind, more in wanted.items()}
        await made.put("d")
        found = {}
        for kind, iterator in iterators.items():
            made.clock.now += 1.0
            found[kind] = (await made.read(iterator))[0]
        return found

    assert run(scenario()) == {
        "TRIM_HORIZON": ["a", "b", "c", "d"],
        "LATEST": ["d"],
        "AT_SEQUENCE_NUMBER": ["b", "c", "d"],
        "AFTER_SEQUENCE_NUMBER": ["c", "d"],
        "AT_TIMESTAMP": ["b", "c", "d"],
    }


@pytest.mark.parametrize(("after_s", "expected"), [(-5.0, ["a", "b", "c"]), (0.5, ["b", "c"]), (2.5, [])])
def test_a_time_between_records_begins_with_the_next_one(after_s: float, expected: list[str]) -> None:
    async def scenario() -> list[str]:
        made = await streams()
        begun = made.clock.now
        await _three(made)
        return (await made.read(await made.iterator("AT_TIMESTAMP", Timestamp=begun + after_s)))[0]

    assert run(scenario()) == expected


def test_the_time_that_a_record_tells_finds_that_record() -> None:
    async def scenario() -> None:
        made = await streams()
        made.clock.now += 0.123_987
        await made.put("it")
        made.clock.now += 1.0
        [record] = (await made.read(await made.iterator()))[1]["Records"]
        again = await made.iterator("AT_TIMESTAMP", Timestamp=record["ApproximateArrivalTimestamp"])
        assert (await made.read(again))[0] == ["it"]

    run(scenario())


def test_behind_is_how_long_ago_the_last_record_came_while_there_are_more() -> None:
    async def scenario() -> list[int]:
        made = await streams()
        await _three(made)
        page = await made.ask("GetRecords", ShardIterator=await made.iterator(), Limit=1)
        rest = await made.ask("GetRecords", ShardIterator=page["NextShardIterator"])
        return [page["MillisBehindLatest"], rest["MillisBehindLatest"]]

    assert run(scenario()) == [3000, 0]


def test_records_are_kept_for_the_retention_period() -> None:
    async def scenario() -> None:
        made = await streams()
        [first, *_] = await _three(made)
        after = {"StartingSequenceNumber": first["SequenceNumber"]}
        made.clock.now += 24 * HOUR_S - 2.5
        assert (await made.read(await made.iterator()))[0] == ["b", "c"]
        assert (await made.read(await made.iterator("AFTER_SEQUENCE_NUMBER", **after)))[0] == ["b", "c"]
        await made.ask("IncreaseStreamRetentionPeriod", StreamName="s", RetentionPeriodHours=25)
        made.clock.now += HOUR_S - 1.0
        assert "c" in (await made.read(await made.iterator()))[0]
        await made.ask("DecreaseStreamRetentionPeriod", StreamName="s", RetentionPeriodHours=24)
        assert (await made.read(await made.iterator("AT_SEQUENCE_NUMBER", **after)))[0] == []
        await made.put("d")
        made.clock.now += 1.0
        assert (await made.read(await made.iterator("AT_SEQUENCE_NUMBER", **after)))[0] == ["d"]

    run(scenario())


def test_a_closed_shard_is_forgotten_with_its_records() -> None:
    async def scenario() -> None:
        made = await streams()
        await made.put("a")
        half = {"ShardToSplit": SHARD, "NewStartingHashKey": str(2**127)}
        await made.ask("SplitShard", StreamName="s", **half)
        assert len((await made.ask("ListShards", StreamName="s"))["Shards"]) == 3
        made.clock.now += 25 * HOUR_S
        assert len((await made.ask("ListShards", StreamName="s"))["Shards"]) == 2
        asked = {"StreamName": "s", "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"}
        assert await made.code("GetShardIterator", **asked) == "ResourceNotFoundException"

    run(scenario())


def test_an_iterator_holds_for_five_minutes() -> None:
    async def scenario() -> None:
        made = await streams()
        iterator = await made.iterator()
        made.clock.now += 300.0
        await made.read(iterator)
        made.clock.now += 0.5
        refusal = await made.refusal("GetRecords", ShardIterator=iterator)
        assert refusal["__type"] == "ExpiredIteratorException"
        assert refusal["message"] == (
            "Iterator expired. The iterator was created at time Fri Jan 15 08:00:00 UTC 2027 while right now it is "
            "Fri Jan 15 08:05:00 UTC 2027 which is further in the future than the tolerated delay of 300000 "
            "milliseconds."
        )

    run(scenario())


def test_an_iterator_of_a_stream_that_was_made_anew_leads_nowhere() -> None:
    async def scenario() -> None:
        made = await streams()
        iterator = await made.iterator()
        await made.ask("DeleteStream", StreamName="s")
        made.clock.now += 1.0
        await made.ask("CreateStream", StreamName="s", ShardCount=1)
        assert await made.code("GetRecords", ShardIterator=iterator) == "ResourceNotFoundException"

    run(scenario())


def test_what_is_no_place_in_the_shard_is_refused() -> None:
    async def scenario() -> None:
        made = await streams(2)
        put = await made.put("a", ExplicitHashKey="0")
        asked = {"StreamName": "s", "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
        number = put["SequenceNumber"]
        elsewhere = await made.refusal(
            "GetShardIterator", ShardId="shardId-000000000001", StartingSequenceNumber=number, **asked
        )
        assert elsewhere["message"].startswith(f"Invalid StartingSequenceNumber. It encodes {SHARD}, while it was used")
        of_nobody = await made.refusal("GetShardIterator", ShardId=SHARD, StartingSequenceNumber="1", **asked)
        assert of_nobody["message"] == (
            f"StartingSequenceNumber 1 used in GetShardIterator on shard {SHARD} in stream s under account {ACCOUNT} "
            "is invalid because it did not come from this stream."
        )
        later = {"StreamName": "s", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": made.clock.now + 60.0}
        assert await made.code("GetShardIterator", ShardId=SHARD, **later) == "InvalidArgumentException"
        for token in ("nope", "eA==", (await made.iterator())[:-4]):
            assert await made.code("GetRecords", ShardIterator=token) == "InvalidArgumentException"

    run(scenario())


def test_sequence_numbers_grow_over_all_shards_and_are_as_long_as_on_aws() -> None:
    async def scenario() -> list[str]:
        made = await streams(3)
        return [(await made.put("a", key=key))["SequenceNumber"] for key in "abcdefgh"]

    numbers = run(scenario())
    assert {len(number) for number in numbers} == {56}
    assert numbers == sorted(set(numbers))

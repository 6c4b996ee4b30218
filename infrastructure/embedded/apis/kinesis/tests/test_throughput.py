"""What a shard takes and gives, as AWS publishes it."""

from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis.tests.world import EXCEEDED, SHARD, Streams, encoded, streams
from infrastructure.embedded.tests.control import run


def _records(count: int, size: int = 2) -> list[dict[str, str]]:
    """Records of `size` bytes, of which the key is one."""
    return [{"Data": encoded(b"x" * (size - 1)), "PartitionKey": "k"} for _ in range(count)]


async def _put(made: Streams, count: int, size: int = 2) -> int:
    """How many of so many records the shard takes."""
    answer = await made.ask("PutRecords", StreamName="s", Records=_records(count, size))
    failed = [each for each in answer["Records"] if "ErrorCode" in each]
    assert answer["FailedRecordCount"] == len(failed)
    assert {each["ErrorCode"] for each in failed} <= {EXCEEDED}
    return count - len(failed)


async def _fill(made: Streams, count: int, size: int) -> None:
    for _ in range(count):
        made.clock.now += 1.0
        assert await _put(made, 1, size) == 1


def test_a_shard_takes_a_thousand_records_a_second() -> None:
    async def scenario() -> None:
        made = await streams()
        assert [await _put(made, 500) for _ in range(3)] == [500, 500, 0]
        made.clock.now += 0.25
        assert await _put(made, 500) == 250
        refusal = await made.refusal("PutRecord", StreamName="s", **_records(1)[0])
        assert (refusal["status"], refusal["__type"]) == (400, EXCEEDED)
        assert refusal["message"].startswith(f"Rate exceeded for shard {SHARD} in stream s under account ")

    run(scenario())


def test_a_shard_takes_a_mebibyte_a_second() -> None:
    async def scenario() -> None:
        made = await streams()
        assert await _put(made, 5, 300_000) == 3
        made.clock.now += 1.0
        assert await _put(made, 1, 1 << 20) == 1
        assert await _put(made, 1) == 0

    run(scenario())


def test_each_shard_has_its_own_throughput() -> None:
    async def scenario() -> None:
        made = await streams(2)
        halves = [{**each, "ExplicitHashKey": key} for key in ("0", str(2**128 - 1)) for each in _records(250)]
        taken = [(await made.ask("PutRecords", StreamName="s", Records=halves))["FailedRecordCount"] for _ in range(5)]
        assert taken == [0, 0, 0, 0, 500]

    run(scenario())


def test_a_shard_is_read_five_times_a_second() -> None:
    async def scenario() -> None:
        made = await streams()
        iterator = await made.iterator()
        answers = [await made.control.answer("kinesis", "GetRecords", ShardIterator=iterator) for _ in range(6)]
        assert [each.is_success for each in answers] == [True] * 5 + [False]
        assert EXCEEDED.encode() in answers[5].body
        made.clock.now += 0.2
        await made.ask("GetRecords", ShardIterator=iterator)

    run(scenario())


def test_a_read_gives_ten_mebibytes_and_then_none_for_five_seconds() -> None:
    async def scenario() -> None:
        made = await streams()
        await _fill(made, 11, 1 << 20)
        first = await made.ask("GetRecords", ShardIterator=await made.iterator())
        assert len(first["Records"]) == 10
        following = first["NextShardIterator"]
        made.clock.now += 3.9
        refusal = await made.refusal("GetRecords", ShardIterator=following)
        assert refusal["__type"] == EXCEEDED
        made.clock.now += 1.1
        assert len((await made.ask("GetRecords", ShardIterator=following))["Records"]) == 1

    run(scenario())


def test_a_read_gives_no_more_records_than_it_was_asked_for() -> None:
    async def scenario() -> None:
        made = await streams()
        await _put(made, 5)
        asked = {"ShardIterator": await made.iterator()}
        assert len((await made.ask("GetRecords", Limit=2, **asked))["Records"]) == 2
        refusal = await made.refusal("GetRecords", Limit=10_001, **asked)
        assert refusal["status"] == 400

    run(scenario())


@pytest.mark.parametrize(
    ("records", "is_taken"),
    [(_records(1, 1 << 20), True), (_records(1, (1 << 20) + 1), False), (_records(6, 900_000), False)],
    ids=["a mebibyte", "one byte more", "five mebibytes in all"],
)
def test_a_batch_has_its_sizes(records: list[dict[str, str]], is_taken: bool) -> None:
    async def scenario() -> None:
        made = await streams()
        answer = await made.control.answer("kinesis", "PutRecords", StreamName="s", Records=records)
        assert answer.is_success is is_taken
        if len(records) == 1:
            one = await made.control.answer("kinesis", "PutRecord", StreamName="s", **records[0])
            assert one.is_success is False, "the shard is full, or the record too large"

    run(scenario())


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("AFTER_SEQUENCE_NUMBER", {}),
        ("AT_SEQUENCE_NUMBER", {}),
        ("AT_TIMESTAMP", {}),
        ("LATEST", {"StartingSequenceNumber": "1"}),
        ("TRIM_HORIZON", {"Timestamp": 1.0}),
    ],
)
def test_an_iterator_that_says_too_little_or_too_much_is_refused(kind: str, more: dict[str, Any]) -> None:
    async def scenario() -> None:
        made = await streams()
        asked = {"StreamName": "s", "ShardId": SHARD, "ShardIteratorType": kind, **more}
        refusal = await made.refusal("GetShardIterator", **asked)
        assert (refusal["status"], refusal["__type"]) == (400, "InvalidArgumentException")

    run(scenario())

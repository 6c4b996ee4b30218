"""What a shard takes and gives, as AWS publishes it."""

import base64
from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis import throughput
from infrastructure.embedded.apis.kinesis.controller import KinesisController
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.tests.control import Control, run
from infrastructure.embedded.tests.ecs_world import world
from infrastructure.state import StateFolder

SHARD = "shardId-000000000000"
EXCEEDED = "ProvisionedThroughputExceededException"
NAMES = ("IncomingBytes", "IncomingRecords", "GetRecords.Records", "WriteProvisionedThroughputExceeded")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(throughput, "clock", made)
    return made


async def _stream() -> Control:
    control = Control()
    await control.ask("kinesis", "CreateStream", StreamName="s", ShardCount=1)
    return control


def _records(count: int, size: int = 2) -> list[dict[str, str]]:
    """Records of `size` bytes, of which the key is one."""
    return [{"Data": base64.b64encode(b"x" * (size - 1)).decode(), "PartitionKey": "k"} for _ in range(count)]


async def _put(control: Control, count: int, size: int = 2) -> int:
    """How many of so many records the shard takes."""
    answer = await control.ask("kinesis", "PutRecords", StreamName="s", Records=_records(count, size))
    failed = [each for each in answer["Records"] if "ErrorCode" in each]
    assert answer["FailedRecordCount"] == len(failed)
    assert {each["ErrorCode"] for each in failed} <= {EXCEEDED}
    return count - len(failed)


async def _fill(control: Control, clock: Clock, count: int, size: int) -> None:
    for _ in range(count):
        clock.now += 1.0
        assert await _put(control, 1, size) == 1


async def _iterator(control: Control, kind: str = "TRIM_HORIZON", **more: Any) -> str:
    asked = {"StreamName": "s", "ShardId": SHARD, "ShardIteratorType": kind, **more}
    return str((await control.ask("kinesis", "GetShardIterator", **asked))["ShardIterator"])


def test_a_shard_takes_a_thousand_records_a_second(clock: Clock) -> None:
    async def scenario() -> None:
        control = await _stream()
        assert [await _put(control, 500) for _ in range(3)] == [500, 500, 0]
        clock.now += 0.25
        assert await _put(control, 500) == 250
        refusal = await control.refusal("kinesis", "PutRecord", StreamName="s", **_records(1)[0])
        assert (refusal["status"], refusal["__type"]) == (400, EXCEEDED)
        assert refusal["message"].startswith(f"Rate exceeded for shard {SHARD} in stream s under account ")

    run(scenario())


def test_a_shard_takes_a_mebibyte_a_second(clock: Clock) -> None:
    async def scenario() -> None:
        control = await _stream()
        assert await _put(control, 5, 300_000) == 3
        clock.now += 1.0
        assert await _put(control, 1, 1 << 20) == 1
        assert await _put(control, 1) == 0

    run(scenario())


@pytest.mark.usefixtures("clock")
def test_each_shard_has_its_own_throughput() -> None:
    async def scenario() -> None:
        control = Control()
        await control.ask("kinesis", "CreateStream", StreamName="s", ShardCount=2)
        halves = [{**each, "ExplicitHashKey": key} for key in ("0", str(2**128 - 1)) for each in _records(250)]
        taken = [
            (await control.ask("kinesis", "PutRecords", StreamName="s", Records=halves))["FailedRecordCount"]
            for _ in range(5)
        ]
        assert taken == [0, 0, 0, 0, 500]

    run(scenario())


def test_a_shard_is_read_five_times_a_second(clock: Clock) -> None:
    async def scenario() -> None:
        control = await _stream()
        iterator = await _iterator(control)
        answers = [await control.answer("kinesis", "GetRecords", ShardIterator=iterator) for _ in range(6)]
        assert [each.is_success for each in answers] == [True] * 5 + [False]
        assert EXCEEDED.encode() in answers[5].body
        clock.now += 0.2
        await control.ask("kinesis", "GetRecords", ShardIterator=iterator)

    run(scenario())


def test_a_read_gives_ten_mebibytes_and_then_none_for_five_seconds(clock: Clock) -> None:
    async def scenario() -> None:
        control = await _stream()
        await _fill(control, clock, 11, 1 << 20)
        first = await control.ask("kinesis", "GetRecords", ShardIterator=await _iterator(control))
        assert len(first["Records"]) == 10
        following = first["NextShardIterator"]
        clock.now += 3.9
        refusal = await control.refusal("kinesis", "GetRecords", ShardIterator=following)
        assert refusal["__type"] == EXCEEDED
        clock.now += 1.1
        assert len((await control.ask("kinesis", "GetRecords", ShardIterator=following))["Records"]) == 1

    run(scenario())


@pytest.mark.usefixtures("clock")
def test_a_read_gives_no_more_records_than_it_was_asked_for() -> None:
    async def scenario() -> None:
        control = await _stream()
        await _put(control, 5)
        asked = {"ShardIterator": await _iterator(control)}
        assert len((await control.ask("kinesis", "GetRecords", Limit=2, **asked))["Records"]) == 2
        refusal = await control.refusal("kinesis", "GetRecords", Limit=10_001, **asked)
        assert refusal["status"] == 400

    run(scenario())


@pytest.mark.parametrize(
    ("records", "is_taken"),
    [(_records(1, 1 << 20), True), (_records(1, (1 << 20) + 1), False), (_records(6, 900_000), False)],
    ids=["a mebibyte", "one byte more", "five mebibytes in all"],
)
@pytest.mark.usefixtures("clock")
def test_a_batch_has_its_sizes(records: list[dict[str, str]], is_taken: bool) -> None:
    async def scenario() -> None:
        control = await _stream()
        answer = await control.answer("kinesis", "PutRecords", StreamName="s", Records=records)
        assert answer.is_success is is_taken
        if len(records) == 1:
            one = await control.answer("kinesis", "PutRecord", StreamName="s", **records[0])
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
        control = await _stream()
        asked = {"StreamName": "s", "ShardId": SHARD, "ShardIteratorType": kind, **more}
        refusal = await control.refusal("kinesis", "GetShardIterator", **asked)
        assert (refusal["status"], refusal["__type"]) == (400, "InvalidArgumentException")

    run(scenario())


@pytest.mark.usefixtures("clock")
def test_what_a_stream_takes_and_gives_is_reported(state: StateFolder) -> None:
    async def scenario() -> None:
        made = world(state)
        made.now[0] = 1_800_000_000.0
        KinesisController(made.context)
        backend = made.context.backends.kinesis
        backend.create_stream("s", 1)
        record = _records(1)[0]
        backend.put_records(None, "s", [record] * 3)
        backend.get_records(None, backend.get_shard_iterator(None, "s", SHARD, "TRIM_HORIZON", None, None), 10)
        made.context.metrics.collect(1.0, made.now[0])
        backend.put_records(None, "s", [record])
        made.context.metrics.collect(1.0, made.now[0] + 1.0)
        found = {
            name: [
                bucket.statistic("Sum")
                for _, bucket in made.context.metrics.store.query(
                    Key.of("AWS/Kinesis", name, {"StreamName": "s"}), made.now[0], made.now[0] + 2.0, 1.0
                )
            ]
            for name in NAMES
        }
        assert found == {
            "IncomingBytes": [6.0, 2.0],
            "IncomingRecords": [3.0, 1.0],
            "GetRecords.Records": [3.0, 0.0],
            "WriteProvisionedThroughputExceeded": [0.0, 0.0],
        }

    run(scenario())


@pytest.mark.parametrize("change", ["split", "merged"])
def test_a_closed_shard_is_read_to_its_end_and_takes_nothing_more(clock: Clock, change: str) -> None:
    async def scenario() -> None:
        control = Control()
        count = 1 if change == "split" else 2
        await control.ask("kinesis", "CreateStream", StreamName="s", ShardCount=count)
        before = {"Data": "YQ==", "PartitionKey": "k", "ExplicitHashKey": "0"}
        assert (await control.ask("kinesis", "PutRecord", StreamName="s", **before))["ShardId"] == SHARD
        iterator = await _iterator(control)
        if change == "split":
            half = {"ShardToSplit": SHARD, "NewStartingHashKey": str(2**127)}
            await control.ask("kinesis", "SplitShard", StreamName="s", **half)
        else:
            both = {"ShardToMerge": SHARD, "AdjacentShardToMerge": "shardId-000000000001"}
            await control.ask("kinesis", "MergeShards", StreamName="s", **both)
        clock.now += 1.0
        put = await control.ask("kinesis", "PutRecord", StreamName="s", **before)
        assert put["ShardId"] == f"shardId-00000000000{count}"
        page = await control.ask("kinesis", "GetRecords", ShardIterator=iterator)
        assert [each["Data"] for each in page["Records"]] == ["YQ=="]
        end = await control.ask("kinesis", "GetRecords", ShardIterator=page["NextShardIterator"])
        assert (end["Records"], end.get("NextShardIterator")) == ([], None)

    run(scenario())

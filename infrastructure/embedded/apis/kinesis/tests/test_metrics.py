"""What a stream takes and gives is in AWS/Kinesis, under AWS's names, units and dimensions."""

from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis.tests.world import SHARD, Streams, encoded, streams
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.tests.control import run

KIB = 1024


def _values(made: Streams, name: str, statistic: str = "Sum", **dimensions: str) -> list[float | None]:
    key = Key.of("AWS/Kinesis", name, {"StreamName": "s", **dimensions})
    found = made.metrics.store.query(key, 0.0, made.clock.now + 60.0, 1.0)
    return [bucket.statistic(statistic) for _, bucket in found]


async def _collected(made: Streams) -> None:
    """The period is over."""
    made.metrics.collect(1.0, made.clock.now)
    made.clock.now += 1.0


def test_sums_are_reported_every_period_with_zeros() -> None:
    async def scenario() -> dict[str, list[float | None]]:
        made = await streams()
        record = {"Data": encoded(b"xy"), "PartitionKey": "k"}
        await made.ask("PutRecords", StreamName="s", Records=[record] * 3)
        await made.read(await made.iterator())
        await _collected(made)
        await made.put("x")
        await _collected(made)
        names = ("IncomingBytes", "IncomingRecords", "GetRecords.Records", "PutRecord.Bytes", "PutRecords.TotalRecords")
        return {name: _values(made, name) for name in names}

    assert run(scenario()) == {
        "IncomingBytes": [9.0, 2.0],
        "IncomingRecords": [3.0, 1.0],
        "GetRecords.Records": [3.0, 0.0],
        "PutRecord.Bytes": [0.0, 2.0],
        "PutRecords.TotalRecords": [3.0, 0.0],
    }


def test_what_a_shard_does_not_take_or_give_is_counted() -> None:
    async def scenario() -> dict[str, list[float | None]]:
        made = await streams()
        big = {"Data": encoded(b"x" * 600 * KIB), "PartitionKey": "k"}
        await made.ask("PutRecords", StreamName="s", Records=[big] * 3)
        iterator = await made.iterator("LATEST")
        for _ in range(7):
            await made.control.answer("kinesis", "GetRecords", ShardIterator=iterator)
        await _collected(made)
        return {
            name: _values(made, name)
            for name in (
                "WriteProvisionedThroughputExceeded",
                "ReadProvisionedThroughputExceeded",
                "PutRecords.ThrottledRecords",
                "PutRecords.SuccessfulRecords",
                "PutRecords.FailedRecords",
            )
        }

    assert run(scenario()) == {
        "WriteProvisionedThroughputExceeded": [2.0],
        "ReadProvisionedThroughputExceeded": [2.0],
        "PutRecords.ThrottledRecords": [2.0],
        "PutRecords.SuccessfulRecords": [1.0],
        "PutRecords.FailedRecords": [0.0],
    }


def test_the_iterator_age_is_that_of_the_last_record_of_each_read() -> None:
    async def scenario() -> list[float | None]:
        made = await streams()
        await made.put("a")
        made.clock.now += 4.0
        await made.put("b")
        page = await made.ask("GetRecords", ShardIterator=await made.iterator(), Limit=1)
        made.clock.now += 6.0
        page = await made.ask("GetRecords", ShardIterator=page["NextShardIterator"])
        made.clock.now += 1.0
        await made.ask("GetRecords", ShardIterator=page["NextShardIterator"])
        return _values(made, "GetRecords.IteratorAgeMilliseconds", "Maximum")

    assert run(scenario()) == [4000.0, 6000.0, 0.0]


@pytest.mark.parametrize(("operation", "fails"), [("PutRecord", True), ("GetRecords", True), ("PutRecords", False)])
def test_each_call_tells_whether_it_succeeded_and_how_long_it_took(operation: str, fails: bool) -> None:
    """A batch succeeds also when none of its records does."""

    async def scenario() -> tuple[list[float | None], list[float | None]]:
        made = await streams()
        iterator = await made.iterator()
        record: dict[str, Any] = {"Data": encoded(b"x" * KIB * 1000), "PartitionKey": "k"}
        asked: dict[str, dict[str, Any]] = {
            "PutRecord": {"StreamName": "s", **record},
            "PutRecords": {"StreamName": "s", "Records": [record]},
            "GetRecords": {"ShardIterator": iterator},
        }
        for _ in range(6):
            await made.control.answer("kinesis", operation, **asked[operation])
        return (
            _values(made, f"{operation}.Success", "Average"),
            _values(made, f"{operation}.Latency", "SampleCount"),
        )

    [success], [timed] = run(scenario())
    assert timed is not None
    assert success is not None
    assert (success < 1.0) is fails
    assert timed == round(success * 6)


def test_shards_report_what_is_asked_of_them() -> None:
    async def scenario() -> None:
        made = await streams()
        await made.put("a")
        await _collected(made)
        assert _values(made, "IncomingRecords", ShardId=SHARD) == []
        asked = {"StreamName": "s", "ShardLevelMetrics": ["IncomingRecords", "IteratorAgeMilliseconds"]}
        enabled = await made.ask("EnableEnhancedMonitoring", **asked)
        assert (enabled["CurrentShardLevelMetrics"], enabled["DesiredShardLevelMetrics"]) == (
            [],
            ["IncomingRecords", "IteratorAgeMilliseconds"],
        )
        await made.put("b")
        await made.read(await made.iterator())
        await _collected(made)
        assert _values(made, "IncomingRecords", ShardId=SHARD) == [1.0]
        assert _values(made, "IncomingBytes", ShardId=SHARD) == []
        assert _values(made, "IteratorAgeMilliseconds", ShardId=SHARD) == [0.0]
        disabled = await made.ask("DisableEnhancedMonitoring", StreamName="s", ShardLevelMetrics=["ALL"])
        assert disabled["DesiredShardLevelMetrics"] == []

    run(scenario())


def test_a_deleted_stream_reports_no_more() -> None:
    async def scenario() -> list[float | None]:
        made = await streams()
        await _collected(made)
        await made.ask("DeleteStream", StreamName="s")
        await _collected(made)
        return _values(made, "IncomingRecords")

    assert run(scenario()) == [0.0]

"""ListShards: each filter means the shards that AWS's do, and a page is followed by the rest."""

from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis.tests.world import Streams, streams
from infrastructure.embedded.tests.control import run

HOUR_S = 3600.0


async def _split_after(hours: float) -> Streams:
    """Shard 0 is split into 1 and 2 so long after the stream was made; so long again passes."""
    made = await streams()
    made.clock.now += hours * HOUR_S
    half = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": str(2**127)}
    await made.ask("SplitShard", StreamName="s", **half)
    made.clock.now += hours * HOUR_S
    return made


async def _listed(made: Streams, **asked: Any) -> tuple[list[int], Any]:
    page = await made.ask("ListShards", **asked)
    return [int(each["ShardId"][-12:]) for each in page["Shards"]], page.get("NextToken")


@pytest.mark.parametrize(
    ("asked", "hours", "expected"),
    [
        ({"Type": "AT_LATEST"}, 1.0, [1, 2]),
        ({"Type": "AT_TRIM_HORIZON"}, 1.0, [0]),
        ({"Type": "FROM_TRIM_HORIZON"}, 1.0, [0, 1, 2]),
        ({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"}, 1.0, [2]),
        ({"Type": "AT_TIMESTAMP", "Timestamp": -1.5}, 1.0, [0]),
        ({"Type": "AT_TIMESTAMP", "Timestamp": -0.5}, 1.0, [1, 2]),
        ({"Type": "FROM_TIMESTAMP", "Timestamp": -0.5}, 1.0, [1, 2]),
        ({"Type": "FROM_TIMESTAMP", "Timestamp": -1.5}, 1.0, [0, 1, 2]),
        ({"Type": "FROM_TIMESTAMP", "Timestamp": -99.0}, 1.0, [0, 1, 2]),
        ({"Type": "AT_TRIM_HORIZON"}, 20.0, [0]),
        ({"Type": "FROM_TRIM_HORIZON"}, 25.0, [1, 2]),
        ({"Type": "AT_TRIM_HORIZON"}, 25.0, [1, 2]),
    ],
)
def test_a_filter_means_these_shards(asked: dict[str, Any], hours: float, expected: list[int]) -> None:
    """`Timestamp` is in hours from now."""

    async def scenario() -> list[int]:
        made = await _split_after(hours)
        wanted = dict(asked)
        if "Timestamp" in wanted:
            wanted["Timestamp"] = made.clock.now + wanted["Timestamp"] * HOUR_S
        return (await _listed(made, StreamName="s", ShardFilter=wanted))[0]

    assert run(scenario()) == expected


def test_a_page_is_followed_by_its_token_alone() -> None:
    async def scenario() -> None:
        made = await streams(5)
        first, token = await _listed(made, StreamName="s", MaxResults=2)
        second, following = await _listed(made, NextToken=token, MaxResults=2)
        last, end = await _listed(made, NextToken=following)
        assert (first, second, last, end) == ([0, 1], [2, 3], [4], None)
        refusal = await made.refusal("ListShards", StreamName="s", NextToken=token)
        assert (refusal["__type"], refusal["message"]) == (
            "InvalidArgumentException",
            "NextToken and StreamName cannot be provided together.",
        )
        assert (await _listed(made, StreamName="s", ExclusiveStartShardId="shardId-000000000003"))[0] == [4]
        made.clock.now += 301.0
        assert await made.code("ListShards", NextToken=token) == "ExpiredNextTokenException"
        assert await made.code("ListShards", NextToken="nope") == "InvalidArgumentException"

    run(scenario())


@pytest.mark.parametrize(
    "asked", [{"Type": "AT_TIMESTAMP"}, {"Type": "AFTER_SHARD_ID"}, {"Type": "AT_LATEST", "ShardId": "x"}]
)
def test_a_filter_that_says_too_little_or_too_much_is_refused(asked: dict[str, str]) -> None:
    async def code() -> str:
        return await (await streams()).code("ListShards", StreamName="s", ShardFilter=asked)

    assert run(code()) == "InvalidArgumentException"


def test_shards_of_another_stream_of_that_name_are_not_listed() -> None:
    async def scenario() -> None:
        made = await streams()
        asked = {"StreamName": "s", "StreamCreationTimestamp": made.clock.now}
        assert await made.code("ListShards", **asked) == ""
        asked["StreamCreationTimestamp"] = made.clock.now - 60.0
        assert await made.code("ListShards", **asked) == "ResourceNotFoundException"

    run(scenario())


def test_a_stream_is_described_in_pages_of_shards() -> None:
    async def scenario() -> None:
        made = await streams(3)
        described = (await made.ask("DescribeStream", StreamName="s", Limit=2))["StreamDescription"]
        last = described["Shards"][-1]["ShardId"]
        assert (len(described["Shards"]), described["HasMoreShards"]) == (2, True)
        rest = (await made.ask("DescribeStream", StreamName="s", ExclusiveStartShardId=last))["StreamDescription"]
        assert (len(rest["Shards"]), rest["HasMoreShards"]) == (1, False)

    run(scenario())

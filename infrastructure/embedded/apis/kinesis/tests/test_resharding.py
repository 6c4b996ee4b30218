"""Shards are split and merged without a gap, an overlap or a record lost; their readers are told where to go on."""

import itertools
import random
from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis.tests.world import SHARD, Streams, streams
from infrastructure.embedded.tests.control import run

LAG_S = 30.0


async def _shards(made: Streams, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await made.ask("ListShards", StreamName="s", **more))["Shards"]
    return found


async def _open(made: Streams) -> list[tuple[int, int]]:
    """The ranges of the open shards, in order."""
    shards = await _shards(made, ShardFilter={"Type": "AT_LATEST"})
    return sorted(
        (int(each["HashKeyRange"]["StartingHashKey"]), int(each["HashKeyRange"]["EndingHashKey"])) for each in shards
    )


def _is_whole(ranges: list[tuple[int, int]]) -> bool:
    """Whether every hash key is in exactly one of them."""
    return (
        ranges[0][0] == 0
        and ranges[-1][1] == 2**128 - 1
        and all(before[1] + 1 == after[0] for before, after in itertools.pairwise(ranges))
    )


@pytest.mark.parametrize("change", ["split", "merged"])
def test_a_closed_shard_is_read_to_its_end_and_takes_nothing_more(change: str) -> None:
    async def scenario() -> None:
        count = 1 if change == "split" else 2
        made = await streams(count, lag_s=LAG_S)
        await made.put("a", ExplicitHashKey="0")
        iterator = await made.iterator()
        if change == "split":
            half = {"ShardToSplit": SHARD, "NewStartingHashKey": str(2**127)}
            await made.ask("SplitShard", StreamName="s", **half)
        else:
            both = {"ShardToMerge": SHARD, "AdjacentShardToMerge": "shardId-000000000001"}
            await made.ask("MergeShards", StreamName="s", **both)
        assert (await made.put("b", ExplicitHashKey="0"))["ShardId"] == SHARD, "it takes records while it is UPDATING"
        made.clock.now += LAG_S
        child = f"shardId-00000000000{count}"
        assert (await made.put("c", ExplicitHashKey="0"))["ShardId"] == child
        texts, page = await made.read(iterator)
        assert texts == ["a", "b"]
        _, end = await made.read(page["NextShardIterator"])
        assert (end["Records"], end.get("NextShardIterator")) == ([], None)
        names = [each["ShardId"] for each in end["ChildShards"]]
        assert names == ([child, "shardId-000000000002"] if change == "split" else [child])
        assert end["ChildShards"][0]["ParentShards"] == [SHARD, "shardId-000000000001"][:count]
        closed = next(each for each in await _shards(made) if each["ShardId"] == SHARD)["SequenceNumberRange"]
        started = next(each for each in await _shards(made) if each["ShardId"] == child)["SequenceNumberRange"]
        assert int(closed["EndingSequenceNumber"]) < int(started["StartingSequenceNumber"])
        assert (await made.read(await made.iterator(shard=child)))[0] == ["c"]

    run(scenario())


def test_the_parents_of_a_shard_are_named() -> None:
    async def scenario() -> None:
        made = await streams(2)
        both = {"ShardToMerge": "shardId-000000000001", "AdjacentShardToMerge": SHARD}
        await made.ask("MergeShards", StreamName="s", **both)
        made_of = (await _shards(made))[-1]
        assert (made_of["ParentShardId"], made_of["AdjacentParentShardId"]) == (SHARD, "shardId-000000000001")
        assert await _open(made) == [(0, 2**128 - 1)]

    run(scenario())


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 3), (3, 5), (4, 2), (5, 3), (7, 4), (4, 4), (6, 12)])
def test_a_stream_is_scaled_to_shards_of_equal_size(before: int, after: int) -> None:
    async def scenario() -> None:
        made = await streams(before)
        answer = await made.ask(
            "UpdateShardCount", StreamName="s", TargetShardCount=after, ScalingType="UNIFORM_SCALING"
        )
        assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (before, after)
        ranges = await _open(made)
        assert _is_whole(ranges)
        sizes = [end - start + 1 for start, end in ranges]
        assert (len(sizes), max(sizes) - min(sizes) < after) == (after, True)

    run(scenario())


@pytest.mark.parametrize("seed", range(5))
def test_every_key_has_one_open_shard_and_every_record_one_line_of_descent(seed: int) -> None:
    """After random splits, merges and scalings a reader that follows ChildShards reads each record once."""

    async def scenario() -> None:
        chance, made = random.Random(seed), await streams(2)  # noqa: S311  nothing is secret
        written: list[str] = []
        for step in range(12):
            for number in range(20):
                text = f"{step}-{number}"
                await made.put(text, key=chance.choice("abcdefgh"))
                written.append(text)
            await _changed(made, chance)
            made.clock.now += 86_400.0 / 20
            assert _is_whole(await _open(made))
        assert sorted(await _read_all(made)) == sorted(written)

    run(scenario())


async def _changed(made: Streams, chance: random.Random) -> None:
    shards = await _shards(made, ShardFilter={"Type": "AT_LATEST"})
    shards.sort(key=lambda each: int(each["HashKeyRange"]["StartingHashKey"]))
    kind = chance.choice(("split", "merge", "scale"))
    if kind == "merge" and len(shards) > 1:
        place = chance.randrange(len(shards) - 1)
        both = {"ShardToMerge": shards[place]["ShardId"], "AdjacentShardToMerge": shards[place + 1]["ShardId"]}
        await made.ask("MergeShards", StreamName="s", **both)
    elif kind == "split":
        shard = chance.choice(shards)
        start, end = (int(each) for each in shard["HashKeyRange"].values())
        start, end = min(start, end), max(start, end)
        key = str(chance.randrange(start + 2, end))
        await made.ask("SplitShard", StreamName="s", ShardToSplit=shard["ShardId"], NewStartingHashKey=key)
    else:
        count = chance.randint((len(shards) + 1) // 2, 2 * len(shards))
        await made.ask("UpdateShardCount", StreamName="s", TargetShardCount=count, ScalingType="UNIFORM_SCALING")


async def _read_all(made: Streams) -> list[str]:
    """As a consumer does that begins with the oldest shards and goes on with their children."""
    found: list[str] = []
    waiting = [each["ShardId"] for each in await _shards(made) if "ParentShardId" not in each]
    seen = set(waiting)
    while waiting:
        shard = waiting.pop()
        iterator: str | None = await made.iterator(shard=shard)
        while iterator is not None:
            made.clock.now += 1.0
            texts, page = await made.read(iterator)
            found += texts
            iterator = page.get("NextShardIterator") if texts or page.get("ChildShards") is not None else None
            for child in page.get("ChildShards", ()):
                if child["ShardId"] not in seen:
                    seen.add(child["ShardId"])
                    waiting.append(child["ShardId"])
    return found


@pytest.mark.parametrize(
    ("action", "members", "code", "text"),
    [
        ("SplitShard", {"ShardToSplit": "shardId-9", "NewStartingHashKey": "9"}, "ResourceNotFoundException", "find"),
        ("SplitShard", {"ShardToSplit": SHARD, "NewStartingHashKey": "1"}, "InvalidArgumentException", "greater than"),
        (
            "SplitShard",
            {"ShardToSplit": SHARD, "NewStartingHashKey": str(2**128 - 1)},
            "InvalidArgumentException",
            "less than the shard's EndingHashKey",
        ),
        (
            "MergeShards",
            {"ShardToMerge": SHARD, "AdjacentShardToMerge": "shardId-000000000002"},
            "InvalidArgumentException",
            "are not an adjacent pair",
        ),
        (
            "UpdateShardCount",
            {"TargetShardCount": 9, "ScalingType": "UNIFORM_SCALING"},
            "LimitExceededException",
            "over double your current open shard count. Current open shard count: 4 Target shard count: 9",
        ),
        (
            "UpdateShardCount",
            {"TargetShardCount": 1, "ScalingType": "UNIFORM_SCALING"},
            "LimitExceededException",
            "below half your current open shard count",
        ),
    ],
)
def test_what_cannot_be_split_or_merged_is_refused(action: str, members: dict[str, Any], code: str, text: str) -> None:
    async def refusal() -> dict[str, Any]:
        return await (await streams(4)).refusal(action, StreamName="s", **members)

    refused = run(refusal())
    assert refused["__type"] == code
    assert text in refused["message"]


def test_a_shard_is_split_once_and_a_stream_scaled_ten_times_a_day() -> None:
    async def scenario() -> None:
        made = await streams()
        half = {"StreamName": "s", "ShardToSplit": SHARD, "NewStartingHashKey": str(2**127)}
        await made.ask("SplitShard", **half)
        refusal = await made.refusal("SplitShard", **half)
        assert "has already been merged or split" in refusal["message"]
        scale = {"StreamName": "s", "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}
        for _ in range(10):
            await made.ask("UpdateShardCount", **scale)
        assert await made.code("UpdateShardCount", **scale) == "LimitExceededException"
        made.clock.now += 86_401.0
        await made.ask("UpdateShardCount", **scale)

    run(scenario())


def test_an_account_has_twenty_thousand_shards_at_most() -> None:
    async def scenario() -> None:
        made = await streams(20_000)
        half = {"ShardToSplit": SHARD, "NewStartingHashKey": "9"}
        refusal = await made.refusal("SplitShard", StreamName="s", **half)
        assert refusal["__type"] == "LimitExceededException"
        assert "Current shard count for the account: 20000. Limit: 20000." in refusal["message"]
        assert (await made.ask("DescribeLimits"))["OpenShardCount"] == 20_000

    run(scenario())

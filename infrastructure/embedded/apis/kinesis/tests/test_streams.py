"""Streams are made, changed and deleted as on AWS: in between they are in a state that takes no other change."""

import base64
import gzip
import json
import time
from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis.tests.world import Streams, streams
from infrastructure.embedded.tests.control import ACCOUNT, REGION, run

ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
LAG_S = 30.0


async def _status(made: Streams) -> str:
    return str((await made.ask("DescribeStreamSummary", StreamName="s"))["StreamDescriptionSummary"]["StreamStatus"])


def test_a_stream_is_made_then_active_then_deleted_then_gone() -> None:
    async def scenario() -> None:
        made = Streams(lag_s=LAG_S)
        await made.ask("CreateStream", StreamName="s", ShardCount=2)
        described = (await made.ask("DescribeStream", StreamName="s"))["StreamDescription"]
        assert (described["StreamStatus"], described["Shards"]) == ("CREATING", [])
        assert await made.code("PutRecord", StreamName="s", Data="eA==", PartitionKey="k") == (
            "ResourceNotFoundException"
        )
        assert await made.code("DeleteStream", StreamName="s") == "ResourceInUseException"
        made.clock.now += LAG_S
        assert await _status(made) == "ACTIVE"
        await made.put("before")
        await made.ask("DeleteStream", StreamName="s")
        assert await _status(made) == "DELETING"
        await made.put("while it goes")
        made.clock.now += LAG_S
        assert await made.code("DescribeStream", StreamName="s") == "ResourceNotFoundException"
        assert (await made.ask("ListStreams"))["StreamNames"] == []

    run(scenario())


CHANGES: dict[str, dict[str, Any]] = {
    "SplitShard": {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "10"},
    "UpdateShardCount": {"TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"},
    "MergeShards": {"ShardToMerge": "shardId-000000000000", "AdjacentShardToMerge": "shardId-000000000001"},
    "IncreaseStreamRetentionPeriod": {"RetentionPeriodHours": 48},
    "DecreaseStreamRetentionPeriod": {"RetentionPeriodHours": 24},
    "StartStreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    "StopStreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    "EnableEnhancedMonitoring": {"ShardLevelMetrics": ["ALL"]},
    "DisableEnhancedMonitoring": {"ShardLevelMetrics": ["ALL"]},
    "UpdateStreamMode": {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
}


@pytest.mark.parametrize("action", CHANGES)
def test_while_a_stream_is_updating_it_moves_records_and_takes_no_other_change(action: str) -> None:
    async def scenario() -> None:
        made = await streams(2, lag_s=LAG_S)
        await made.ask(action, StreamARN=ARN, **CHANGES[action])
        assert await _status(made) == "UPDATING"
        refusal = await made.refusal("StartStreamEncryption", StreamName="s", **CHANGES["StartStreamEncryption"])
        assert (refusal["__type"], refusal["message"]) == (
            "ResourceInUseException",
            f"Stream s under account {ACCOUNT} not ACTIVE, instead in state UPDATING",
        )
        await made.put("meanwhile")
        made.clock.now += LAG_S
        assert await _status(made) == "ACTIVE"

    run(scenario())


@pytest.mark.parametrize(
    ("action", "members", "code"),
    [
        ("CreateStream", {"StreamName": "s", "ShardCount": 1}, "ResourceInUseException"),
        ("CreateStream", {"StreamName": "new"}, "InvalidArgumentException"),
        ("CreateStream", {"StreamName": "new", "ShardCount": 20_000}, "LimitExceededException"),
        ("CreateStream", {"StreamName": "new", "ShardCount": 1, "WarmThroughputMiBps": 5}, "UnsupportedOperation"),
        ("DescribeStream", {"StreamName": "absent"}, "ResourceNotFoundException"),
        ("DescribeStream", {}, "InvalidArgumentException"),
        ("DescribeStream", {"StreamARN": ARN[:-1] + "absent"}, "ResourceNotFoundException"),
        ("DescribeStream", {"StreamARN": ARN, "StreamName": "t"}, "ResourceNotFoundException"),
        ("IncreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 23}, "InvalidArgumentException"),
        (
            "IncreaseStreamRetentionPeriod",
            {"StreamName": "s", "RetentionPeriodHours": 9000},
            "InvalidArgumentException",
        ),
        ("DecreaseStreamRetentionPeriod", {"StreamName": "s", "RetentionPeriodHours": 25}, "InvalidArgumentException"),
        ("StartStreamEncryption", {"StreamName": "s", "EncryptionType": "KMS", "KeyId": "k"}, "KMSNotFoundException"),
        (
            "StartStreamEncryption",
            {"StreamName": "s", "EncryptionType": "NONE", "KeyId": "k"},
            "InvalidArgumentException",
        ),
        ("ListStreams", {"NextToken": "nope"}, "InvalidArgumentException"),
        ("PutRecord", {"StreamName": "s", "Data": "eA=="}, "InvalidArgumentException"),
        ("PutRecords", {"StreamName": "s", "Records": [{"Data": "eA=="}]}, "InvalidArgumentException"),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "eA==", "PartitionKey": "k", "ExplicitHashKey": str(2**128)},
            "InvalidArgumentException",
        ),
        ("PutRecord", {"StreamName": "s", "Data": "eA==", "PartitionKey": "k", "DryRun": True}, "UnsupportedOperation"),
    ],
)
def test_what_makes_no_sense_is_refused(action: str, members: dict[str, Any], code: str) -> None:
    async def refusal() -> str:
        return await (await streams()).code(action, **members)

    assert run(refusal()) == code


def test_only_five_streams_are_creating_at_once() -> None:
    async def scenario() -> None:
        made = Streams(lag_s=LAG_S)
        for number in range(5):
            await made.ask("CreateStream", StreamName=f"s{number}", ShardCount=1)
        assert await made.code("CreateStream", StreamName="s5", ShardCount=1) == "LimitExceededException"
        made.clock.now += LAG_S
        await made.ask("CreateStream", StreamName="s5", ShardCount=1)

    run(scenario())


def test_streams_are_listed_page_by_page() -> None:
    async def names(made: Streams, **more: Any) -> tuple[list[str], Any]:
        page = await made.ask("ListStreams", Limit=2, **more)
        assert page["HasMoreStreams"] is ("NextToken" in page)
        assert [each["StreamName"] for each in page["StreamSummaries"]] == page["StreamNames"]
        return page["StreamNames"], page.get("NextToken")

    async def scenario() -> None:
        made = Streams()
        for name in "cab":
            await made.ask("CreateStream", StreamName=name, ShardCount=1)
        first, token = await names(made)
        assert (first, await names(made, NextToken=token)) == (["a", "b"], (["c"], None))
        assert await names(made, ExclusiveStartStreamName="a") == (["b", "c"], None)

    run(scenario())


def test_a_stream_on_demand_has_four_shards_that_calls_do_not_change() -> None:
    async def scenario() -> None:
        made = Streams()
        mode = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
        assert await made.code("CreateStream", StreamName="s", ShardCount=1, **mode) == "InvalidArgumentException"
        await made.ask("CreateStream", StreamName="s", **mode)
        assert len((await made.ask("ListShards", StreamName="s"))["Shards"]) == 4
        limits = await made.ask("DescribeLimits")
        assert (limits["OpenShardCount"], limits["OnDemandStreamCount"]) == (0, 1)
        for action in ("SplitShard", "MergeShards", "UpdateShardCount"):
            assert await made.code(action, StreamName="s", **CHANGES[action]) == "ValidationException"
        for wanted in ("PROVISIONED", "ON_DEMAND"):
            await made.ask("UpdateStreamMode", StreamARN=ARN, StreamModeDetails={"StreamMode": wanted})
        again = {"StreamARN": ARN, "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
        assert await made.code("UpdateStreamMode", **again) == "LimitExceededException"
        made.clock.now += 86_401.0
        await made.ask("UpdateStreamMode", **again)

    run(scenario())


def test_records_of_an_encrypted_stream_say_so() -> None:
    async def scenario() -> None:
        made = await streams()
        await made.put("plain")
        await made.ask("StartStreamEncryption", StreamName="s", EncryptionType="KMS", KeyId="alias/aws/kinesis")
        assert (await made.put("secret"))["EncryptionType"] == "KMS"
        _, page = await made.read(await made.iterator())
        assert [each.get("EncryptionType") for each in page["Records"]] == [None, "KMS"]

    run(scenario())


def test_tags_of_streams_and_consumers_are_kept() -> None:
    async def scenario() -> dict[str, str]:
        made = Streams()
        await made.ask("CreateStream", StreamName="s", ShardCount=1, Tags={"a": "1"})
        await made.ask("AddTagsToStream", StreamName="s", Tags={"b": "2", "c": "3"})
        await made.ask("TagResource", ResourceARN=ARN, Tags={"d": "4"})
        await made.ask("UntagResource", ResourceARN=ARN, TagKeys=["c"])
        await made.ask("RemoveTagsFromStream", StreamName="s", TagKeys=["a"])
        page = await made.ask("ListTagsForStream", StreamName="s", Limit=1)
        assert (page["Tags"], page["HasMoreTags"]) == ([{"Key": "b", "Value": "2"}], True)
        rest = await made.ask("ListTagsForStream", StreamName="s", ExclusiveStartTagKey="b")
        assert rest == {"Tags": [{"Key": "d", "Value": "4"}], "HasMoreTags": False}
        registered = await made.ask("RegisterStreamConsumer", StreamARN=ARN, ConsumerName="c", Tags={"e": "5"})
        listed = await made.ask("ListTagsForResource", ResourceARN=registered["Consumer"]["ConsumerARN"])
        return {each["Key"]: each["Value"] for each in listed["Tags"]}

    assert run(scenario()) == {"e": "5"}


def test_a_log_groups_subscription_delivers_to_a_stream() -> None:
    async def scenario() -> list[str]:
        made = Streams()
        made.clock.now = time.time()  # by which moto delivers
        await made.ask("CreateStream", StreamName="s", ShardCount=1)
        logs = made.control
        await logs.ask("logs", "CreateLogGroup", logGroupName="g")
        await logs.ask("logs", "CreateLogStream", logGroupName="g", logStreamName="l")
        subscribed = {"logGroupName": "g", "filterName": "f", "filterPattern": "", "destinationArn": ARN}
        await logs.ask("logs", "PutSubscriptionFilter", **subscribed)
        events = [{"timestamp": int(time.time() * 1000), "message": "hello"}]
        await logs.ask("logs", "PutLogEvents", logGroupName="g", logStreamName="l", logEvents=events)
        page = await made.ask("GetRecords", ShardIterator=await made.iterator())
        found = [json.loads(gzip.decompress(base64.b64decode(each["Data"]))) for each in page["Records"]]
        return [event["message"] for each in found for event in each["logEvents"]]

    assert run(scenario()) == ["hello"]

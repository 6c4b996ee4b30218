"""AWS::Kinesis::Stream and StreamConsumer; a stream is changed by one call at a time, each when the last has ended."""

from collections.abc import Callable

from infrastructure.embedded.stacks.resource_type import (
    ITEM,
    REF,
    Each,
    Members,
    Properties,
    ResourceType,
    Source,
    Step,
    Tags,
    former,
    found,
    prop,
)

_HOURS = "RetentionPeriodHours"
_DAY = 24


def _retention(verb: str, sign: int) -> Step:
    """The one of two calls that changes how long records are kept in its direction."""

    def is_this_way(new: Properties, old: Properties) -> bool:
        return (int(new[_HOURS]) - int(old.get(_HOURS, _DAY))) * sign > 0

    action = f"{verb}StreamRetentionPeriod"
    return Step(action, (_HOURS,), is_setting=True, defaults={_HOURS: _DAY}, when=is_this_way)


def _encryption(of: Callable[[str], Source]) -> Members:
    return {name: of(f"StreamEncryption.{name}") for name in ("EncryptionType", "KeyId")}


TYPES = (
    ResourceType(
        "AWS::Kinesis::Stream",
        "kinesis",
        name="Name",
        key={"StreamName": REF},
        rename={"Name": "StreamName"},
        create=Step("CreateStream"),
        describe=Step("DescribeStreamSummary"),
        item="StreamDescriptionSummary",
        rest={"StreamStatus": "ACTIVE"},
        attributes={"Arn": "StreamARN"},
        changes=(
            Step(
                "UpdateShardCount",
                ("ShardCount",),
                {"TargetShardCount": prop("ShardCount"), "ScalingType": "UNIFORM_SCALING"},
            ),
            Step("UpdateStreamMode", ("StreamModeDetails",), {"StreamARN": found("StreamARN")}),
            _retention("Increase", 1),
            _retention("Decrease", -1),
            Step(
                "StartStreamEncryption",
                ("StreamEncryption",),
                _encryption(prop),
                is_setting=True,
                without=Step("StopStreamEncryption", where=_encryption(former)),
            ),
        ),
        elements=(
            Each(
                "DesiredShardLevelMetrics",
                add="EnableEnhancedMonitoring",
                remove="DisableEnhancedMonitoring",
                where={"ShardLevelMetrics": [ITEM]},
            ),
        ),
        tags=Tags("AddTagsToStream", "RemoveTagsFromStream", {"StreamName": REF}),
        delete=Step("DeleteStream"),
    ),
    ResourceType(
        "AWS::Kinesis::StreamConsumer",
        "kinesis",
        key={"ConsumerARN": REF},
        create=Step("RegisterStreamConsumer", where={"StreamARN": prop("StreamARN")}),
        ref="Consumer.ConsumerARN",
        describe=Step("DescribeStreamConsumer"),
        item="ConsumerDescription",
        rest={"ConsumerStatus": "ACTIVE"},
        attributes={
            "ConsumerARN": "ConsumerARN",
            "ConsumerCreationTimestamp": "ConsumerCreationTimestamp",
            "ConsumerName": "ConsumerName",
            "ConsumerStatus": "ConsumerStatus",
            "StreamARN": "StreamARN",
        },
        delete=Step("DeregisterStreamConsumer"),
    ),
)

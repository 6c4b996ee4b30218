"""AWS::Kinesis::Stream."""

from collections.abc import Callable

from infrastructure.embedded.stacks.resource_type import (
    REF,
    Members,
    Properties,
    ResourceType,
    Source,
    Step,
    Tags,
    former,
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
        attributes={"Arn": "StreamARN"},
        changes=(
            Step(
                "UpdateShardCount",
                ("ShardCount",),
                {"TargetShardCount": prop("ShardCount"), "ScalingType": "UNIFORM_SCALING"},
            ),
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
        tags=Tags("AddTagsToStream", "RemoveTagsFromStream", {"StreamName": REF}),
        delete=Step("DeleteStream", where={"EnforceConsumerDeletion": True}),
    ),
)

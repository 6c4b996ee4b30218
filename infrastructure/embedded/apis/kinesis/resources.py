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

_NAME = {"StreamName": REF}
_DAY = 24


def _growth(new: Properties, old: Properties) -> int:
    """Hours that records are kept longer than before."""
    return int(new["RetentionPeriodHours"]) - int(old.get("RetentionPeriodHours", _DAY))


def _retention(verb: str, sign: int) -> Step:
    return Step(
        f"{verb}StreamRetentionPeriod",
        _NAME,
        ("RetentionPeriodHours",),
        is_setting=True,
        defaults={"RetentionPeriodHours": _DAY},
        when=lambda new, old: _growth(new, old) * sign > 0,
    )


def _encryption(of: Callable[[str], Source]) -> Members:
    return {**_NAME, **{name: of(f"StreamEncryption.{name}") for name in ("EncryptionType", "KeyId")}}


TYPES = (
    ResourceType(
        "AWS::Kinesis::Stream",
        "kinesis",
        name="Name",
        rename={"Name": "StreamName"},
        create=Step("CreateStream"),
        describe=Step("DescribeStreamSummary", _NAME),
        item="StreamDescriptionSummary",
        attributes={"Arn": "StreamARN"},
        changes=(
            Step(
                "UpdateShardCount",
                {**_NAME, "TargetShardCount": prop("ShardCount"), "ScalingType": "UNIFORM_SCALING"},
                ("ShardCount",),
            ),
            _retention("Increase", 1),
            _retention("Decrease", -1),
            Step(
                "StartStreamEncryption",
                _encryption(prop),
                ("StreamEncryption",),
                is_setting=True,
                without=Step("StopStreamEncryption", _encryption(former)),
            ),
        ),
        tags=Tags("AddTagsToStream", "RemoveTagsFromStream", _NAME),
        delete=Step("DeleteStream", {**_NAME, "EnforceConsumerDeletion": True}),
    ),
)

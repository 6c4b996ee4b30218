"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy."""

from infrastructure.embedded.stacks.errors import Refused
from infrastructure.embedded.stacks.resource_type import REF, Properties, ResourceType, Step, Tags, found, prop

_PLACE = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_KEY = {name: prop(name) for name in _PLACE}
_TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")
"""The parts of a ScalableTarget's Ref, in this order."""


def _placed(properties: Properties) -> Properties:
    """A policy names its target by `ScalingTargetId`, Ref of a ScalableTarget, or by its three parts."""
    if "ScalingTargetId" not in properties:
        return properties
    parts = str(properties["ScalingTargetId"]).split("|")
    if len(parts) != len(_TARGET):
        raise Refused(f"ScalingTargetId {properties['ScalingTargetId']!r} is not the Ref of a ScalableTarget")
    others = {name: value for name, value in properties.items() if name != "ScalingTargetId"}
    return {**others, **dict(zip(_TARGET, parts, strict=True))}


TYPES = (
    ResourceType(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "application-autoscaling",
        key=_KEY,
        create=Step("RegisterScalableTarget"),
        is_put=True,
        ref=lambda _, properties: "|".join(str(properties[name]) for name in _TARGET),
        describe=Step("DescribeScalableTargets"),
        item="ScalableTargets",
        attributes={"Id": REF},
        tags=Tags("TagResource", "UntagResource", {"ResourceARN": found("ScalableTargetARN")}),
        delete=Step("DeregisterScalableTarget"),
    ),
    ResourceType(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "application-autoscaling",
        name="PolicyName",
        key={**_KEY, "PolicyName": prop("PolicyName")},
        normal=_placed,
        create=Step("PutScalingPolicy"),
        is_put=True,
        ref="PolicyARN",
        attributes={"Arn": REF},
        delete=Step("DeleteScalingPolicy"),
    ),
)

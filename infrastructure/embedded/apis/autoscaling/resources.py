"""AWS::AutoScaling::AutoScalingGroup, LifecycleHook and ScalingPolicy."""

from typing import Any

from infrastructure.embedded.stacks.resource_type import REF, Properties, ResourceType, Step, prop

_NUMBERS = ("MinSize", "MaxSize", "DesiredCapacity", "HealthCheckGracePeriod", "DefaultCooldown")


def _normal(properties: Properties) -> Properties:
    """Numbers come as text; subnets as a list; the group's own names for the rest."""
    changed: dict[str, Any] = {"DefaultCooldown" if name == "Cooldown" else name: v for name, v in properties.items()}
    changed |= {name: int(changed[name]) for name in _NUMBERS if name in changed}
    if "VPCZoneIdentifier" in changed:
        changed["VPCZoneIdentifier"] = ",".join(changed["VPCZoneIdentifier"])
    return changed


def _policy(properties: Properties) -> Properties:
    """Numbers come as text."""
    changed: dict[str, Any] = {**properties}
    changed |= {name: int(changed[name]) for name in ("EstimatedInstanceWarmup",) if name in changed}
    return changed


TYPES = (
    ResourceType(
        "AWS::AutoScaling::AutoScalingGroup",
        "autoscaling",
        name="AutoScalingGroupName",
        key={"AutoScalingGroupName": REF},
        create=Step("CreateAutoScalingGroup"),
        normal=_normal,
        describe=Step("DescribeAutoScalingGroups"),
        item="AutoScalingGroups",
        attributes={"AutoScalingGroupARN": "AutoScalingGroupARN"},
        changes=(Step("UpdateAutoScalingGroup"),),
        delete=Step("DeleteAutoScalingGroup", where={"ForceDelete": True}),
    ),
    ResourceType(
        "AWS::AutoScaling::LifecycleHook",
        "autoscaling",
        name="LifecycleHookName",
        key={"AutoScalingGroupName": prop("AutoScalingGroupName"), "LifecycleHookName": REF},
        create=Step("PutLifecycleHook"),
        is_put=True,
        delete=Step("DeleteLifecycleHook"),
    ),
    ResourceType(
        "AWS::AutoScaling::ScalingPolicy",
        "autoscaling",
        name="PolicyName",
        key={"AutoScalingGroupName": prop("AutoScalingGroupName"), "PolicyName": REF},
        create=Step("PutScalingPolicy"),
        is_put=True,
        normal=_policy,
        ref="PolicyARN",
        attributes={"Arn": REF},
        delete=Step("DeletePolicy"),
    ),
)

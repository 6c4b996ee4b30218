"""AWS::AutoScaling::AutoScalingGroup, LifecycleHook, ScalingPolicy, ScheduledAction and WarmPool."""

from typing import Any

from infrastructure.embedded.stacks.resource_type import REF, Each, Properties, ResourceType, Step, item, prop

_NUMBERS = (
    "MinSize",
    "MaxSize",
    "DesiredCapacity",
    "HealthCheckGracePeriod",
    "DefaultCooldown",
    "DefaultInstanceWarmup",
    "EstimatedInstanceWarmup",
)


def _numbers(properties: Properties) -> dict[str, Any]:
    """Numbers come as text."""
    return {name: int(value) if name in _NUMBERS else value for name, value in properties.items()}


def _group(properties: Properties) -> Properties:
    """Subnets come as a list; the group has names of its own for some of the rest."""
    changed = _numbers({"DefaultCooldown" if name == "Cooldown" else name: v for name, v in properties.items()})
    if "VPCZoneIdentifier" in changed:
        changed["VPCZoneIdentifier"] = ",".join(changed["VPCZoneIdentifier"])
    return changed


_TAG = {
    "ResourceId": REF,
    "ResourceType": "auto-scaling-group",
    **{name: item(name) for name in ("Key", "Value", "PropagateAtLaunch")},
}

TYPES = (
    ResourceType(
        "AWS::AutoScaling::AutoScalingGroup",
        "autoscaling",
        name="AutoScalingGroupName",
        key={"AutoScalingGroupName": REF},
        create=Step("CreateAutoScalingGroup"),
        normal=_group,
        describe=Step("DescribeAutoScalingGroups"),
        item="AutoScalingGroups",
        attributes={"AutoScalingGroupARN": "AutoScalingGroupARN"},
        changes=(Step("UpdateAutoScalingGroup"),),
        elements=(Each("Tags", "CreateOrUpdateTags", "DeleteTags", {"Tags": [_TAG]}, is_created_with=True),),
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
        normal=_numbers,
        ref="PolicyARN",
        attributes={"Arn": REF},
        delete=Step("DeletePolicy"),
    ),
    ResourceType(
        "AWS::AutoScaling::ScheduledAction",
        "autoscaling",
        name="ScheduledActionName",
        key={"AutoScalingGroupName": prop("AutoScalingGroupName"), "ScheduledActionName": REF},
        create=Step("PutScheduledUpdateGroupAction"),
        is_put=True,
        normal=_numbers,
        delete=Step("DeleteScheduledAction"),
    ),
    ResourceType(
        "AWS::AutoScaling::WarmPool",
        "autoscaling",
        key={"AutoScalingGroupName": prop("AutoScalingGroupName")},
        create=Step("PutWarmPool"),
        is_put=True,
        ref=lambda _, properties: str(properties["AutoScalingGroupName"]),
        delete=Step("DeleteWarmPool", where={"ForceDelete": True}),
    ),
)

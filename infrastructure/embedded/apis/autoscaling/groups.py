"""The calls about groups and their instances. What follows from them is the controller's.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infrastructure.embedded.apis.autoscaling import causes
from infrastructure.embedded.apis.autoscaling.balancers import Balancers
from infrastructure.embedded.apis.autoscaling.problems import invalid, listed
from infrastructure.embedded.apis.autoscaling.record import PROCESSES, Group, Member, described
from infrastructure.embedded.apis.autoscaling.schedule import TERMINATION_POLICIES
from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported

_PLAIN = {
    "HealthCheckType": "health_checks",
    "HealthCheckGracePeriod": "grace_s",
    "DefaultCooldown": "cooldown_s",
    "DefaultInstanceWarmup": "warmup_s",
    "NewInstancesProtectedFromScaleIn": "protects_new",
    "CapacityRebalance": "rebalances_capacity",
    "MaxInstanceLifetime": "lifetime_s",
}
"""Members that go to the group as they are."""
_NOT_HERE = (
    "AvailabilityZoneIds",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityReservationSpecification",
    "DeletionProtection",
    "InstanceId",
    "InstanceLifecyclePolicy",
    "InstanceMaintenancePolicy",
    "LaunchConfigurationName",
    "LoadBalancerNames",
    "MixedInstancesPolicy",
    "Operator",
    "PlacementGroup",
)
"""What would have to be done, and is not: refused by name."""
_DEFAULTS = {
    "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-best-effort"},
    "DesiredCapacityType": "units",
}
"""What is done the usual way alone."""
SHORTEST_LIFETIME_S = 86_400


class Groups:
    """All groups by name; `ec2` is the back end of their instances."""

    def __init__(
        self, account: str, region: str, operations: Operations, clock: Callable[[], float], ec2: Any = None
    ) -> None:
        self._ec2 = ec2
        self._where = f"arn:aws:autoscaling:{region}:{account}:autoScalingGroup"
        self._operations = operations
        self.balancers = Balancers(operations)
        self.clock = clock
        self.all: dict[str, Group] = {}

    def named(self, given: Members) -> Group:
        """The group that a call is about."""
        group = self.all.get(given["AutoScalingGroupName"])
        if group is None:
            raise invalid("AutoScalingGroup name not found - null")
        return group

    def member(self, instance: str) -> tuple[Group, Member]:
        """The instance with its group."""
        for group in self.all.values():
            if instance in group.members:
                return group, group.members[instance]
        raise invalid(f"Instance Id not found - No managed instance found for instance ID: {instance}")

    def lifecycle_state(self, instance: str) -> str | None:
        """The state that the instance is on its way to, or in, as its metadata tells it; None outside of groups.

        Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
        """
        group = next((each for each in self.all.values() if instance in each.members), None)
        return None if group is None else _target(group, group.members[instance].state)

    def instance(self, identity: str) -> Any:
        """EC2's record of an instance; None when there is none."""
        return self._ec2.get_instance_by_id(identity)

    def template(self, named: Mapping[str, Any]) -> dict[str, str]:
        """The launch template as groups keep it: by id and name, with the version as it was given."""
        given = {key: named[key] for key in ("LaunchTemplateId", "LaunchTemplateName") if named.get(key)}
        if len(given) != 1:
            raise invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")
        [(key, value)] = given.items()
        ec2 = self._operations.call("ec2", "DescribeLaunchTemplates", **{f"{key}s": [value]})
        found = ec2["LaunchTemplates"][0]
        version = {"Version": str(named["Version"])} if named.get("Version") else {}
        return {**{key: found[key] for key in ("LaunchTemplateId", "LaunchTemplateName")}, **version}

    def zones(self, given: Members) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Subnets and Availability Zones of a group."""
        names = tuple(each.strip() for each in given.get("VPCZoneIdentifier", "").split(",") if each.strip())
        asked = tuple(given.get("AvailabilityZones", ()))
        if not names and not asked:
            raise invalid("At least one Availability Zone or VPC Subnet is required.")
        if not names:
            return (), asked
        found = self._operations.call("ec2", "DescribeSubnets", SubnetIds=list(names))["Subnets"]
        zones = tuple(dict.fromkeys(each.availability_zone for each in found))
        if asked and set(asked) != set(zones):
            raise invalid("The availability zones of the specified subnets and the Auto Scaling group do not match")
        return names, zones

    # --- groups -------------------------------------------------------------------------------------------------------

    @operation("CreateAutoScalingGroup", effect="instances are launched until as many stand as are desired")
    def _create(self, given: Members) -> None:
        name = given["AutoScalingGroupName"]
        if name in self.all:
            text = f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            raise Refused("AlreadyExists", text)
        self._refuse_others(given)
        if "LaunchTemplate" not in given:
            raise invalid(
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or ..."
            )
        subnets, zones = self.zones(given)
        least, most = int(given["MinSize"]), int(given["MaxSize"])
        group = Group(
            name=name,
            arn=f"{self._where}:{uuid.uuid4()}:autoScalingGroupName/{name}",
            created=self.clock(),
            template=self.template(given["LaunchTemplate"]),
            least=least,
            most=most,
            desired=int(given.get("DesiredCapacity", least)),
            subnets=subnets,
            zones=zones,
            target_groups=self.balancers.targets(
                [*given.get("TargetGroupARNs", ()), *target_groups_of(given.get("TrafficSources", ()))]
            ),
        )
        _require_between(least, group.desired, most)
        self._set_plain(group, given)
        self._tag(group, given.get("Tags", ()))
        for hook in given.get("LifecycleHookSpecificationList", ()):
            group.hooks[hook["LifecycleHookName"]] = {**hook, "AutoScalingGroupName": name}
        group.called = causes.created(group, self.clock())
        self.all[name] = group

    @operation("UpdateAutoScalingGroup", effect="sizes, zones, checks and the template of further launches change")
    def _update(self, given: Members) -> None:
        group = self.named(given)
        self._refuse_others(given)
        least, most = int(given.get("MinSize", group.least)), int(given.get("MaxSize", group.most))
        desired = int(given.get("DesiredCapacity", min(max(group.desired, least), most)))
        _require_between(least, desired, most)
        group.least, group.most = least, most
        sizes = f"min: {least}, max: {most}, desired: {desired}"
        group.want(desired, f"a user request update of AutoScalingGroup constraints to {sizes}", self.clock())
        if "LaunchTemplate" in given:
            group.template = self.template(given["LaunchTemplate"])
        if "VPCZoneIdentifier" in given or "AvailabilityZones" in given:
            group.subnets, group.zones = self.zones(given)
        self._set_plain(group, given)

    @operation("DeleteAutoScalingGroup", effect="its instances are terminated, then it is gone")
    def _delete(self, given: Members) -> None:
        group = self.named(given)
        if group.members and not given.get("ForceDelete"):
            text = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s)"
            raise Refused("ResourceInUse", f"{text} still in the group.")
        group.is_deleting = True
        group.least = group.desired = 0
        if not group.members:
            del self.all[group.name]

    @operation("DescribeAutoScalingGroups")
    def _describe(self, given: Members) -> Output:
        names = given.get("AutoScalingGroupNames")
        found = [g for g in self.all.values() if (not names or g.name in names) and _fits(g, given.get("Filters", ()))]
        shown, token = listed([group.output() for group in found], given)
        return {"AutoScalingGroups": shown, "NextToken": token}

    @operation("SetDesiredCapacity", effect="instances are launched or terminated until as many stand")
    def _set_desired(self, given: Members) -> None:
        group = self.named(given)
        wanted = int(given["DesiredCapacity"])
        if wanted < group.least:
            raise invalid(f"New SetDesiredCapacity value {wanted} is below min value {group.least} for the group.")
        if wanted > group.most:
            raise invalid(f"New SetDesiredCapacity value {wanted} is above max value {group.most} for the group.")
        group.want(wanted, "a user request explicitly set group desired capacity", self.clock())

    def _set_plain(self, group: Group, given: Members) -> None:
        for member, name in _PLAIN.items():
            if member in given:
                setattr(group, name, given[member])
        group.terminations = _terminations(given.get("TerminationPolicies", group.terminations))
        if 0 < group.lifetime_s < SHORTEST_LIFETIME_S:
            raise invalid(f"MaxInstanceLifetime {group.lifetime_s} is not 0 and below {SHORTEST_LIFETIME_S} seconds")
        if "ELB" in group.health_checks and not group.target_groups and "TargetGroupARNs" in given:
            raise invalid("ELB health checks need a target group")

    @staticmethod
    def _refuse_others(given: Members) -> None:
        for name in _NOT_HERE:
            if given.get(name):
                raise unsupported(name)
        for name, usual in _DEFAULTS.items():
            if given.get(name, usual) != usual:
                raise unsupported(f"{name} {given[name]}; {usual} is")

    # --- tags, processes ----------------------------------------------------------------------------------------------

    @operation("CreateOrUpdateTags", record="tags")
    def _put_tags(self, given: Members) -> None:
        for tag in given["Tags"]:
            self._tag(self.named({"AutoScalingGroupName": tag.get("ResourceId", "")}), (tag,))

    @operation("DeleteTags", record="tags")
    def _delete_tags(self, given: Members) -> None:
        for tag in given["Tags"]:
            group = self.named({"AutoScalingGroupName": tag.get("ResourceId", "")})
            group.tags = [each for each in group.tags if each["Key"] != tag["Key"]]

    @operation("DescribeTags")
    def _describe_tags(self, given: Members) -> Output:
        wanted = {each["Name"]: each.get("Values", ()) for each in given.get("Filters", ())}
        names = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}
        found = [tag for group in self.all.values() for tag in group.tags]
        found = [t for t in found if all(str(t[names[n]]) in v for n, v in wanted.items() if n in names)]
        shown, token = listed(found, given)
        return {"Tags": shown, "NextToken": token}

    @staticmethod
    def _tag(group: Group, tags: Iterable[Mapping[str, Any]]) -> None:
        for tag in tags:
            group.tags = [each for each in group.tags if each["Key"] != tag["Key"]]
            own = {
                "ResourceId": group.name,
                "ResourceType": "auto-scaling-group",
                "PropagateAtLaunch": False,
                "Value": "",
            }
            group.tags.append({**own, **tag})

    @operation("SuspendProcesses", effect="the group does not do it until it is resumed")
    def _suspend(self, given: Members) -> None:
        for name in _processes(given):
            self.named(given).suspended[name] = "User suspended at " + str(int(self.clock()))

    @operation("ResumeProcesses", effect="the group does it again")
    def _resume(self, given: Members) -> None:
        for name in _processes(given):
            self.named(given).suspended.pop(name, None)

    @operation("DescribeScalingActivities")
    def _activities(self, given: Members) -> Output:
        groups = [self.named(given)] if given.get("AutoScalingGroupName") else list(self.all.values())
        ids = given.get("ActivityIds")
        found = [a for group in groups for a in group.activities if not ids or a.id in ids]
        found.sort(key=lambda activity: -activity.started)
        shown, token = listed([activity.output() for activity in found], given)
        return {"Activities": shown, "NextToken": token}

    @operation("DescribeAutoScalingInstances")
    def _instances(self, given: Members) -> Output:
        wanted = given.get("InstanceIds")
        found = [each for group in self.all.values() for each in described(group)]
        shown, token = listed([each for each in found if not wanted or each["InstanceId"] in wanted], given)
        return {"AutoScalingInstances": shown, "NextToken": token}


def target_groups_of(sources: Iterable[Mapping[str, Any]]) -> list[str]:
    """The target groups that traffic sources are; refused where one is something else."""
    for each in sources:
        if each.get("Type", "elbv2") != "elbv2":
            raise unsupported(f"traffic sources of type {each['Type']}; elbv2 is")
    return [each["Identifier"] for each in sources]


def _terminations(names: Iterable[str]) -> tuple[str, ...]:
    for name in names:
        if name not in TERMINATION_POLICIES:
            raise invalid(f"Termination policy {name} is not valid: {', '.join(TERMINATION_POLICIES)}")
    return tuple(names) or ("Default",)


def _require_between(least: int, desired: int, most: int) -> None:
    if least > most:
        raise invalid("Max bound must be greater than or equal to min bound")
    if not least <= desired <= most:
        text = f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}"
        raise invalid(text)


def _processes(given: Members) -> Iterable[str]:
    names = given.get("ScalingProcesses") or PROCESSES
    for name in names:
        if name not in PROCESSES:
            raise invalid(f"{name} is not a valid process type")
    return names


def _fits(group: Group, filters: Iterable[Mapping[str, Any]]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in group.tags}
    for each in filters:
        name, values = each["Name"], each.get("Values", ())
        if name == "tag-key":
            is_fit = any(value in tags for value in values)
        elif name == "tag-value":
            is_fit = any(value in tags.values() for value in values)
        elif name.startswith("tag:"):
            is_fit = tags.get(name.removeprefix("tag:")) in values
        else:
            raise invalid(f"Filter name {name} is not supported")
        if not is_fit:
            return False
    return True


def _target(group: Group, state: str) -> str:
    """The state at the end of the way that an instance is on; one that rests is where it is to be."""
    if state.startswith("Warmed:Pending"):
        return f"Warmed:{group.warm_pool.state if group.warm_pool is not None else 'Running'}"
    ways = {"Pending": "InService", "Terminating": "Terminated", "Warmed:Terminating": "Warmed:Terminated"}
    ways |= {"Detaching": "Detached", "EnteringStandby": "Standby"}
    return next((end for way, end in ways.items() if state.startswith(way)), state)

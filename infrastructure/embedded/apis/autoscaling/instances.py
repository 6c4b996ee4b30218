"""The calls about a group's instances, and about what is waited for before they enter service or leave.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
"""

from typing import Any

from infrastructure.embedded.apis.autoscaling import causes
from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.problems import invalid
from infrastructure.embedded.apis.autoscaling.record import GROUP_TAG, LAUNCHING, TERMINATING, Group, Member, Wait
from infrastructure.embedded.gateway.operations import Members, Output, operation

DEFAULT_HEARTBEAT_S = 3600
LONGEST_WAIT_S = 172_800
"""However many heartbeats come: 48 hours, or 100 times the hook's own time-out, whichever is less."""


class Instances:
    """The operations; `groups` holds the records."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    @operation("TerminateInstanceInAutoScalingGroup", effect="SIGTERM, later SIGKILL; replaced unless the count falls")
    def _terminate(self, given: Members) -> Output:
        """One, or several of one group."""
        named = [given["InstanceId"]] if given.get("InstanceId") else list(given.get("InstanceIds", ()))
        if not named:
            raise invalid("Either InstanceId or InstanceIds must be given")
        found = [self._groups.member(each) for each in dict.fromkeys(named)]
        falls = bool(given["ShouldDecrementDesiredCapacity"])
        group = found[0][0]
        if falls and group.desired - len(found) < group.least:
            text = (
                "Currently, desiredSize equals minSize. Terminating instance without replacement will violate group's"
            )
            raise invalid(f"{text} min size constraint.")
        shown = []
        for owner, member in found:
            owner.desired -= falls and not member.is_leaving
            cause = "instance was taken out of service in response to a user request."
            shown.append(self.leave(owner, member, cause, replaces=not falls))
        return {"Activity": shown[0]}

    def leave(self, group: Group, member: Member, cause: str, *, replaces: bool, called: str = "") -> dict[str, Any]:
        """The instance is to end; the first reason given stays. The activity, as the API gives it.

        `called` is what made the group want fewer.
        """
        if not member.is_leaving:
            now = self._groups.clock()
            member.activity = group.begin(f"Terminating EC2 instance: {member.instance}", f"{called}an {cause}", now)
            member.enter("Terminating", now)
            member.wait, member.hooks_done, member.replaces, member.why = None, set(), replaces, cause
        return member.activity.output()

    @operation("SetInstanceHealth", effect="an unhealthy instance is replaced")
    def _set_health(self, given: Members) -> None:
        group, member = self._groups.member(given["InstanceId"])
        status = given["HealthStatus"]
        if status not in ("Healthy", "Unhealthy"):
            raise invalid(f"'{status}' is not a valid health status")
        grace_ends = member.since + group.grace_s
        if given.get("ShouldRespectGracePeriod", True) and self._groups.clock() < grace_ends:
            return
        member.health = status
        member.why = (
            "instance was taken out of service in response to a user health-check." if status == "Unhealthy" else ""
        )

    @operation("AttachInstances", effect="they are in service and counted, and targets of its target groups")
    def _attach(self, given: Members) -> None:
        group, names = self._groups.named(given), list(dict.fromkeys(given.get("InstanceIds", ())))
        found = [self._groups.instance(each) for each in names]
        for instance in found:
            if instance is None or instance.state != "running":
                raise invalid(f"Invalid Instance ID(s): {names} specified: they must exist and run")
            if any(instance.id in other.members for other in self._groups.all.values()):
                raise invalid(f"Instance {instance.id} is already part of an Auto Scaling group")
            if instance.availability_zone not in group.zones:
                raise invalid(f"Instance {instance.id} is in none of the group's zones: {', '.join(group.zones)}")
        if group.desired + len(found) > group.most:
            text = f"The number of instances to attach is {len(found)} and the desired capacity {group.desired}:"
            raise invalid(f"{text} together they are above max size {group.most}")
        for instance in found:
            group.desired += 1
            self._take_in(group, instance)

    def _take_in(self, group: Group, instance: Any) -> None:
        now = self._groups.clock()
        text = f"Attaching an existing EC2 instance: {instance.id}"
        activity = group.begin(text, "an instance was attached in response to a user request.", now)
        instance.add_tag(GROUP_TAG, group.name)
        group.members[instance.id] = Member(
            instance=instance.id,
            type=instance.instance_type,
            zone=instance.availability_zone,
            template={},
            since=now,
            launched=now,
            activity=activity,
            is_protected=group.protects_new,
        )

    @operation("DetachInstances", effect="they run on outside of the group, which replaces them unless the count falls")
    def _detach(self, given: Members) -> Output:
        group = self._groups.named(given)
        members = [self._own(group, each) for each in given.get("InstanceIds", ())]
        falls = bool(given["ShouldDecrementDesiredCapacity"])
        if falls and group.desired - len(members) < group.least:
            raise invalid("Detaching would violate group's min size constraint")
        shown = []
        for member in members:
            self._groups.balancers.deregister(group, (member,))
            now, before = self._groups.clock(), group.desired
            activity = group.begin(
                f"Detaching EC2 instance: {member.instance}",
                causes.asked(member, "detached", before, before - 1 if falls else None),
                now,
            )
            activity.end("Successful", now)
            del group.members[member.instance]
            group.desired -= falls
            shown.append(activity.output())
        return {"Activities": shown}

    @operation("SetInstanceProtection", effect="a protected instance does not leave by scaling in")
    def _protect(self, given: Members) -> Output:
        group = self._groups.named(given)
        for member in [self._own(group, each) for each in given["InstanceIds"]]:
            member.is_protected = bool(given["ProtectedFromScaleIn"])
        return {}

    @operation("EnterStandby", effect="out of its target groups and of the count, and running")
    def _enter_standby(self, given: Members) -> Output:
        group = self._groups.named(given)
        falls = bool(given["ShouldDecrementDesiredCapacity"])
        members = [self._own(group, each) for each in given.get("InstanceIds", ())]
        if falls and group.desired - len(members) < group.least:
            raise invalid("Entering standby would violate group's min size constraint")
        shown = []
        for member in members:
            if member.state != "InService":
                raise invalid(f"The instance {member.instance} is not in InService")
            self._groups.balancers.deregister(group, (member,))
            member.enter("Standby", self._groups.clock())
            before = group.desired
            group.desired -= falls
            text = causes.asked(member, "moved to standby", before, before - 1 if falls else None)
            shown.append(self._moved(group, member, "Moving EC2 instance to Standby", text))
        return {"Activities": shown}

    @operation("ExitStandby", effect="in service and counted again")
    def _exit_standby(self, given: Members) -> Output:
        group = self._groups.named(given)
        members = [self._own(group, each) for each in given.get("InstanceIds", ())]
        if group.desired + len(members) > group.most:
            raise invalid("Exiting standby would violate group's max size constraint")
        shown = []
        for member in members:
            if member.state != "Standby":
                raise invalid(f"The instance {member.instance} is not in Standby")
            member.enter("Pending", self._groups.clock())
            group.desired += 1
            text = causes.asked(member, "moved out of standby", group.desired - 1, group.desired)
            shown.append(self._moved(group, member, "Moving EC2 instance out of Standby", text))
        return {"Activities": shown}

    def _moved(self, group: Group, member: Member, text: str, cause: str) -> dict[str, Any]:
        now = self._groups.clock()
        activity = group.begin(f"{text}: {member.instance}", cause, now)
        activity.end("Successful", now)
        return activity.output()

    @staticmethod
    def _own(group: Group, instance: str) -> Member:
        member = group.members.get(instance)
        if member is None:
            raise invalid(f"The instance {instance} is not part of Auto Scaling group {group.name}.")
        return member

    # --- lifecycle hooks ----------------------------------------------------------------------------------------------

    @operation("PutLifecycleHook", effect="instances wait for it before they enter service, or end")
    def _put_hook(self, given: Members) -> Output:
        group = self._groups.named(given)
        known = group.hooks.get(given["LifecycleHookName"], {})
        hook = {"HeartbeatTimeout": DEFAULT_HEARTBEAT_S, "DefaultResult": "ABANDON", **known, **given}
        if hook.get("LifecycleTransition") not in (LAUNCHING, TERMINATING):
            raise invalid("You must specify a valid LifecycleTransition when you create a lifecycle hook")
        if hook["DefaultResult"] not in ("CONTINUE", "ABANDON"):
            raise invalid(f"'{hook['DefaultResult']}' is not a valid default result: CONTINUE or ABANDON")
        group.hooks[given["LifecycleHookName"]] = hook
        return {}

    @operation("DeleteLifecycleHook", effect="who waits for it goes on")
    def _delete_hook(self, given: Members) -> Output:
        group = self._groups.named(given)
        group.hooks.pop(given["LifecycleHookName"], None)
        for member in group.members.values():
            if member.wait is not None and member.wait.hook == given["LifecycleHookName"]:
                member.wait.result = "CONTINUE"
        return {}

    @operation("DescribeLifecycleHooks")
    def _hooks(self, given: Members) -> Output:
        group, names = self._groups.named(given), given.get("LifecycleHookNames")
        most = {"GlobalTimeout": LONGEST_WAIT_S}
        found = [{**most, **hook} for name, hook in group.hooks.items() if not names or name in names]
        return {"LifecycleHooks": found}

    @operation("CompleteLifecycleAction", effect="the instance goes on, or is given up")
    def _complete(self, given: Members) -> Output:
        result = given["LifecycleActionResult"]
        if result not in ("CONTINUE", "ABANDON"):
            raise invalid(f"'{result}' is not a valid result: CONTINUE or ABANDON")
        self._waiting(given).result = result
        return {}

    @operation("RecordLifecycleActionHeartbeat", effect="the wait begins anew")
    def _heartbeat(self, given: Members) -> Output:
        wait = self._waiting(given)
        hook = self._groups.named(given).hooks[wait.hook]
        wait.until = min(self._groups.clock() + hook["HeartbeatTimeout"], wait.most)
        return {}

    def _waiting(self, given: Members) -> Wait:
        group = self._groups.named(given)
        token, instance = given.get("LifecycleActionToken"), given.get("InstanceId")
        for member in group.members.values():
            wait = member.wait
            if wait is None or wait.result or wait.hook != given["LifecycleHookName"]:
                continue
            if (token and wait.token == token) or (not token and member.instance == instance):
                return wait
        raise invalid(
            f"No active Lifecycle Action found with {'token ' + token if token else f'instance ID {instance}'}"
        )

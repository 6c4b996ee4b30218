"""Groups: as many sound instances as are desired, spread over the zones; each brought in and out by its hooks.

desired ──missing──▶ launched ──running, hooks──▶ InService, a target ──unhealthy, surplus, refreshed──▶ Terminating
                                                         no target any more, drained, hooks ──▶ ended ◀──┘
"""

import base64
import logging
import time
from collections.abc import Callable, Collection
from typing import Any, ClassVar

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.instances import LONGEST_WAIT_S, Instances
from infrastructure.embedded.apis.autoscaling.record import LAUNCHING, TERMINATING, Group, Member, Wait
from infrastructure.embedded.apis.autoscaling.refreshes import Refreshes
from infrastructure.embedded.apis.autoscaling.scaling import Scaling
from infrastructure.embedded.apis.autoscaling.schedule import GroupView, MemberView, decide, next_to_refresh
from infrastructure.embedded.control.context import Context

GROUP_TAG = "aws:autoscaling:groupName"
LEAST_GRACE_S = 5.0
"""A process does not start faster at a faster pace: an instance's checks may fail for this long."""
FIRST_HOLD_S, MOST_HOLD_S = 15.0, 900.0
"""How long the next launch waits after one that failed: twice as long each time."""
GIVEN_UP_AFTER = 3
"""Launches that fail in a row until a refresh is given up."""
_CONSOLE_LINES = 12

_log = logging.getLogger(__name__)


class AutoScalingController:
    """Runs the groups, one pass a group at a time."""

    name: ClassVar[str] = "autoscaling"
    watches: ClassVar[frozenset[str]] = frozenset({"autoscaling", "ec2"})
    PARTS: ClassVar[tuple[type, ...]] = (Groups, Instances, Refreshes, Scaling)

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._pace = context.pace
        self._clock = clock
        self._ec2 = context.backends.ec2
        self._operations = context.backends.operations
        self._groups = Groups(context.account, context.region, self._operations, clock)
        context.couplings.lifecycle_state = self._groups.lifecycle_state
        self._instances = Instances(self._groups)
        self._refreshes = Refreshes(self._groups)
        self._scaling = Scaling(self._groups, context)
        self._operations.bind(self.name, self._groups, self._instances, self._refreshes, self._scaling)

    def keys(self) -> Collection[str]:
        return tuple(self._groups.all)

    async def reconcile(self, key: str, /) -> float | None:
        group, now = self._groups.all.get(key), self._clock()
        if group is None:
            return None
        looks = [self._advance(group, member, now) for member in tuple(group.members.values())]
        looks += [self._examine(group, member, now) for member in group.standing()]
        looks.append(self._refresh(group, now))
        looks.append(self._scaling.follow(group, now))
        looks.append(self._fit(group, now))
        if group.is_deleting and not group.members:
            self._scaling.forget(group)
            del self._groups.all[key]
        return min((max(at - now, 0.0) for at in looks if at is not None), default=None)

    # --- one instance on its way --------------------------------------------------------------------------------------

    def _advance(self, group: Group, member: Member, now: float) -> float | None:
        """Bring it as far as it can go now; when to look again."""
        if member.state.startswith("Pending"):
            return self._enter(group, member, now)
        if member.is_leaving:
            return self._leave(group, member, now)
        if member.state == "InService" and not member.is_registered and group.does("AddToLoadBalancer"):
            self._groups.balancers.register(group, member)
        return None

    def _enter(self, group: Group, member: Member, now: float) -> float | None:
        if self._state(member) != "running":
            return None
        passed = self._gate(group, member, LAUNCHING, "Pending", now)
        if passed == "ABANDON":
            self._end(group, member, "instance was abandoned by a lifecycle hook.")
        elif passed == "CONTINUE":
            member.enter("InService", now)
            member.activity.end("Successful", now)
            group.failures = 0
            return self._advance(group, member, now)
        return member.wait.until if member.wait else None

    def _leave(self, group: Group, member: Member, now: float) -> float | None:
        state = self._state(member)
        if state in ("", "terminated"):
            member.activity.end("Successful", now)
            del group.members[member.instance]
            return now
        if member.is_registered:
            self._groups.balancers.deregister(group, (member,))
            member.drained_at = now + self._pace.seconds(self._groups.balancers.delay_s(group))
        if member.drained_at > now:
            return member.drained_at
        if not self._gate(group, member, TERMINATING, "Terminating", now):
            return member.wait.until if member.wait else None
        if state != "shutting-down":
            self._operations.call("ec2", "TerminateInstances", InstanceIds=[member.instance])
        return None

    def _gate(self, group: Group, member: Member, transition: str, state: str, now: float) -> str:
        """Whether all hooks are through: CONTINUE, ABANDON, or nothing while one is waited for."""
        wait = member.wait
        if wait is not None:
            hook = group.hooks.get(wait.hook, {})
            result = wait.result or (hook.get("DefaultResult", "CONTINUE") if now >= wait.until else "")
            if not result:
                return ""
            member.wait = None
            member.hooks_done.add(wait.hook)
            if result == "ABANDON":
                member.hooks_done |= set(group.hooks)
                return "ABANDON"
        for hook in group.hooks_of(transition):
            if hook["LifecycleHookName"] not in member.hooks_done:
                seconds = self._pace.seconds(float(hook.get("HeartbeatTimeout", 3600)))
                most = self._pace.seconds(min(LONGEST_WAIT_S, 100.0 * float(hook.get("HeartbeatTimeout", 3600))))
                member.wait = Wait(hook=hook["LifecycleHookName"], until=now + seconds, most=now + most)
                member.enter(f"{state}:Wait", now)
                return ""
        if member.hooks_done:
            member.enter(f"{state}:Proceed", now)
        return "CONTINUE"

    def _end(self, group: Group, member: Member, cause: str) -> None:
        self._instances.leave(group, member, cause, replaces=True)

    # --- health -------------------------------------------------------------------------------------------------------

    def _examine(self, group: Group, member: Member, now: float) -> float | None:
        """Note what is wrong with an instance; when its grace period ends, if that is waited for."""
        if not group.does("HealthCheck") or member.health != "Healthy":
            return None
        state = self._state(member)
        if state not in ("running", "pending"):
            member.health = "Unhealthy"
            text = "instance was taken out of service in response to an EC2 health check indicating it has been"
            member.why = f"{text} terminated or stopped."
            return now
        if (
            member.state != "InService"
            or "ELB" not in group.health_checks
            or self._groups.balancers.health(group, member) != "unhealthy"
        ):
            return None
        grace_ends = member.since + self._pace.seconds(group.grace_s, at_least=LEAST_GRACE_S)
        if now < grace_ends:
            return grace_ends
        member.health = "Unhealthy"
        member.why = "instance was taken out of service in response to an ELB system health check failure."
        return now

    def _state(self, member: Member) -> str:
        """Of its instance; empty when there is none on record any more."""
        found = self._ec2.get_instance_by_id(member.instance)
        return str(found.state) if found is not None else ""

    # --- as many as are desired ---------------------------------------------------------------------------------------

    def _fit(self, group: Group, now: float) -> float | None:
        decision = decide(self._view(group, now))
        for instance in decision.replaced:
            self._end(group, group.members[instance], group.members[instance].why)
        before = len(group.standing())
        if before == group.desired:
            group.called = ""
        for number, instance in enumerate(decision.surplus):
            text = "instance was taken out of service in response to a difference between desired and actual capacity,"
            cause = f"{text} shrinking the capacity from {before - number} to {before - number - 1}."
            self._instances.leave(group, group.members[instance], cause, replaces=False, called=group.called)
        for zone in decision.launches:
            if now < group.held_until:
                return group.held_until
            self._launch(group, zone, now)
        return now if decision.replaced or decision.surplus else None

    def _view(self, group: Group, now: float) -> GroupView:
        warm_s = self._pace.seconds(
            float((group.refresh.preferences.get("InstanceWarmup") if group.refresh else 0) or 0)
        )
        return GroupView(
            desired=group.desired,
            zones=self._places(group),
            members=tuple(
                MemberView(
                    instance=each.instance,
                    zone=each.zone,
                    version=int(each.template.get("Version", "0")),
                    since=each.since,
                    is_ready=each.state == "InService"
                    and each.health == "Healthy"
                    and now >= each.since + warm_s
                    and self._groups.balancers.health(group, each) == "healthy",
                    is_protected=each.is_protected,
                    is_unhealthy=each.health == "Unhealthy",
                    is_outdated=each.is_outdated,
                )
                for each in group.standing()
            ),
            may_launch=group.does("Launch"),
            may_terminate=group.does("Terminate"),
            may_replace=group.does("ReplaceUnhealthy"),
        )

    def _places(self, group: Group) -> dict[str, str]:
        """A subnet in each of the group's zones; nothing where the group names zones alone."""
        if not group.subnets:
            return dict.fromkeys(group.zones, "")
        zones = {name: s.availability_zone for subnets in self._ec2.subnets.values() for name, s in subnets.items()}
        return {zones[name]: name for name in reversed(group.subnets) if name in zones}

    def _launch(self, group: Group, zone: str, now: float) -> None:
        standing = len(group.standing())
        text = "instance was started in response to a difference between desired and actual capacity,"
        cause = f"{group.called}an {text} increasing the capacity from {standing} to {standing + 1}."
        activity = group.begin("Launching a new EC2 instance", cause, now)
        subnet = self._places(group)[zone]
        where = {"SubnetId": subnet} if subnet else {"Placement": {"AvailabilityZone": zone}}
        tags = [{"Key": t["Key"], "Value": t["Value"]} for t in group.tags if t["PropagateAtLaunch"]]
        named = {key: value for key, value in group.template.items() if key != "LaunchTemplateName"}
        try:
            made = self._operations.call(
                "ec2",
                "RunInstances",
                LaunchTemplate=named,
                MinCount=1,
                MaxCount=1,
                TagSpecifications=[{"ResourceType": "instance", "Tags": tags}] if tags else None,
                **where,
            )
        except Exception as problem:  # noqa: BLE001  whatever the template makes EC2 refuse is the activity's failure
            self._failed(group, activity, str(problem), now)
            return
        [instance] = made["Instances"]
        instance.add_tag(GROUP_TAG, group.name)
        activity.description = f"Launching a new EC2 instance: {instance.id}"
        group.members[instance.id] = Member(
            instance=instance.id,
            type=instance.instance_type,
            zone=zone,
            template={
                **named,
                "LaunchTemplateName": group.template["LaunchTemplateName"],
                "Version": _version(instance),
            },
            since=now,
            activity=activity,
            is_protected=group.protects_new,
        )

    def _failed(self, group: Group, activity: Any, problem: str, now: float) -> None:
        activity.end("Failed", now, f"{problem}. Launching EC2 instance failed.")
        group.failures += 1
        hold_s = min(FIRST_HOLD_S * 2.0 ** min(group.failures - 1, 30), MOST_HOLD_S)
        group.held_until = now + self._pace.seconds(hold_s)
        _log.warning("group %s: %s", group.name, problem)

    # --- refreshes ----------------------------------------------------------------------------------------------------

    def _refresh(self, group: Group, now: float) -> float | None:
        refresh = group.refresh
        if refresh is None or not group.does("InstanceRefresh"):
            return None
        if refresh.status == "Pending":
            refresh.status = "InProgress"
        if group.failures >= GIVEN_UP_AFTER:
            self._give_up(group, now)
            return now
        view = self._view(group, now)
        percent = float(refresh.preferences["MinHealthyPercentage"])
        for instance in next_to_refresh(view, percent):
            cause = "instance was taken out of service in response to an instance refresh."
            self._end(group, group.members[instance], cause)
        is_whole = len(view.members) == group.desired and all(each.is_ready for each in view.members)
        if is_whole and not any(each.is_outdated for each in group.members.values()):
            refresh.end("RollbackSuccessful" if refresh.status == "RollbackInProgress" else "Successful", now)
        warm_s = self._pace.seconds(float(refresh.preferences.get("InstanceWarmup") or 0))
        ends = [each.since + warm_s for each in group.standing() if each.since + warm_s > now]
        return min(ends, default=None)

    def _give_up(self, group: Group, now: float) -> None:
        refresh = group.refresh
        if refresh is None:
            return
        reason = next(each.message for each in group.activities if each.status == "Failed")
        if refresh.preferences["AutoRollback"] and refresh.status == "InProgress":
            group.failures, group.held_until = 0, 0.0
            self._refreshes.roll_back(group, refresh)
            return
        ending = "RollbackFailed" if refresh.status == "RollbackInProgress" else "Failed"
        refresh.end(ending, now, reason)
        for member in group.members.values():
            member.is_outdated = False

    # --- for readiness ------------------------------------------------------------------------------------------------

    def unsettled(self) -> tuple[str, ...]:
        """Why groups do not have their desired count in service, with the end of a console."""
        return tuple(reason for group in self._groups.all.values() if (reason := self._unsettled(group)))

    def _unsettled(self, group: Group) -> str:
        standing = [each for each in group.members.values() if each.state == "InService"]
        sound = [each for each in standing if self._groups.balancers.health(group, each) == "healthy"]
        if len(sound) == group.desired == len(group.members):
            return ""
        waiting = next((each for each in group.members.values() if each not in sound), None)
        failed = next((each.message for each in group.activities if each.status == "Failed"), "")
        text = f"group {group.name}: {len(sound)} of {group.desired} instances are in service"
        return text + (f"; {failed}" if failed else "") + (self._console(waiting) if waiting else "")

    def _console(self, member: Member) -> str:
        try:
            output = self._operations.call("ec2", "GetConsoleOutput", InstanceId=member.instance)["Output"]
        except Exception:  # noqa: BLE001  an instance that is gone has no console
            return ""
        lines = base64.b64decode(output).decode("utf-8", "replace").splitlines()[-_CONSOLE_LINES:]
        return f"; the console of {member.instance}:" + "".join(f"\n    | {line}" for line in lines)


def _version(instance: Any) -> str:
    """The number of the launch template's version that the instance was made from."""
    found = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    return str(found.get("aws:ec2launchtemplate:version", "0"))

"""Groups: as many sound instances as are desired, spread over the zones; each brought in and out by its hooks.

desired ──missing──▶ launched ──running, hooks──▶ InService, a target ──unhealthy, surplus, refreshed──▶ Terminating
                                                         no target any more, drained, hooks ──▶ ended ◀──┘
"""

import base64
import time
from collections.abc import Callable, Collection
from typing import ClassVar

from infrastructure.embedded.apis.autoscaling import causes
from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.instances import LONGEST_WAIT_S, Instances
from infrastructure.embedded.apis.autoscaling.kinds import Kinds
from infrastructure.embedded.apis.autoscaling.launches import Launches
from infrastructure.embedded.apis.autoscaling.metrics import GroupMetrics
from infrastructure.embedded.apis.autoscaling.policies import Policies
from infrastructure.embedded.apis.autoscaling.record import LAUNCHING, TERMINATING, Group, Member, Wait
from infrastructure.embedded.apis.autoscaling.refreshes import Refreshes
from infrastructure.embedded.apis.autoscaling.schedule import GroupView, MemberView, decide, next_to_refresh
from infrastructure.embedded.apis.autoscaling.scheduled import Scheduled
from infrastructure.embedded.apis.autoscaling.traffic import Traffic
from infrastructure.embedded.apis.autoscaling.warm_pool import WarmPools
from infrastructure.embedded.control.context import Context

LEAST_GRACE_S = 5.0
"""A process does not start faster at a faster pace: an instance's checks may fail for this long."""
GIVEN_UP_AFTER = 3
"""Launches that fail in a row until a refresh is given up."""
_CONSOLE_LINES = 12


class AutoScalingController:
    """Runs the groups, one pass a group at a time."""

    name: ClassVar[str] = "autoscaling"
    watches: ClassVar[frozenset[str]] = frozenset({"autoscaling", "ec2"})
    PARTS: ClassVar[tuple[type, ...]] = (
        *(Groups, Instances, Refreshes, Policies, Scheduled),
        *(Traffic, GroupMetrics, Kinds, WarmPools),
    )

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._pace = context.pace
        self._clock = clock
        self._ec2 = context.backends.ec2
        self._operations = context.backends.operations
        self._launches = Launches(context)
        self._groups = Groups(context.account, context.region, self._operations, clock, self._ec2)
        self._warm_pools = WarmPools(self._groups, self._launches, context)
        self._instances = Instances(self._groups)
        self._refreshes = Refreshes(self._groups)
        context.couplings.lifecycle_state = self._groups.lifecycle_state
        self._policies = Policies(self._groups, context)
        self._scheduled = Scheduled(self._groups)
        parts = (self._groups, self._instances, self._refreshes, self._policies, self._scheduled, self._warm_pools)
        metrics = GroupMetrics(self._groups)
        self._operations.bind(self.name, *parts, metrics, Traffic(self._groups), Kinds(self._groups))
        context.metrics.register(metrics.collect)

    def keys(self) -> Collection[str]:
        return tuple(self._groups.all)

    async def reconcile(self, key: str, /) -> float | None:
        group, now = self._groups.all.get(key), self._clock()
        if group is None:
            return None
        looks = [self._advance(group, member, now) for member in tuple(group.members.values())]
        looks += [self._examine(group, member, now) for member in group.standing()]
        looks.append(self._refresh(group, now))
        looks.append(self._policies.follow(group, now))
        looks.append(self._scheduled.follow(group, now))
        looks.append(self._fit(group, now))
        if group.is_deleting and not group.members:
            self._policies.forget(group)
            del self._groups.all[key]
        return min((max(at - now, 0.0) for at in looks if at is not None), default=None)

    # --- one instance on its way --------------------------------------------------------------------------------------

    def _advance(self, group: Group, member: Member, now: float) -> float | None:
        """Bring it as far as it can go now; when to look again."""
        if member.is_warm:
            self._warm_pools.advance(
                group, member, lambda: self._gate(group, member, LAUNCHING, "Warmed:Pending", now), now
            )
            return member.wait.until if member.wait else None
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
        if member.goes_back and group.warm_pool is not None and state == "running":
            member.enter("Warmed:Pending", now)
            return now
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
        if group.lifetime_s and member.state == "InService" and now >= member.launched + group.lifetime_s:
            member.health, member.why = "Unhealthy", causes.OUTLIVED
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
        group.complaint = self._groups.balancers.complaint(group, member)
        return now

    def _state(self, member: Member) -> str:
        """Of its instance; empty when there is none on record any more."""
        found = self._ec2.get_instance_by_id(member.instance)
        return str(found.state) if found is not None else ""

    # --- as many as are desired ---------------------------------------------------------------------------------------

    def _fit(self, group: Group, now: float) -> float | None:
        view = self._view(group, now)
        decision = decide(view)
        if len(view.members) == group.desired and all(each.is_ready for each in view.members):
            group.complaint = ""
        for instance in decision.replaced:
            self._end(group, group.members[instance], group.members[instance].why)
        before = len(group.standing())
        if before == group.desired:
            group.called = ""
        for number, instance in enumerate(decision.surplus):
            member = group.members[instance]
            cause = causes.surplus(member, before - number, now)
            member.goes_back = group.warm_pool is not None and group.warm_pool.reuses and not group.is_deleting
            self._instances.leave(group, member, cause, replaces=False, called=group.called)
        for zone in decision.launches:
            if now < group.held_until:
                return group.held_until
            if not self._warm_pools.take(group, zone, causes.missing(group), now):
                self._launches.launch(group, zone, now, causes.missing(group))
        if decision.balancing and now >= group.held_until:
            cause = causes.lopsided(group, decision.balancing)
            self._launches.launch(group, decision.balancing, now, cause, is_extra=True)
        self._warm_pools.fill(group, now)
        return now if decision.replaced or decision.surplus else None

    def _view(self, group: Group, now: float) -> GroupView:
        warm_s = self._pace.seconds(
            float((group.refresh.preferences.get("InstanceWarmup") if group.refresh else 0) or 0)
        )
        return GroupView(
            desired=group.desired,
            zones=self._launches.places(group),
            members=tuple(
                MemberView(
                    instance=each.instance,
                    zone=each.zone,
                    version=int(each.template.get("Version", "0")),
                    since=each.since,
                    launched=each.launched,
                    is_ready=each.state == "InService"
                    and each.health == "Healthy"
                    and now >= each.since + warm_s
                    and self._groups.balancers.health(group, each) == "healthy",
                    is_protected=each.is_protected,
                    is_unhealthy=each.health == "Unhealthy",
                    is_outdated=each.is_outdated,
                    is_extra=each.is_extra,
                )
                for each in group.standing()
            ),
            may_launch=group.does("Launch"),
            may_terminate=group.does("Terminate"),
            may_replace=group.does("ReplaceUnhealthy"),
            terminations=group.terminations,
            may_balance=group.does("AZRebalance") and group.refresh is None and not group.is_deleting,
        )

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
        members = [each for each in group.members.values() if not each.is_warm]
        if len(sound) == group.desired == len(members):
            return ""
        waiting = next((each for each in members if each not in sound), None)
        failed = next((each.message for each in group.activities if each.status == "Failed"), "")
        text = f"group {group.name}: {len(sound)} of {group.desired} instances are in service"
        text += f"; {group.complaint}" if group.complaint else ""
        return text + (f"; {failed}" if failed else "") + (self._console(waiting) if waiting else "")

    def _console(self, member: Member) -> str:
        try:
            output = self._operations.call("ec2", "GetConsoleOutput", InstanceId=member.instance)["Output"]
        except Exception:  # noqa: BLE001  an instance that is gone has no console
            return ""
        lines = base64.b64decode(output).decode("utf-8", "replace").splitlines()[-_CONSOLE_LINES:]
        return f"; the console of {member.instance}:" + "".join(f"\n    | {line}" for line in lines)

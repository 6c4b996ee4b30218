"""What is known of Auto Scaling groups: their settings, their instances and what was done to them.

    Pending ▶ [Pending:Wait ▶ Pending:Proceed] ▶ InService
                                  Terminating ◀───┘ ▶ [Terminating:Wait ▶ Terminating:Proceed] ▶ gone
Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
"""

import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from infrastructure.embedded.control.step_scaling import Cooling
from infrastructure.embedded.control.target_tracking import Past

ACTIVITIES_KEPT = 500
GROUP_TAG = "aws:autoscaling:groupName"
PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)
"""What a group does by itself, and what can be suspended."""
LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"

Transition = Literal["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"]


def moment(at: float) -> datetime:
    """Unix seconds as a time of the API."""
    return datetime.fromtimestamp(at, UTC)


@dataclass(slots=True, kw_only=True)
class Wait:
    """A lifecycle action that is waited for: the token that completes it, and when it is over by itself."""

    hook: str
    until: float
    most: float
    """The end that no heartbeat puts off."""
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: str = ""
    """CONTINUE or ABANDON, once somebody said so."""


@dataclass(slots=True, kw_only=True)
class Member:
    """One instance of a group. `since` is when it reached its state, `activity` what brings it in or out."""

    instance: str
    type: str
    zone: str
    template: Mapping[str, str]
    since: float
    activity: "Activity"
    state: str = "Pending"
    health: str = "Healthy"
    is_protected: bool = False
    is_registered: bool = False
    drained_at: float = 0.0
    """When the load balancers have let go of it."""
    hooks_done: set[str] = field(default_factory=set)
    wait: Wait | None = None
    is_outdated: bool = False
    """Whether the refresh under way is still to replace it."""
    replaces: bool = True
    """Whether the group launches another one in its place."""
    goes_back: bool = False
    """Whether it returns to the warm pool when it has left."""
    launched: float = 0.0
    is_extra: bool = False
    """Launched beyond the desired capacity, to balance the zones."""
    why: str = ""
    """Why it is unhealthy, or is to leave."""

    @property
    def is_leaving(self) -> bool:
        return self.state.startswith(("Terminating", "Detach"))

    @property
    def is_warm(self) -> bool:
        """Whether it is one of the warm pool's."""
        return self.state.startswith("Warmed:")

    def enter(self, state: str, at: float) -> None:
        self.state, self.since = state, at


@dataclass(slots=True, kw_only=True)
class Activity:
    """What the group did: shown by DescribeScalingActivities."""

    group: str
    description: str
    cause: str
    started: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    message: str = ""
    ended: float | None = None

    def end(self, status: str, at: float, message: str = "") -> None:
        """The first end counts."""
        if self.ended is None:
            self.status, self.ended, self.message = status, at, message

    def output(self) -> dict[str, Any]:
        return {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": moment(self.started),
            "EndTime": None if self.ended is None else moment(self.ended),
            "StatusCode": self.status,
            "StatusMessage": self.message or None,
            "Progress": 100 if self.ended is not None else 50,
        }


@dataclass(slots=True, kw_only=True)
class Refresh:
    """An instance refresh. `template` is what instances are to be launched from, `former` what they were before."""

    template: Mapping[str, str]
    former: Mapping[str, str]
    preferences: Mapping[str, Any]
    started: float
    to_replace: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    reason: str = ""
    ended: float | None = None

    @property
    def is_over(self) -> bool:
        return self.ended is not None

    def end(self, status: str, at: float, reason: str = "") -> None:
        self.status, self.ended, self.reason = status, at, reason


Kind = Literal["TargetTrackingScaling", "StepScaling", "SimpleScaling"]


@dataclass(slots=True, kw_only=True)
class ScalingPolicy:
    """A policy: `configured` are the members that its kind has, as they were put.

    Of target tracking, `alarms` are its own, by AlarmHigh and AlarmLow; the others are called by whoever's alarms.
    """

    name: str
    arn: str
    kind: Kind
    configured: Mapping[str, Any]
    warmup_s: int | None
    is_enabled: bool
    alarms: dict[str, str] = field(default_factory=dict)
    cooling: Cooling | None = None
    """The latest change by steps, which instances may still be warming up from."""

    @property
    def tracking(self) -> Mapping[str, Any]:
        """Its configuration of target tracking."""
        found: Mapping[str, Any] = self.configured["TargetTrackingConfiguration"]
        return found


@dataclass(slots=True, kw_only=True)
class ScheduledAction:
    """An action that changes a group's sizes; `due` is when it does so next. All times in Unix seconds."""

    name: str
    start: float | None
    end: float | None
    recurrence: str
    """Unix's cron, in the time zone `zone`; empty: once, at its start."""
    zone: str
    sizes: Mapping[str, int]
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class WarmPool:
    """A warm pool: its instances are `Stopped` or `Running`; `prepared` counts them with the desired, or -1."""

    state: str = "Stopped"
    least: int = 0
    prepared: int = -1
    reuses: bool = False
    """Whether instances come back by scaling in."""
    is_deleting: bool = False

    def size(self, group: "Group") -> int:
        """How many instances it is to have."""
        return max(self.least, (group.most if self.prepared < 0 else self.prepared) - group.desired, 0)

    def output(self) -> dict[str, Any]:
        return {
            "MinSize": self.least,
            "MaxGroupPreparedCapacity": None if self.prepared < 0 else self.prepared,
            "PoolState": self.state,
            "Status": "PendingDelete" if self.is_deleting else None,
            "InstanceReusePolicy": {"ReuseOnScaleIn": self.reuses},
        }


@dataclass(slots=True, kw_only=True)
class Group:
    """One Auto Scaling group. `tags` are as the API gives them; `hooks` by name, as they were put."""

    name: str
    arn: str
    created: float
    template: dict[str, str]
    least: int
    most: int
    desired: int
    subnets: tuple[str, ...]
    zones: tuple[str, ...]
    cooldown_s: int = 300
    warmup_s: int | None = None
    """Seconds that an instance in service does not count yet for scaling; the cool-down when nobody said."""
    health_checks: str = "EC2"
    grace_s: int = 0
    target_groups: list[str] = field(default_factory=list)
    tags: list[dict[str, Any]] = field(default_factory=list)
    protects_new: bool = False
    rebalances_capacity: bool = False
    """Of Spot instances, of which there are none."""
    lifetime_s: int = 0
    """When an instance is replaced, however sound it is; 0: never."""
    terminations: tuple[str, ...] = ("Default",)
    warm_pool: WarmPool | None = None
    metrics: dict[str, None] = field(default_factory=dict)
    """Names of those that are reported."""
    notifications: dict[str, list[str]] = field(default_factory=dict)
    """Kinds of notifications, by topic."""
    suspended: dict[str, str] = field(default_factory=dict)
    hooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    activities: deque[Activity] = field(default_factory=lambda: deque(maxlen=ACTIVITIES_KEPT))
    refreshes: list[Refresh] = field(default_factory=list)
    policies: dict[str, ScalingPolicy] = field(default_factory=dict)
    scheduled: dict[str, ScheduledAction] = field(default_factory=dict)
    past: Past = field(default_factory=Past)
    followed_at: float = 0.0
    """When the policies were last carried out."""
    cools_until: float = 0.0
    """After a simple policy's change: until then no other simple policy makes one."""
    called: str = ""
    """What changed the desired capacity, until as many instances stand: the beginning of an activity's cause."""
    complaint: str = ""
    """What load balancers say of the instance that was replaced last, until all are healthy."""
    is_deleting: bool = False
    held_until: float = 0.0
    """After a launch that failed: when the next one is tried."""
    failures: int = 0

    def does(self, process: str) -> bool:
        """Whether the process is not suspended."""
        return process not in self.suspended

    @property
    def refresh(self) -> Refresh | None:
        """The refresh that is under way."""
        return next((each for each in self.refreshes if not each.is_over), None)

    def standing(self) -> list[Member]:
        """The instances that count for the desired capacity."""
        return [m for m in self.members.values() if not m.is_leaving and not m.is_warm and m.state != "Standby"]

    def warm(self) -> list[Member]:
        """The instances of its warm pool."""
        return [each for each in self.members.values() if each.is_warm]

    def want(self, capacity: int, why: str, at: float) -> None:
        """Another desired capacity; `why` is the beginning of a sentence."""
        if capacity != self.desired:
            self.called = f"{why} changing the desired capacity from {self.desired} to {capacity}. At {stamp(at)} "
            self.desired = capacity

    def begin(self, description: str, cause: str, at: float) -> Activity:
        """A new activity, newest first."""
        text = f"At {stamp(at)} {cause}"
        activity = Activity(group=self.name, description=description, cause=text, started=at)
        self.activities.appendleft(activity)
        return activity

    def hooks_of(self, transition: str) -> list[dict[str, Any]]:
        return [hook for hook in self.hooks.values() if hook["LifecycleTransition"] == transition]

    def output(self) -> dict[str, Any]:
        """As DescribeAutoScalingGroups gives it."""
        return {
            "AutoScalingGroupName": self.name,
            "AutoScalingGroupARN": self.arn,
            "LaunchTemplate": self.template,
            "MinSize": self.least,
            "MaxSize": self.most,
            "DesiredCapacity": self.desired,
            "DefaultCooldown": self.cooldown_s,
            "DefaultInstanceWarmup": self.warmup_s,
            "AvailabilityZones": self.zones,
            "TargetGroupARNs": self.target_groups,
            "HealthCheckType": self.health_checks,
            "HealthCheckGracePeriod": self.grace_s,
            "Instances": [shown(each) for each in self.members.values() if not each.is_warm],
            "WarmPoolConfiguration": self.warm_pool.output() if self.warm_pool else None,
            "WarmPoolSize": len(self.warm()) if self.warm_pool else None,
            "CreatedTime": moment(self.created),
            "SuspendedProcesses": [
                {"ProcessName": name, "SuspensionReason": why} for name, why in self.suspended.items()
            ],
            "VPCZoneIdentifier": ",".join(self.subnets) or None,
            "Tags": self.tags,
            "TerminationPolicies": list(self.terminations),
            "CapacityRebalance": self.rebalances_capacity,
            "MaxInstanceLifetime": self.lifetime_s or None,
            "EnabledMetrics": [{"Metric": name, "Granularity": "1Minute"} for name in self.metrics],
            "TrafficSources": [{"Identifier": arn, "Type": "elbv2"} for arn in self.target_groups],
            "NewInstancesProtectedFromScaleIn": self.protects_new,
            "Status": "Delete in progress" if self.is_deleting else None,
        }


def stamp(at: float) -> str:
    """Unix seconds as causes tell them."""
    return f"{moment(at):%Y-%m-%dT%H:%M:%SZ}"


def shown(each: Member) -> dict[str, Any]:
    """An instance as the group's descriptions give it."""
    return {
        "InstanceId": each.instance,
        "InstanceType": each.type,
        "AvailabilityZone": each.zone,
        "LifecycleState": each.state,
        "HealthStatus": each.health,
        "LaunchTemplate": each.template or None,
        "ProtectedFromScaleIn": each.is_protected,
    }


def described(group: Group) -> Iterable[dict[str, Any]]:
    """The group's instances as DescribeAutoScalingInstances gives them."""
    for each in group.members.values():
        yield {**shown(each), "AutoScalingGroupName": group.name}

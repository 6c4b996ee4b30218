"""The calls about scaling policies; what follows from them is done by `tracking` and by `stepping`.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html
"""

import uuid
from collections.abc import Mapping
from typing import Any, get_args

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.problems import invalid, listed
from infrastructure.embedded.apis.autoscaling.record import Group, Kind, ScalingPolicy
from infrastructure.embedded.apis.autoscaling.stepping import Stepping
from infrastructure.embedded.apis.autoscaling.tracking import Tracking
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.step_scaling import KINDS, problem
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported

_MEMBERS: Mapping[Kind, frozenset[str]] = {
    "TargetTrackingScaling": frozenset({"TargetTrackingConfiguration"}),
    "StepScaling": frozenset({"AdjustmentType", "MinAdjustmentMagnitude", "MetricAggregationType", "StepAdjustments"}),
    "SimpleScaling": frozenset({"AdjustmentType", "MinAdjustmentMagnitude", "ScalingAdjustment", "Cooldown"}),
}
"""What each kind of policy is told by."""
_WARM = frozenset({"TargetTrackingScaling", "StepScaling"})


class Policies:
    """The operations, and `follow`, which carries the policies out."""

    def __init__(self, groups: Groups, context: Context) -> None:
        self._groups = groups
        self._pace = context.pace
        self._tracking = Tracking(context)
        self._stepping = Stepping(context)

    @operation("PutScalingPolicy", effect="the group's desired capacity follows a metric, or an alarm that calls")
    def _put(self, given: Members) -> Output:
        group, name = self._groups.named(given), given["PolicyName"]
        known = group.policies.get(name)
        kind = given.get("PolicyType") or (known.kind if known else "SimpleScaling")
        if kind not in get_args(Kind):
            raise unsupported(f"{kind} policies; {', '.join(get_args(Kind))} are carried out")
        if known is not None and kind != known.kind:
            raise invalid("You cannot change the policy type of an existing policy.")
        configured = self._configured(group, kind, given, known)
        policy = ScalingPolicy(
            name=name,
            arn=known.arn if known else self._arn(group, name),
            kind=kind,
            configured=configured,
            warmup_s=given.get("EstimatedInstanceWarmup"),
            is_enabled=given.get("Enabled", True),
        )
        if known is not None:
            self._tracking.drop_alarms(known)
        group.policies[name] = policy
        if kind == "TargetTrackingScaling":
            self._tracking.put_alarms(group, policy)
        return {"PolicyARN": policy.arn, "Alarms": self._alarms(policy)}

    @operation("DescribePolicies")
    def _describe(self, given: Members) -> Output:
        names, kinds, wanted = (given.get(m) for m in ("PolicyNames", "PolicyTypes", "AutoScalingGroupName"))
        found = [
            self._output(group, policy)
            for group in self._groups.all.values()
            for policy in group.policies.values()
            if wanted in (None, group.name)
            and (not names or policy.name in names or policy.arn in names)
            and (not kinds or policy.kind in kinds)
        ]
        shown, token = listed(found, given)
        return {"ScalingPolicies": shown, "NextToken": token}

    @operation("DeletePolicy", effect="scaling by it ends; its alarms go")
    def _delete(self, given: Members) -> None:
        group, policy = self._named(given)
        self._tracking.drop_alarms(policy)
        del group.policies[policy.name]

    @operation("ExecutePolicy", effect="the desired capacity changes as the policy says")
    def _execute(self, given: Members) -> None:
        group, policy = self._named(given)
        now = self._groups.clock()
        if policy.kind == "TargetTrackingScaling":
            raise invalid("ExecutePolicy is not supported for policies of type TargetTrackingScaling")
        why = f"a user request executed policy {policy.name}"
        if policy.kind == "StepScaling":
            value, threshold = given.get("MetricValue"), given.get("BreachThreshold")
            if value is None or threshold is None:
                raise invalid("MetricValue and BreachThreshold are required to execute a policy of type StepScaling")
            self._stepping.step(group, policy, float(value) - float(threshold), why, now)
            return
        if given.get("HonorCooldown") and self._stepping.is_cooling(group, now):
            raise Refused("ScalingActivityInProgress", "Policy cannot be executed: the group is in its cooldown period")
        self._stepping.adjust(group, policy, why, now)

    def forget(self, group: Group) -> None:
        """The group is gone, and the alarms of its policies with it."""
        for policy in group.policies.values():
            self._tracking.drop_alarms(policy)

    def follow(self, group: Group, now: float) -> float | None:
        """Change the desired capacity as the policies want it; when to look again."""
        if not group.policies or group.is_deleting:
            return None
        interval_s = self._pace.scaling_interval_s
        if not group.followed_at <= now < group.followed_at + interval_s:  # the clock may have been set back
            group.followed_at = now
            if group.does("AlarmNotification"):
                self._tracking.follow(group, now)
                self._stepping.follow(group, now)
        return group.followed_at + interval_s

    # --- what is given, and shown -------------------------------------------------------------------------------------

    def _configured(self, group: Group, kind: Kind, given: Members, known: ScalingPolicy | None) -> Mapping[str, Any]:
        """The members of a policy of this kind, refused where AWS refuses them."""
        others = frozenset().union(*_MEMBERS.values(), {"EstimatedInstanceWarmup"}) - _MEMBERS[kind]
        others -= {"EstimatedInstanceWarmup"} if kind in _WARM else set()
        wrong = sorted(name for name in others if given.get(name) is not None)
        if wrong:
            raise invalid(f"{wrong[0]} is not supported for policies of type {kind}")
        configured = {name: given[name] for name in _MEMBERS[kind] if given.get(name) is not None}
        if given.get("MinAdjustmentStep") is not None and kind != "TargetTrackingScaling":
            configured.setdefault("MinAdjustmentMagnitude", given["MinAdjustmentStep"])  # its name before
        if not configured and known is not None:
            return known.configured
        if kind == "TargetTrackingScaling":
            if not configured:
                raise invalid("TargetTrackingConfiguration is required for policies of type TargetTrackingScaling")
            self._tracking.check(group, configured["TargetTrackingConfiguration"], known)
        elif kind == "StepScaling" and (why := problem(configured)) is not None:
            raise invalid(why)
        elif kind == "SimpleScaling":
            _check_simple(configured)
        return configured

    def _named(self, given: Members) -> tuple[Group, ScalingPolicy]:
        named, wanted = given["PolicyName"], given.get("AutoScalingGroupName")
        for group in self._groups.all.values():
            for policy in group.policies.values():
                if policy.arn == named or (policy.name == named and wanted == group.name):
                    return group, policy
        raise invalid(f"Could not find a policy named {named}")

    @staticmethod
    def _arn(group: Group, name: str) -> str:
        where = group.arn.partition(":autoScalingGroup:")[0]
        return f"{where}:scalingPolicy:{uuid.uuid4()}:autoScalingGroupName/{group.name}:policyName/{name}"

    def _alarms(self, policy: ScalingPolicy) -> list[Output]:
        """The policy's own, or those whose action it is."""
        if policy.kind == "TargetTrackingScaling":
            return self._tracking.alarms(policy)
        return [{"AlarmName": a.name, "AlarmARN": a.alarm_arn} for a in self._stepping.alarms(policy)]

    def _output(self, group: Group, policy: ScalingPolicy) -> Output:
        shown = {name: value for name, value in policy.configured.items() if name != "TargetTrackingConfiguration"}
        if policy.kind == "StepScaling":
            shown = {"MetricAggregationType": "Average", **shown}
        if policy.kind == "TargetTrackingScaling":
            shown["TargetTrackingConfiguration"] = {"DisableScaleIn": False, **policy.tracking}
        return {
            "AutoScalingGroupName": group.name,
            "PolicyName": policy.name,
            "PolicyARN": policy.arn,
            "PolicyType": policy.kind,
            "EstimatedInstanceWarmup": policy.warmup_s,
            "StepAdjustments": [],
            **shown,
            "Alarms": self._alarms(policy),
            "Enabled": policy.is_enabled,
        }


def _check_simple(configured: Mapping[str, Any]) -> None:
    if configured.get("AdjustmentType") not in KINDS:
        raise invalid(f"AdjustmentType must be one of: {', '.join(KINDS)}")
    if configured.get("ScalingAdjustment") is None:
        raise invalid("ScalingAdjustment is required for policies of type SimpleScaling")
    if configured.get("MinAdjustmentMagnitude") is not None and configured["AdjustmentType"] != KINDS[2]:
        raise invalid(f"MinAdjustmentMagnitude can be specified only with {KINDS[2]}")

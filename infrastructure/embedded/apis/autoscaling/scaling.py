"""Target tracking of groups: the calls about policies, and what follows from them.

An instance that warms up counts for the capacity, and not yet for what a metric says of it: nothing is scaled in
meanwhile, and out only by what the warm ones call for beyond those on their way.
Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
"""

import uuid
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.problems import invalid, listed, not_provided
from infrastructure.embedded.apis.autoscaling.record import Group, ScalingPolicy
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.control.target_tracking import (
    HIGH_PERIODS,
    LOW_FRACTION,
    LOW_PERIODS,
    PERIOD_S,
    Policy,
    Step,
    agreed,
    custom_metric,
    decide,
    predefined_metric,
    recent,
    statistic_of,
)
from infrastructure.embedded.gateway.operations import Members, Output, operation

PREDEFINED: Mapping[str, str] = {"ASGAverageCPUUtilization": "CPUUtilization"}
"""Predefined metric types that are followed, and their metric in AWS/EC2."""
KIND = "TargetTrackingScaling"


class Scaling:
    """The operations, and `follow`, which carries the policies out."""

    def __init__(self, groups: Groups, context: Context) -> None:
        self._groups = groups
        self._operations = context.backends.operations
        self._store = context.metrics.store
        self._pace = context.pace

    # --- calls --------------------------------------------------------------------------------------------------------

    @operation("PutScalingPolicy", effect="target tracking of the group's CPU or any metric moves its desired capacity")
    def _put(self, given: Members) -> Output:
        group, name = self._groups.named(given), given["PolicyName"]
        known = group.policies.get(name)
        tracking = self._tracking(group, given, known)
        policy = ScalingPolicy(
            name=name,
            arn=known.arn if known else self._arn(group, name),
            tracking=tracking,
            warmup_s=given.get("EstimatedInstanceWarmup"),
            is_enabled=given.get("Enabled", True),
        )
        self._drop_alarms(known)
        group.policies[name] = policy
        self._put_alarms(group, policy)
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
            and (not kinds or KIND in kinds)
        ]
        shown, token = listed(found, given)
        return {"ScalingPolicies": shown, "NextToken": token}

    @operation("DeletePolicy", effect="scaling by it ends; its alarms go")
    def _delete(self, given: Members) -> None:
        named, wanted = given["PolicyName"], given.get("AutoScalingGroupName")
        for group in self._groups.all.values():
            for policy in tuple(group.policies.values()):
                if policy.arn == named or (policy.name == named and wanted == group.name):
                    self._drop_alarms(policy)
                    del group.policies[policy.name]
                    return
        raise invalid(f"Could not find a policy named {named}")

    def forget(self, group: Group) -> None:
        """The group is gone, and the alarms of its policies with it."""
        for policy in group.policies.values():
            self._drop_alarms(policy)

    def _tracking(self, group: Group, given: Members, known: ScalingPolicy | None) -> Mapping[str, Any]:
        kind = given.get("PolicyType", KIND if known else "SimpleScaling")
        if kind != KIND:
            raise not_provided(f"{kind} policies of groups; {KIND} is carried out")
        tracking: Mapping[str, Any] | None = given.get("TargetTrackingConfiguration", known and known.tracking)
        if tracking is None:
            raise invalid("TargetTrackingConfiguration is required for policies of type TargetTrackingScaling")
        if not tracking["TargetValue"] > 0:
            raise invalid(f"TargetValue {tracking['TargetValue']} must be greater than 0")
        key = metric_of(tracking, group.name)
        if key is None:
            raise not_provided(f"tracking of this metric; of the predefined ones, {' and '.join(PREDEFINED)} is")
        others = [each for each in group.policies.values() if each is not known]
        if any(metric_of(each.tracking, group.name) == key for each in others):
            raise invalid("Only one TargetTrackingScaling policy for a given metric specification is allowed.")
        return tracking

    @staticmethod
    def _arn(group: Group, name: str) -> str:
        where = group.arn.partition(":autoScalingGroup:")[0]
        return f"{where}:scalingPolicy:{uuid.uuid4()}:autoScalingGroupName/{group.name}:policyName/{name}"

    # --- alarms -------------------------------------------------------------------------------------------------------

    def _put_alarms(self, group: Group, policy: ScalingPolicy) -> None:
        """AWS makes an alarm for either way; they show what the policy does, and do not make it."""
        key, target = metric_of(policy.tracking, group.name), float(policy.tracking["TargetValue"])
        if key is None:
            return
        ways: dict[str, tuple[str, int, float]] = {"AlarmHigh": ("GreaterThanThreshold", HIGH_PERIODS, target)}
        if not policy.tracking.get("DisableScaleIn"):
            ways["AlarmLow"] = ("LessThanThreshold", LOW_PERIODS, target * LOW_FRACTION)
        for way, (comparison, periods, threshold) in ways.items():
            policy.alarms[way] = f"TargetTracking-{group.name}-{way}-{uuid.uuid4()}"
            self._operations.call(
                "monitoring",
                "PutMetricAlarm",
                AlarmName=policy.alarms[way],
                AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
                AlarmActions=[policy.arn],
                Namespace=key.namespace,
                MetricName=key.name,
                Dimensions=[{"Name": name, "Value": value} for name, value in key.dimensions],
                Statistic=statistic_of(policy.tracking),
                Period=int(PERIOD_S),
                EvaluationPeriods=periods,
                Threshold=threshold,
                ComparisonOperator=comparison,
            )

    def _drop_alarms(self, policy: ScalingPolicy | None) -> None:
        if policy is not None and policy.alarms:
            self._operations.call("monitoring", "DeleteAlarms", AlarmNames=list(policy.alarms.values()))
            policy.alarms.clear()

    def _alarms(self, policy: ScalingPolicy) -> list[Output]:
        described = self._operations.call("monitoring", "DescribeAlarms", AlarmNames=list(policy.alarms.values()))
        return [{"AlarmName": a.name, "AlarmARN": a.alarm_arn} for a in described["MetricAlarms"]]

    def _output(self, group: Group, policy: ScalingPolicy) -> Output:
        return {
            "AutoScalingGroupName": group.name,
            "PolicyName": policy.name,
            "PolicyARN": policy.arn,
            "PolicyType": KIND,
            "EstimatedInstanceWarmup": policy.warmup_s,
            "StepAdjustments": [],
            "Alarms": self._alarms(policy),
            "TargetTrackingConfiguration": {"DisableScaleIn": False, **policy.tracking},
            "Enabled": policy.is_enabled,
        }

    # --- what follows -------------------------------------------------------------------------------------------------

    def follow(self, group: Group, now: float) -> float | None:
        """Change the desired capacity as all policies together want it; when to look again."""
        policies = [each for each in group.policies.values() if each.is_enabled]
        if not policies or group.is_deleting:
            return None
        interval_s = self._pace.scaling_interval_s
        if not group.followed_at <= now < group.followed_at + interval_s:  # the clock may have been set back
            group.followed_at = now
            if group.does("AlarmNotification"):
                self._scale(group, policies, now)
        return group.followed_at + interval_s

    def _scale(self, group: Group, policies: list[ScalingPolicy], now: float) -> None:
        rules = [self._rule(group, each) for each in policies]
        steps = [self._step(group, *each, now) for each in zip(policies, rules, strict=True)]
        step = agreed(rules, steps)
        if step is None:
            return
        group.past = group.past.after(step, now)
        chosen = policies[steps.index(step)]
        alarm = chosen.alarms.get(step.alarm, step.alarm)
        why = f"a monitor alarm {alarm} in state ALARM triggered policy {chosen.name}"
        group.want(step.capacity, why, now)

    def _step(self, group: Group, policy: ScalingPolicy, rule: Policy, now: float) -> Step | None:
        key = metric_of(policy.tracking, group.name)
        if key is None:
            return None
        values = recent(self._store, key, statistic_of(policy.tracking), self._pace, now)
        warm_s = self._pace.seconds(self._warmup_s(group, policy))
        warm = [m for m in group.standing() if m.state == "InService" and now >= m.since + warm_s]
        if len(warm) >= group.desired:
            return decide(rule, values, group.desired, group.past, now)
        step = decide(rule, values, len(warm), group.past, now)
        return step if step is not None and step.alarm == "AlarmHigh" and step.capacity > group.desired else None

    def _rule(self, group: Group, policy: ScalingPolicy) -> Policy:
        return Policy(
            target=float(policy.tracking["TargetValue"]),
            least=group.least,
            most=group.most,
            out_cooldown_s=0.0,  # warming up does for it
            in_cooldown_s=self._pace.seconds(self._warmup_s(group, policy)),
            is_in_disabled=bool(policy.tracking.get("DisableScaleIn")),
        )

    @staticmethod
    def _warmup_s(group: Group, policy: ScalingPolicy) -> float:
        given = (policy.warmup_s, group.warmup_s, group.cooldown_s)
        return float(next(each for each in given if each is not None))


def metric_of(tracking: Mapping[str, Any], group: str) -> Key | None:
    """The metric that target tracking follows; None for one that nothing here reports."""
    name = PREDEFINED.get(predefined_metric(tracking))
    return custom_metric(tracking) or (Key.of("AWS/EC2", name, {"AutoScalingGroupName": group}) if name else None)

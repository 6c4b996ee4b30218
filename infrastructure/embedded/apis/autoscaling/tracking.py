"""Target tracking of groups: which configurations there may be, their alarms, and what follows from them.

An instance that warms up counts for the capacity, and not yet for what a metric says of it: nothing is scaled in
meanwhile, and out only by what the warm ones call for beyond those on their way.
Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
"""

import uuid
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.apis.autoscaling.problems import invalid
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
from infrastructure.embedded.gateway.operations import Output
from infrastructure.embedded.gateway.refused import unsupported

PREDEFINED: Mapping[str, str] = {"ASGAverageCPUUtilization": "CPUUtilization"}
"""Predefined metric types that are followed, and their metric in AWS/EC2."""
KIND = "TargetTrackingScaling"


class Tracking:
    """Makes the alarms of a policy that tracks, and carries such policies out."""

    def __init__(self, context: Context) -> None:
        self._operations = context.backends.operations
        self._store = context.metrics.store
        self._pace = context.pace

    # --- alarms -------------------------------------------------------------------------------------------------------

    def check(self, group: Group, tracking: Mapping[str, Any], known: ScalingPolicy | None) -> None:
        """Refuse what cannot be tracked, and what another policy than `known` tracks already."""
        if not tracking["TargetValue"] > 0:
            raise invalid(f"TargetValue {tracking['TargetValue']} must be greater than 0")
        key = metric_of(tracking, group.name)
        if key is None:
            raise unsupported(f"tracking of this metric; of the predefined ones, {' and '.join(PREDEFINED)} is")
        others = [each for each in group.policies.values() if each is not known and each.kind == KIND]
        if any(metric_of(each.tracking, group.name) == key for each in others):
            raise invalid("Only one TargetTrackingScaling policy for a given metric specification is allowed.")

    def put_alarms(self, group: Group, policy: ScalingPolicy) -> None:
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

    def drop_alarms(self, policy: ScalingPolicy) -> None:
        if policy.alarms:
            self._operations.call("monitoring", "DeleteAlarms", AlarmNames=list(policy.alarms.values()))
            policy.alarms.clear()

    def alarms(self, policy: ScalingPolicy) -> list[Output]:
        described = self._operations.call("monitoring", "DescribeAlarms", AlarmNames=list(policy.alarms.values()))
        return [{"AlarmName": a.name, "AlarmARN": a.alarm_arn} for a in described["MetricAlarms"]]

    # --- what follows -------------------------------------------------------------------------------------------------

    def follow(self, group: Group, now: float) -> None:
        """Change the desired capacity as all policies that track want it together."""
        policies = [each for each in group.policies.values() if each.is_enabled and each.kind == KIND]
        if not policies:
            return
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
        warm_s = self._pace.seconds(warmup_s(group, policy))
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
            in_cooldown_s=self._pace.seconds(warmup_s(group, policy)),
            is_in_disabled=bool(policy.tracking.get("DisableScaleIn")),
        )


def warmup_s(group: Group, policy: ScalingPolicy) -> float:
    """For how long, in seconds of AWS's, an instance in service counts as warming up."""
    given = (policy.warmup_s, group.warmup_s, group.cooldown_s)
    return float(next(each for each in given if each is not None))


def metric_of(tracking: Mapping[str, Any], group: str) -> Key | None:
    """The metric that target tracking follows; None for one that nothing here reports."""
    name = PREDEFINED.get(predefined_metric(tracking))
    return custom_metric(tracking) or (Key.of("AWS/EC2", name, {"AutoScalingGroupName": group}) if name else None)

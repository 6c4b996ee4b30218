"""Step and simple scaling of groups: policies that are carried out as long as an alarm that names them is in ALARM.

Steps count from the instances that are warm: while others warm up, a further breach adds only what it calls for beyond
them, and nothing is removed. A simple policy's change is followed by a cool-down, in which none makes another.
Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.embedded.apis.autoscaling.record import Group, ScalingPolicy
from infrastructure.embedded.apis.autoscaling.tracking import warmup_s
from infrastructure.embedded.apis.cloudwatch.breach import breach, is_calling, naming
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.step_scaling import StepPolicy, cooling_after, decide, steps_of

Record = Any  # moto's alarms, which publish no types


class Stepping:
    """Carries out the policies that alarms call."""

    def __init__(self, context: Context) -> None:
        self._alarms: Mapping[str, Record] = context.backends.cloudwatch.alarms
        self._store = context.metrics.store
        self._pace = context.pace

    def alarms(self, policy: ScalingPolicy) -> list[Record]:
        """The alarms whose action the policy is."""
        return naming(policy.arn, self._alarms)

    def follow(self, group: Group, now: float) -> None:
        """Do what the alarms that are raised call for; of several steps the one that wants most counts."""
        steps = max(self._steps(group, now), key=lambda each: each[0], default=None)
        if steps is not None:
            wanted, policy, why = steps
            self._change(group, policy, wanted, why, now)
        for policy in group.policies.values():
            if policy.kind == "SimpleScaling" and policy.is_enabled and not self.is_cooling(group, now):
                for alarm in filter(is_calling, self.alarms(policy)):
                    self.adjust(group, policy, _why(alarm, policy), now)
                    break

    def _steps(self, group: Group, now: float) -> Iterator[tuple[int, ScalingPolicy, str]]:
        for policy in group.policies.values():
            if policy.kind != "StepScaling" or not policy.is_enabled:
                continue
            statistic = policy.configured.get("MetricAggregationType", "Average")
            for alarm in self.alarms(policy):
                by = breach(alarm, statistic, self._store, self._pace, now)
                wanted = None if by is None else self._wanted(group, policy, by, now)
                if wanted is not None:
                    yield wanted, policy, _why(alarm, policy)

    def step(self, group: Group, policy: ScalingPolicy, by: float, why: str, now: float) -> None:
        """Carry out a policy of steps for a metric that is `by` past its threshold."""
        wanted = self._wanted(group, policy, by, now)
        if wanted is not None:
            self._change(group, policy, wanted, why, now)

    def adjust(self, group: Group, policy: ScalingPolicy, why: str, now: float) -> None:
        """Carry out a simple policy; the cool-down begins anew."""
        configured = policy.configured
        by = int(configured["ScalingAdjustment"])
        rule = self._rule(group, policy, ((-math.inf, math.inf, by),), 0.0)
        wanted = decide(rule, 0.0, group.desired, None, now)
        if wanted is not None:
            cooldown_s = self._pace.seconds(float(configured.get("Cooldown", group.cooldown_s)))
            group.cools_until = now + cooldown_s
            group.want(wanted, why, now)

    @staticmethod
    def is_cooling(group: Group, now: float) -> bool:
        """Whether a simple policy has to wait: for the cool-down, and for instances that are on their way."""
        return now < group.cools_until or any(each.state.startswith("Pending") for each in group.standing())

    def _wanted(self, group: Group, policy: ScalingPolicy, by: float, now: float) -> int | None:
        warm_s = self._pace.seconds(warmup_s(group, policy))
        rule = self._rule(group, policy, steps_of(policy.configured), warm_s)
        # What was removed counts at once, and keeps nothing from being removed.
        cooling = policy.cooling if policy.cooling is not None and policy.cooling.is_out else None
        return decide(rule, by, group.desired, cooling, now)

    def _change(self, group: Group, policy: ScalingPolicy, wanted: int, why: str, now: float) -> None:
        warm_s = self._pace.seconds(warmup_s(group, policy))
        policy.cooling = cooling_after(policy.cooling, group.desired, wanted, warm_s, now)
        group.want(wanted, why, now)

    @staticmethod
    def _rule(
        group: Group, policy: ScalingPolicy, steps: tuple[tuple[float, float, int], ...], cooldown_s: float
    ) -> StepPolicy:
        return StepPolicy(
            kind=policy.configured["AdjustmentType"],
            steps=steps,
            least=group.least,
            most=group.most,
            cooldown_s=cooldown_s,
            smallest=int(policy.configured.get("MinAdjustmentMagnitude") or 0),
        )


def _why(alarm: Record, policy: ScalingPolicy) -> str:
    return f"a monitor alarm {alarm.name} in state ALARM triggered policy {policy.name}"

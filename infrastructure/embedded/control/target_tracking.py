"""What target tracking decides: from a metric's recent values and the capacity to the capacity wanted. No clock.

AWS makes two alarms of a policy, https://docs.aws.amazon.com/autoscaling/application/userguide/:
- high: the metric above the target for 3 periods of 60 s; scale out at once, in proportion;
- low: the metric below 90 % of the target for 15 periods; scale in, carefully.
After a scale-out, its cool-down keeps further ones away; after a scale-in, its cool-down keeps further scale-ins away,
while a scale-out is always allowed. Of several policies on one target any may scale out, all must agree to scale in,
and the largest capacity counts. A capacity that somebody set outside of its bounds stays until an alarm calls.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from infrastructure.embedded.control.metric_store import LATE_S, Key, MetricStore, period_at
from infrastructure.embedded.pace import Pace

HIGH_PERIODS = 3
LOW_PERIODS = 15
PERIOD_S = 60.0
"""Length of the evaluated periods on AWS."""
LOW_FRACTION = 0.9
"""Scale-in waits until the metric is below this part of the target, so that the two alarms never fight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A target-tracking policy on a scalable target; cool-downs in seconds of this platform's pace."""

    target: float
    least: int
    most: int
    out_cooldown_s: float
    in_cooldown_s: float
    is_in_disabled: bool = False
    is_out_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """When capacity was last added and removed (Unix seconds)."""

    out_at: float = -math.inf
    in_at: float = -math.inf

    def after(self, step: "Step", now: float) -> "Past":
        """When the step is made now."""
        return replace(self, out_at=now) if step.alarm == "AlarmHigh" else replace(self, in_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of capacity, `alarm` the one that calls for it."""

    capacity: int
    alarm: Literal["AlarmHigh", "AlarmLow"]
    value: float


def decide(policy: Policy, values: Sequence[float | None], capacity: int, past: Past, now: float) -> Step | None:
    """The change to make, if any. `values` are the last periods' averages, oldest first, None for one without data."""
    high = _all(values, HIGH_PERIODS)
    if high and min(high) > policy.target:
        return _out(policy, high[-1], capacity, past, now)
    low = _all(values, LOW_PERIODS)
    if low and max(low) < policy.target * LOW_FRACTION:
        return _in(policy, max(low), capacity, past, now)
    return None


def custom_metric(configured: Mapping[str, Any]) -> Key | None:
    """The one metric of one's own that a configuration follows; None for a predefined one, and for metric math."""
    custom = configured.get("CustomizedMetricSpecification")
    if not custom or "MetricName" not in custom:
        return None
    return Key.named(custom)


def predefined_metric(configured: Mapping[str, Any]) -> str:
    """The predefined metric's type; empty when there is none."""
    return str(configured.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", ""))


def statistic_of(configured: Mapping[str, Any]) -> str:
    """The statistic that is compared with the target."""
    return str(configured.get("CustomizedMetricSpecification", {}).get("Statistic", "Average"))


def recent(store: MetricStore, key: Key, statistic: str, pace: Pace, now: float) -> tuple[float | None, ...]:
    """What `decide` needs of a metric; a period that ended just now has no data yet."""
    period_s = period_at(PERIOD_S, pace)
    end = (now - LATE_S) // period_s * period_s
    starts = [end - period_s * back for back in range(LOW_PERIODS, 0, -1)]
    found = dict(store.query(key, starts[0], end, period_s))
    return tuple(found[at].statistic(statistic) if at in found else None for at in starts)


def agreed(policies: Sequence[Policy], steps: Sequence[Step | None]) -> Step | None:
    """What several policies of one target want together: `steps` are what `decide` says for each of them."""
    found = [step for step in steps if step is not None and step.alarm == "AlarmHigh"]
    if not found:
        asked = [step for policy, step in zip(policies, steps, strict=True) if not policy.is_in_disabled]
        found = [step for step in asked if step is not None]
        if len(found) < len(asked):
            return None
    return max(found, key=lambda step: step.capacity, default=None)


def _all(values: Sequence[float | None], count: int) -> list[float]:
    """The last `count` values, or nothing if one of them is missing."""
    recent = [value for value in values[-count:] if value is not None]
    return recent if len(recent) == count else []


def _out(policy: Policy, value: float, capacity: int, past: Past, now: float) -> Step | None:
    if policy.is_out_disabled or capacity >= policy.most or _is_recent(past.out_at, policy.out_cooldown_s, now):
        return None
    wanted = math.ceil(max(capacity, 1) * value / policy.target)
    return Step(capacity=min(max(wanted, policy.least), policy.most), alarm="AlarmHigh", value=value)


def _in(policy: Policy, value: float, capacity: int, past: Past, now: float) -> Step | None:
    if policy.is_in_disabled or capacity <= policy.least:
        return None
    if _is_recent(past.in_at, policy.in_cooldown_s, now) or _is_recent(past.out_at, policy.out_cooldown_s, now):
        return None
    wanted = max(math.ceil(capacity * value / policy.target), policy.least)
    return Step(capacity=min(wanted, policy.most), alarm="AlarmLow", value=value) if wanted < capacity else None


def _is_recent(at: float, cooldown_s: float, now: float) -> bool:
    """Whether a change cools down still; one of the future was made before the clock was set back."""
    return 0.0 <= now - at < cooldown_s

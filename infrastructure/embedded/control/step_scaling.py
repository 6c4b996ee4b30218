"""What step scaling decides: from how far a metric is past its alarm's threshold to the capacity wanted. Pure.

Source: https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

KINDS = ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")
STATISTICS = ("Average", "Maximum", "Minimum")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPolicy:
    """A step-scaling policy on a scalable target; the cool-down in seconds of this platform's pace."""

    kind: str
    steps: tuple[tuple[float, float, int], ...]
    """Bounds of the breach (metric less threshold), infinite where open, and the adjustment."""
    least: int
    most: int
    cooldown_s: float
    smallest: int = 0
    """By what a change in percent changes the capacity at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """The latest change that a policy made: from which capacity, when (Unix seconds), and whether it added."""

    base: int
    at: float
    is_out: bool


def steps_of(configured: Mapping[str, Any]) -> tuple[tuple[float, float, int], ...]:
    """The steps of a configuration, the lowest first."""
    found = [
        (
            float(each.get("MetricIntervalLowerBound", -math.inf)),
            float(each.get("MetricIntervalUpperBound", math.inf)),
            int(each["ScalingAdjustment"]),
        )
        for each in configured.get("StepAdjustments", ())
    ]
    return tuple(sorted(found))


def problem(configured: Mapping[str, Any]) -> str | None:
    """Why AWS refuses a configuration; None for one that it takes."""
    if configured.get("AdjustmentType") not in KINDS:
        return f"AdjustmentType must be one of: {', '.join(KINDS)}"
    if configured.get("MinAdjustmentMagnitude") is not None and configured["AdjustmentType"] != KINDS[2]:
        return f"MinAdjustmentMagnitude can be specified only with {KINDS[2]}"
    if configured.get("MetricAggregationType", "Average") not in STATISTICS:
        return f"MetricAggregationType must be one of: {', '.join(STATISTICS)}"
    return next(_gaps(steps_of(configured)), None)


def _gaps(steps: Sequence[tuple[float, float, int]]) -> Iterator[str]:
    if not steps:
        yield "At least one StepAdjustment must be specified"
        return
    if any(lower == -math.inf and upper == math.inf for lower, upper, _ in steps):
        yield "At least one of MetricIntervalLowerBound and MetricIntervalUpperBound must be specified"
    if any(lower >= upper for lower, upper, _ in steps):
        yield "MetricIntervalUpperBound must be greater than MetricIntervalLowerBound"
    for (_, upper, _), (lower, _, _) in pairwise(steps):
        if upper > lower:
            yield "StepAdjustment intervals can't overlap"
        if upper < lower:
            yield "StepAdjustment intervals can't have gaps between them"
    if -math.inf < steps[0][0] < 0:
        yield "There must be a StepAdjustment with an unspecified lower bound when one lower bound is negative"
    if 0 < steps[-1][1] < math.inf:
        yield "There must be a StepAdjustment with an unspecified upper bound when one upper bound is positive"


def decide(policy: StepPolicy, breach: float, capacity: int, cooling: Cooling | None, now: float) -> int | None:
    """The capacity wanted while the alarm calls; None when nothing is to change.

    While an addition cools down, a further one counts from where that began; a removal waits. A removal that cools
    down keeps further ones away.
    """
    by = _adjustment(policy, breach)
    if by is None:
        return None
    is_cooling = cooling is not None and 0.0 <= now - cooling.at < policy.cooldown_s
    base = cooling.base if cooling is not None and is_cooling and cooling.is_out else capacity
    wanted = min(max(_changed(policy, base, by), policy.least), policy.most)
    is_allowed = wanted > capacity if is_cooling else wanted != capacity
    return wanted if is_allowed and _is_towards(policy, wanted, capacity, by) else None


def cooling_after(former: Cooling | None, before: int, wanted: int, cooldown_s: float, now: float) -> Cooling:
    """What cools down once the capacity was changed: an addition within another's cool-down counts from its base."""
    is_out = wanted > before
    is_further = former is not None and former.is_out and is_out and 0.0 <= now - former.at < cooldown_s
    return Cooling(base=former.base if former is not None and is_further else before, at=now, is_out=is_out)


def _is_towards(policy: StepPolicy, wanted: int, capacity: int, by: int) -> bool:
    """An adjustment never moves the capacity against its own direction, be that out of bounds already."""
    return policy.kind == "ExactCapacity" or (wanted > capacity) == (by > 0)


def _adjustment(policy: StepPolicy, breach: float) -> int | None:
    """Above the threshold a step has its lower bound, below it its upper one."""
    for lower, upper, by in policy.steps:
        if (lower <= breach < upper) if breach >= 0 else (lower < breach <= upper):
            return by
    return None


def _changed(policy: StepPolicy, capacity: int, by: int) -> int:
    if policy.kind == "ExactCapacity":
        return by
    if policy.kind == "ChangeInCapacity":
        return capacity + by
    change = capacity * by / 100
    size = max(math.floor(abs(change)), 1 if change else 0, policy.smallest)
    return capacity + int(math.copysign(size, by))

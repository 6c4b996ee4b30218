"""How a metric alarm judges its data points: M out of N periods, with AWS's rules for missing ones. Pure.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html ; the tables there
are this module's tests.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infrastructure.embedded.control.metric_store import Key, MetricStore

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

EXTRA_PERIODS = 2
"""Periods looked at beyond the evaluated ones, to find data points in place of missing ones."""

MISSING = ("breaching", "notBreaching", "ignore", "missing")
"""What an alarm may make of a missing data point."""
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What an alarm watches; `period_s` in seconds of this platform's pace."""

    key: Key
    statistic: str
    period_s: float
    comparison: str
    threshold: float
    evaluated: int
    needed: int
    missing: str = "missing"
    unit: str | None = None

    def breaches(self, value: float) -> bool:
        return COMPARISONS[self.comparison](value, self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The state an alarm is in, and the data points (Unix seconds, value; newest first) that say so."""

    state: State
    points: tuple[tuple[float, float], ...]

    @property
    def reason(self) -> str:
        return (
            f"{len(self.points)} datapoints were evaluated: {', '.join(f'{v:.4g}' for _, v in self.points) or 'none'}"
        )


def judge(rule: Rule, store: MetricStore, now: float, standing: State) -> Judgement:
    """Judge the periods that have ended by `now`; `standing` is what the alarm says so far."""
    end = now - now % rule.period_s
    start = end - (rule.evaluated + EXTRA_PERIODS) * rule.period_s
    found = store.query(rule.key, start, end, rule.period_s, rule.unit)
    values = [(at, v) for at, bucket in found if (v := bucket.statistic(rule.statistic)) is not None]
    points = tuple(reversed(values[-rule.evaluated :]))
    breaches = [rule.breaches(value) for _, value in points]
    return Judgement(state=_state(breaches, rule, standing), points=points)


def _state(breaches: Sequence[bool], rule: Rule, standing: State) -> State:
    count = sum(breaches)
    if rule.missing == "breaching":
        count += rule.evaluated - len(breaches)
    if count >= rule.needed:
        return "ALARM"
    if rule.missing in {"breaching", "notBreaching"} or not all(breaches):
        return "OK"
    # Nothing but breaches, yet too few of them, or no data at all.
    if rule.missing == "ignore":
        return standing
    return "ALARM" if breaches else "INSUFFICIENT_DATA"

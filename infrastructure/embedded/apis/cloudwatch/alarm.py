"""How a metric alarm judges its data points: M out of N periods, with AWS's rules for missing ones. Pure.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html ; the tables there
are this module's tests.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from infrastructure.embedded.apis.cloudwatch.metric_math.evaluation import evaluation
from infrastructure.embedded.apis.cloudwatch.metric_math.functions import Window
from infrastructure.embedded.apis.cloudwatch.metric_math.series import Series
from infrastructure.embedded.control.metric_store import Bucket, Key, MetricStore
from infrastructure.embedded.gateway.refused import Refused

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
class Math:
    """An expression, or a metric beside it: the queries of the alarm, and the id of the one that it is about."""

    queries: tuple[Mapping[str, Any], ...]
    identity: str

    def values(self, store: MetricStore, start: float, end: float, period_s: float) -> list[tuple[float, float]]:
        """Time and value, ascending; `Refused` for an expression that means nothing or gives several series."""

        def read(query: Mapping[str, Any]) -> Series:
            wanted = query["MetricStat"]
            found = store.query(Key.named(wanted["Metric"]), start, end, period_s, wanted.get("Unit"))
            return Series(points=dict(known(found, wanted["Stat"])), period_s=period_s)

        window = Window(start=start, end=end, period_s=period_s)
        found = evaluation(self.queries, read, window).series(self.identity)
        if len(found) != 1:
            text = f"The expression '{self.identity}' gives {len(found)} time series; an alarm is about one"
            raise Refused("ValidationError", text)
        return sorted(found[0].points.items())


def known(found: Iterable[tuple[float, Bucket]], statistic: str) -> Iterator[tuple[float, float]]:
    """The periods in which the statistic is known."""
    return ((at, value) for at, bucket in found if (value := bucket.statistic(statistic)) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What an alarm watches: a statistic of a metric, or math; `period_s` in seconds of this platform's pace."""

    key: Key
    statistic: str
    period_s: float
    comparison: str
    threshold: float
    evaluated: int
    needed: int
    missing: str = "missing"
    unit: str | None = None
    math: Math | None = None

    def values(self, store: MetricStore, start: float, end: float) -> list[tuple[float, float]]:
        """Time and value of each period with data, ascending."""
        if self.math is not None:
            return self.math.values(store, start, end, self.period_s)
        return list(known(store.query(self.key, start, end, self.period_s, self.unit), self.statistic))

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
    values = rule.values(store, start, end)
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

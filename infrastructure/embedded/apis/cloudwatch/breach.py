"""How far an alarm that is raised sees its metric past its threshold: what step scaling goes by."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infrastructure.embedded.apis.cloudwatch.controller import rule_of
from infrastructure.embedded.control.metric_store import LATE_S, MetricStore
from infrastructure.embedded.pace import Pace

Record = Any  # moto's alarms, which publish no types


def naming(action: str, alarms: Mapping[str, Record]) -> list[Record]:
    """Those of the alarms whose action is that ARN, of a policy for example."""
    return [each for each in alarms.values() if action in (each.alarm_actions or ())]


def is_calling(alarm: Record) -> bool:
    """Whether the alarm calls for its actions."""
    return bool(alarm.state_value == "ALARM" and alarm.actions_enabled)


def breach(alarm: Record, statistic: str, store: MetricStore, pace: Pace, now: float) -> float | None:
    """The metric's latest `statistic`, or what its math gives, less the threshold; None of an alarm that does not call,
    and without data.
    """
    if not is_calling(alarm):
        return None
    rule = rule_of(alarm, pace)
    end = (now - LATE_S) // rule.period_s * rule.period_s
    start = end - rule.evaluated * rule.period_s
    values = replace(rule, statistic=statistic).values(store, start, end)
    return values[-1][1] - rule.threshold if values else None

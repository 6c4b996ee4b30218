"""CloudWatch alarms: every period each metric alarm is judged and its state and history kept, as AWS does."""

import json
import time
from collections.abc import Callable
from typing import ClassVar

from infrastructure.embedded.apis.cloudwatch.alarm import Judgement, Rule, judge
from infrastructure.embedded.apis.cloudwatch.alarm_calls import AlarmCalls, Record, change, math_of, period_of
from infrastructure.embedded.apis.cloudwatch.api import MetricCalls
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metric_store import LATE_S, Key, period_at
from infrastructure.embedded.pace import Pace


class CloudWatchController:
    """Evaluates metric alarms. The calls about metrics are answered by `control.metrics`, whose store they are over."""

    name: ClassVar[str] = "monitoring"
    watches: ClassVar[frozenset[str]] = frozenset({"monitoring"})
    PARTS: ClassVar[tuple[type, ...]] = (MetricCalls, AlarmCalls)

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._context = context
        self._clock = clock
        self._backend = context.backends.cloudwatch
        self._judged_until = 0.0
        operations = context.backends.operations
        operations.bind(self.name, AlarmCalls(self._backend, operations))

    async def reconcile(self, _key: str, /) -> float:
        now = self._clock()
        period_s = self._context.pace.metric_period_s
        if not 0.0 <= now - LATE_S - self._judged_until < period_s:  # the clock may have been set back
            self._judged_until = now - now % period_s
            self._judge_all(now)
        return max(self._judged_until + period_s + LATE_S - now, LATE_S)

    def _judge_all(self, now: float) -> None:
        for alarm in self._backend.alarms.values():
            rule = rule_of(alarm, self._context.pace)
            judgement = judge(rule, self._context.metrics.store, now, alarm.state_value)
            if judgement.state != alarm.state_value:
                change(alarm, judgement.state, _reason(rule, judgement), _reason_data(rule, judgement))


def rule_of(alarm: Record, pace: Pace) -> Rule:
    """What `alarm`, a record of moto's, watches at this pace."""
    evaluated, math = int(alarm.evaluation_periods), math_of(alarm)
    return Rule(
        key=Key.of(alarm.namespace or "", alarm.metric_name or "", {d.name: d.value for d in alarm.dimensions}),
        statistic=alarm.extended_statistic or alarm.statistic or "",
        period_s=period_at(float(alarm.period if math is None else period_of(math.queries)), pace),
        math=math,
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        evaluated=evaluated,
        needed=int(alarm.datapoints_to_alarm or evaluated),
        missing=alarm.treat_missing_data or "missing",
        unit=alarm.unit,
    )


def _reason(rule: Rule, judgement: Judgement) -> str:
    if judgement.state == "INSUFFICIENT_DATA":
        return "Insufficient Data: no datapoints were received"
    return f"Threshold Crossed: {judgement.reason} ({rule.comparison} {rule.threshold:g}: {judgement.state})"


def _reason_data(rule: Rule, judgement: Judgement) -> str:
    return json.dumps(
        {
            "version": "1.0",
            **({"statistic": rule.statistic} if rule.statistic else {}),
            "period": rule.period_s,
            "recentDatapoints": [value for _, value in judgement.points],
            "threshold": rule.threshold,
        }
    )

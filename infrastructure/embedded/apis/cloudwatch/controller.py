"""CloudWatch alarms: every period each metric alarm is judged and its state and history kept, as AWS does.

Alarms over metric math and composite alarms are records only; they stay in INSUFFICIENT_DATA until somebody sets them.
"""

import importlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from infrastructure.embedded.apis.cloudwatch.alarm import COMPARISONS, MISSING, Judgement, Rule, State, judge
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metric_store import Key, is_statistic
from infrastructure.embedded.moto.refusals import refusal
from infrastructure.embedded.pace import Pace

_log = logging.getLogger(__name__)

Record = Any  # moto's Alarm, which publishes no types; what is read of it is named in `rule_of`

HISTORY = 1000
"""History items an alarm keeps; AWS keeps them for 30 days."""
LATE_S = 0.2
"""How long after a period's end it is judged: its data points are written just after it."""


class CloudWatchController:
    """Evaluates metric alarms."""

    name: ClassVar[str] = "monitoring"
    watches: ClassVar[frozenset[str]] = frozenset({"monitoring"})

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._context = context
        self._clock = clock
        self._backend = context.backends.cloudwatch
        self._judged_until = 0.0
        _install(self._backend)

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
            if rule is not None:
                judgement = judge(rule, self._context.metrics.store, now, alarm.state_value)
                if judgement.state != alarm.state_value:
                    _change(alarm, judgement.state, _reason(rule, judgement), _reason_data(rule, judgement))


def rule_of(alarm: Record, pace: Pace) -> Rule | None:
    """What `alarm` watches at this pace; None for one that is a record only."""
    statistic = alarm.extended_statistic or alarm.statistic
    if alarm.rule or alarm.metric_data_queries or alarm.comparison_operator not in COMPARISONS:
        return None
    if not statistic or not is_statistic(statistic):
        return None
    evaluated = int(alarm.evaluation_periods)
    return Rule(
        key=Key.of(alarm.namespace, alarm.metric_name, {d.name: d.value for d in alarm.dimensions}),
        statistic=statistic,
        period_s=period_at(float(alarm.period), pace),
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        evaluated=evaluated,
        needed=int(alarm.datapoints_to_alarm or evaluated),
        missing=alarm.treat_missing_data or "missing",
        unit=alarm.unit,
    )


def period_at(configured_s: float, pace: Pace) -> float:
    """A configured period at this pace: whole metric periods, at least one."""
    periods = round(pace.seconds(configured_s) / pace.metric_period_s)
    return max(periods, 1) * pace.metric_period_s


def _install(backend: Record) -> None:
    """Alarms begin without a state, keep it over an update, and remember what happened to them."""
    moto_put = backend.put_metric_alarm

    def put_metric_alarm(name: str, *arguments: Record, **keywords: Record) -> Record:
        _refuse_incomplete(*arguments, **keywords)
        standing = backend.alarms.get(name)
        alarm = moto_put(name, *arguments, **keywords)
        if standing is None:
            alarm.state_value = "INSUFFICIENT_DATA"
            _remember(alarm, "ConfigurationUpdate", f'Alarm "{name}" created', {})
            return alarm
        for attribute in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
            setattr(alarm, attribute, getattr(standing, attribute))
        _remember(alarm, "ConfigurationUpdate", f'Alarm "{name}" updated', {})
        return alarm

    moto_set = backend.set_alarm_state

    def set_alarm_state(alarm_name: str, reason: str, reason_data: str | None, state_value: State) -> None:
        alarm = backend.alarms.get(alarm_name)
        if alarm is None or state_value == alarm.state_value or state_value not in {"OK", "ALARM", "INSUFFICIENT_DATA"}:
            moto_set(alarm_name, reason, reason_data, state_value)  # refuses, or has nothing to change
            if alarm is not None:
                alarm.history.pop()
            return
        _change(alarm, state_value, reason, reason_data or "{}")

    backend.put_metric_alarm = put_metric_alarm
    backend.set_alarm_state = set_alarm_state
    handlers = importlib.import_module("moto.cloudwatch.responses")
    handlers.CloudWatchResponse.describe_alarm_history = _handle_describe_alarm_history


def _refuse_incomplete(*_positional: Record, **given: Record) -> None:
    """A metric alarm that could never be judged, or never be in ALARM, is refused: moto takes it."""
    if given.get("metric_data_queries") or given.get("rule"):
        return
    for name, shown in (("period", "Period"), ("threshold", "Threshold")):
        if name in given and given[name] is None:
            raise refusal("cloudwatch", "ValidationError", f"{shown} must be specified for an alarm on a single metric")
    if "statistic" in given and not (given["statistic"] or given.get("extended_statistic")):
        raise refusal("cloudwatch", "ValidationError", "Must specify either Statistic or ExtendedStatistic")
    needed, evaluated = given.get("datapoints_to_alarm"), given.get("evaluation_periods")
    if needed and evaluated and int(needed) > int(evaluated):
        raise refusal(
            "cloudwatch",
            "ValidationError",
            f"DatapointsToAlarm, {needed}, must not be greater than EvaluationPeriods, {evaluated}",
        )
    missing = given.get("treat_missing_data")
    if missing and missing not in MISSING:
        raise refusal(
            "cloudwatch",
            "ValidationError",
            f"Option {missing} is not supported. Supported options for parameter TreatMissingData are"
            f" {', '.join(MISSING)}.",
        )


def _change(alarm: Record, state: State, reason: str, data: str) -> None:
    _log.info("alarm %s: %s to %s, %s", alarm.name, alarm.state_value, state, reason)
    before = {"stateValue": alarm.state_value, "stateReason": alarm.state_reason}
    after = {"stateValue": state, "stateReason": reason}
    summary = f"Alarm updated from {alarm.state_value} to {state}"
    alarm.state_value, alarm.state_reason, alarm.state_reason_data = state, reason, data
    alarm.state_updated_timestamp = datetime.now(UTC)
    _remember(alarm, "StateUpdate", summary, {"version": "1.0", "oldState": before, "newState": after})


def _remember(alarm: Record, kind: str, summary: str, data: Mapping[str, object]) -> None:
    item = {
        "AlarmName": alarm.name,
        "AlarmType": "MetricAlarm",
        "Timestamp": datetime.now(UTC),
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(data),
    }
    alarm.history.append(item)
    del alarm.history[:-HISTORY]


# `handler` is moto's response object of one request.
def _handle_describe_alarm_history(handler: Any) -> Any:
    name, kind = handler._get_param("AlarmName"), handler._get_param("HistoryItemType")
    items = [
        item
        for alarm in handler.cloudwatch_backend.alarms.values()
        for item in alarm.history
        if name in (None, alarm.name) and kind in (None, item["HistoryItemType"])
    ]
    is_ascending = handler._get_param("ScanBy") == "TimestampAscending"
    items.sort(key=lambda item: item["Timestamp"], reverse=not is_ascending)
    most = int(handler._get_param("MaxRecords") or 100)
    return importlib.import_module("moto.core.responses").ActionResult({"AlarmHistoryItems": items[:most]})


def _reason(rule: Rule, judgement: Judgement) -> str:
    if judgement.state == "INSUFFICIENT_DATA":
        return "Insufficient Data: no datapoints were received"
    return f"Threshold Crossed: {judgement.reason} ({rule.comparison} {rule.threshold:g}: {judgement.state})"


def _reason_data(rule: Rule, judgement: Judgement) -> str:
    return json.dumps(
        {
            "version": "1.0",
            "statistic": rule.statistic,
            "period": rule.period_s,
            "recentDatapoints": [value for _, value in judgement.points],
            "threshold": rule.threshold,
        }
    )

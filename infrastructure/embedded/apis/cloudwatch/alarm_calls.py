"""CloudWatch's alarm calls over moto's records: an alarm begins without a state, keeps it over an update, remembers.

What could never be judged is refused, also what AWS would judge. Deleting, enabling and disabling stay moto's.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.apis.cloudwatch.alarm import COMPARISONS, MISSING, Math, State
from infrastructure.embedded.apis.cloudwatch.api import Answer, require_period, require_queries, require_statistic
from infrastructure.embedded.control.metric_store import MetricStore
from infrastructure.embedded.gateway.operations import Members, Operations, operation
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused, unsupported

_log = logging.getLogger(__name__)

Record = Any  # moto's Alarm, which publishes no types

HISTORY = 1000
"""History items an alarm keeps; AWS keeps them for 30 days."""
SHORT_PERIODS = (10, 20, 30)
"""Periods in seconds that are no minutes. Source: API Reference, PutMetricAlarm."""
_NOT_JUDGED = (
    "ThresholdMetricId",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
)
"""Members of alarms over anomaly bands and PromQL."""
_OF_ONE_METRIC = ("MetricName", "Namespace", "Period")
_NEEDED = ("EvaluationPeriods", "ComparisonOperator", "Threshold")
_MOST_METRICS = 20
"""Source: API Reference, PutMetricAlarm."""
_KEPT = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history")


class AlarmCalls:
    """The calls about metric alarms; there are no composite ones. `backend` is moto's, which keeps them."""

    def __init__(self, backend: Record, operations: Operations) -> None:
        self._alarms = backend.alarms
        self._operations = operations

    @operation(
        "PutMetricAlarm",
        effect="judged every period: M of N, missing data, state and history; actions are not carried out",
    )
    def _put(self, given: Members) -> None:
        _require_judgeable(given)
        name = given["AlarmName"]
        standing = self._alarms.get(name)
        if standing is not None:
            given = {member: value for member, value in given.items() if member != "Tags"}  # only new alarms get any
        self._operations.moto("monitoring", "PutMetricAlarm", given)
        alarm = self._alarms[name]
        alarm.queries = tuple(given.get("Metrics") or ())  # as they were asked for: moto's copies lack what is left out
        if standing is None:
            alarm.state_value = "INSUFFICIENT_DATA"
        else:
            vars(alarm).update({attribute: getattr(standing, attribute) for attribute in _KEPT})
        done = "created" if standing is None else "updated"
        _remember(alarm, "ConfigurationUpdate", f'Alarm "{name}" {done}', {})

    @operation("SetAlarmState", effect="holds until the next evaluation says otherwise")
    def _set(self, given: Members) -> None:
        data = given.get("StateReasonData") or "{}"
        try:
            json.loads(data)
        except ValueError as problem:
            raise Refused("InvalidFormat", "Data was not syntactically valid JSON.") from problem
        alarm = self._alarms.get(given["AlarmName"])
        if alarm is None:
            raise Refused("ResourceNotFound", f"Alarm {given['AlarmName']} does not exist", status=404)
        if alarm.state_value != given["StateValue"]:
            change(alarm, given["StateValue"], given["StateReason"], data)

    @operation("DescribeAlarms", effect="states are those of the data")
    def _describe(self, given: Members) -> Answer:
        for member in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
            if member in given:
                raise unsupported(f"{member}: there are no composite alarms")
        is_asked = "MetricAlarm" in given.get("AlarmTypes", ("MetricAlarm",))
        found = [alarm for alarm in self._alarms.values() if is_asked and _is_described(alarm, given)]
        shown, token = _page(found, given, 50)
        return {"MetricAlarms": shown, "CompositeAlarms": [], "NextToken": token}

    @operation("DescribeAlarmHistory", effect="every change of state and configuration")
    def _history(self, given: Members) -> Answer:
        name, kind = given.get("AlarmName"), given.get("HistoryItemType")
        is_asked = "MetricAlarm" in given.get("AlarmTypes", ("MetricAlarm",))
        items = [
            item
            for alarm in self._alarms.values()
            for item in alarm.history
            if is_asked and name in (None, alarm.name) and kind in (None, item["HistoryItemType"])
            if given.get("StartDate", item["Timestamp"]) <= item["Timestamp"] <= given.get("EndDate", item["Timestamp"])
        ]
        items.sort(key=lambda item: item["Timestamp"], reverse=given.get("ScanBy") != "TimestampAscending")
        shown, token = _page(items, given, 100)
        return {"AlarmHistoryItems": shown, "NextToken": token}


def change(alarm: Record, state: State, reason: str, data: str) -> None:
    """The alarm's state is `state` from now on; `data` is JSON."""
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


def _require_judgeable(given: Members) -> None:
    """Refuse a metric alarm that could never be judged, or never be in ALARM: moto takes it."""
    for member in _NOT_JUDGED:
        if given.get(member):
            raise unsupported(f"PutMetricAlarm with {member}; alarms have a static threshold")
    for member in (*_NEEDED, *(() if given.get("Metrics") else _OF_ONE_METRIC)):
        if given.get(member) is None:
            raise _invalid(f"{member} must be specified for an alarm on a single metric")
    if given["ComparisonOperator"] not in COMPARISONS:
        raise _invalid(f"{given['ComparisonOperator']} compares with an anomaly detection band, not with a Threshold")
    if given.get("Metrics"):
        _require_math(given)
    else:
        _require_metric(given)
    needed, evaluated = given.get("DatapointsToAlarm", 0), given["EvaluationPeriods"]
    if needed > evaluated:
        raise _invalid(f"DatapointsToAlarm, {needed}, must not be greater than EvaluationPeriods, {evaluated}")
    missing = given.get("TreatMissingData", "missing")
    if missing not in MISSING:
        listed = ", ".join(MISSING)
        text = f"Option {missing} is not supported. Supported options for parameter TreatMissingData are {listed}."
        raise _invalid(text)


def _require_metric(given: Members) -> None:
    if ("Statistic" in given) == ("ExtendedStatistic" in given):
        raise _invalid("Must specify either Statistic or ExtendedStatistic")
    if "ExtendedStatistic" in given:
        require_statistic(given["ExtendedStatistic"], "ExtendedStatistic")
    require_period(given["Period"], SHORT_PERIODS)


def _require_math(given: Members) -> None:
    """One of the queries is what the alarm is about, and means one time series; all have one period."""
    queries = given["Metrics"]
    for member in (*_OF_ONE_METRIC, "Statistic", "ExtendedStatistic", "Dimensions", "Unit"):
        if given.get(member):
            raise _invalid(f"The parameters Metrics and {member} are mutually exclusive and you have specified both")
    if len(queries) > _MOST_METRICS:
        raise _invalid(f"An alarm has {_MOST_METRICS} metrics and expressions at most")
    require_queries(queries, "Metrics")
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise _invalid(f"Exactly one element of the metrics list should return data, not {len(returned)}")
    for query in queries:
        if "MetricStat" in query:
            require_statistic(query["MetricStat"]["Stat"], "Stat")
            require_period(query["MetricStat"]["Period"], SHORT_PERIODS)
    periods = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    if len(periods) != 1:
        raise _invalid("The metrics of an alarm must have one period, and there must be at least one metric")
    Math(queries=tuple(queries), identity=returned[0]).values(MetricStore(), 0.0, 1.0, 1.0)


def math_of(alarm: Record) -> Math | None:
    """What an alarm over several metrics, or an expression, is about; None of one on a single metric."""
    queries = getattr(alarm, "queries", ())
    returned = (query["Id"] for query in queries if query.get("ReturnData", True))
    return Math(queries=queries, identity=next(returned)) if queries else None


def period_of(queries: Sequence[Mapping[str, Any]]) -> int:
    """In seconds, of all of its metrics."""
    return int(next(query["MetricStat"]["Period"] for query in queries if "MetricStat" in query))


def _is_described(alarm: Record, given: Members) -> bool:
    actions = (*alarm.alarm_actions, *alarm.ok_actions, *alarm.insufficient_data_actions)
    return (
        alarm.name in given.get("AlarmNames", (alarm.name,))
        and alarm.name.startswith(given.get("AlarmNamePrefix", ""))
        and given.get("StateValue", alarm.state_value) == alarm.state_value
        and ("ActionPrefix" not in given or any(str(each).startswith(given["ActionPrefix"]) for each in actions))
    )


def _page(found: list[Any], given: Members, most: int) -> tuple[Sequence[Any], str | None]:
    """What of `found` the call is answered with, and the token for more."""
    try:
        return page(found, given.get("NextToken"), given.get("MaxRecords", most))
    except ValueError:
        raise Refused("InvalidNextToken", "The next token specified is invalid.") from None


def _invalid(message: str) -> Refused:
    return Refused("ValidationError", message)

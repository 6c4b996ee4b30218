"""Alarms: AWS's own tables of missing data, M out of N, states and history."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infrastructure.embedded.apis.cloudwatch.alarm import Rule, State, judge
from infrastructure.embedded.apis.cloudwatch.controller import CloudWatchController
from infrastructure.embedded.control.metric_store import Key, MetricStore, period_at
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.pace import AWS, FAST, Pace
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

START = 1_800_000_000.0
KEY = Key.of("N", "M", {})
pytestmark = pytest.mark.anyio


def judged(points: str, missing: str, needed: int, standing: State) -> State:
    """`points` as in AWS's tables: X breaches, 0 does not, - is missing; the last one is the newest."""
    store = MetricStore()
    for second, point in enumerate(points.split()):
        if point != "-":
            store.bucket(KEY, "None", START + second).add(1.0 if point == "X" else 0.0)
    rule = Rule(
        key=KEY,
        statistic="Average",
        period_s=1.0,
        comparison="GreaterThanThreshold",
        threshold=0.5,
        evaluated=3,
        needed=needed,
        missing=missing,
    )
    return judge(rule, store, START + len(points.split()), standing).state


@pytest.mark.parametrize("into_s", [0.0, 1.0, 59.0])
@pytest.mark.parametrize(
    ("values", "state", "judged_values"),
    [
        ([9.0, 0.0, 1.0, 1.0, 9.0], "ALARM", [1.0, 1.0]),
        ([9.0, 0.0, 1.0, 0.0, 9.0], "OK", [0.0, 1.0]),
        ([9.0, 9.0, None, None, 9.0], "ALARM", [9.0, 9.0]),
        ([9.0, None, None, None, None, None], "INSUFFICIENT_DATA", []),
    ],
    ids=["two breach", "one breaches", "older ones stand in", "what is older than that does not"],
)
def test_only_the_minutes_that_are_over_are_judged(
    into_s: float, values: list[float | None], state: State, judged_values: list[float]
) -> None:
    """AWS's default period. The last value is that of the minute that is running; it does not count yet."""
    store = MetricStore()
    for minute, value in enumerate(values):
        if value is not None:
            store.bucket(KEY, "None", START + 60 * minute).add(value)
    rule = Rule(
        key=KEY,
        statistic="Average",
        period_s=60.0,
        comparison="GreaterThanThreshold",
        threshold=0.5,
        evaluated=2,
        needed=2,
    )
    found = judge(rule, store, START + 60 * (len(values) - 1) + into_s, "OK")
    assert (found.state, [value for _, value in found.points]) == (state, judged_values)


TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize(
    ("needed", "points", "expected"),
    [
        (3, "0 - X - X", "OK OK OK OK"),
        (3, "0 - - - -", "OK OK OK OK"),
        (3, "- - - - -", "INSUFFICIENT_DATA RETAIN ALARM OK"),
        (3, "0 X X - X", "ALARM ALARM ALARM ALARM"),
        (3, "- - X - -", "ALARM RETAIN ALARM OK"),
        (2, "0 - X - X", "ALARM ALARM ALARM ALARM"),
        (2, "0 0 X 0 X", "ALARM ALARM ALARM ALARM"),
        (2, "0 - X - -", "OK OK ALARM OK"),
        (2, "- - - - 0", "OK OK ALARM OK"),
        (2, "- - - - X", "ALARM RETAIN ALARM OK"),
    ],
)
@pytest.mark.parametrize("standing", ["OK", "ALARM"])
def test_missing_data_counts_as_in_awss_tables(needed: int, points: str, expected: str, standing: State) -> None:
    found = [judged(points, treatment, needed, standing) for treatment in TREATMENTS]
    assert found == [standing if state == "RETAIN" else state for state in expected.split()]


@pytest.mark.parametrize(
    ("configured", "pace", "expected"),
    [(60.0, FAST, 1.0), (300.0, FAST, 6.0), (10.0, FAST, 1.0), (60.0, AWS, 60.0), (300.0, AWS, 300.0)],
)
def test_periods_follow_the_pace_in_whole_metric_periods(configured: float, pace: Pace, expected: float) -> None:
    assert period_at(configured, pace) == expected


def alarmed(state: StateFolder, **changes: Any) -> tuple[World, CloudWatchController]:
    made = world(state)
    made.now[0] = START
    controller = CloudWatchController(made.context, made.clock)
    put(made, **changes)
    return made, controller


def put(made: World, **changes: Any) -> None:
    wanted = {
        "AlarmName": "high",
        "Namespace": "N",
        "MetricName": "M",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 2,
        "Period": 60,
        "Threshold": 10.0,
        "Statistic": "Average",
    }
    call(made, "PutMetricAlarm", **(wanted | changes))


def call(made: World, action: str, **members: Any) -> Any:
    return made.backends.operations.call("monitoring", action, **members)


def set_state(made: World, state: str, reason: str, *, name: str = "high", **more: Any) -> None:
    call(made, "SetAlarmState", AlarmName=name, StateValue=state, StateReason=reason, **more)


async def feed(made: World, controller: CloudWatchController, *values: float, metric: str = "M") -> None:
    """One data point a second, judged after each."""
    for value in values:
        made.context.metrics.put("N", metric, value, "None", {}, made.now[0])
        made.now[0] += 1.0
        made.now[0] += 0.3
        await reconcile(controller)
        made.now[0] -= 0.3


async def test_an_alarm_follows_its_metric_and_remembers(state: StateFolder) -> None:
    made, controller = alarmed(state)
    alarm = made.backends.cloudwatch.alarms["high"]
    assert alarm.state_value == "INSUFFICIENT_DATA"
    seen = []
    for value in (1.0, 20.0, 20.0, 1.0):
        await feed(made, controller, value)
        seen.append(alarm.state_value)
    assert seen == ["OK", "OK", "ALARM", "OK"]
    changes = [json.loads(item["HistoryData"]) for item in alarm.history if item["HistoryItemType"] == "StateUpdate"]
    assert [change["newState"]["stateValue"] for change in changes] == ["OK", "ALARM", "OK"]
    assert "Threshold Crossed" in alarm.state_reason


async def test_a_period_is_judged_once_its_data_points_have_had_time_to_come(state: StateFolder) -> None:
    """A fifth of a second after its end: they are written just after it."""
    made, controller = alarmed(state, EvaluationPeriods=1)
    alarm = made.backends.cloudwatch.alarms["high"]
    seen = []
    for made.now[0] in (START + 0.3, START + 1.1, START + 1.3):
        await reconcile(controller)
        seen.append(alarm.state_value)
        made.context.metrics.put("N", "M", 20.0, "None", {}, START)
    assert seen == ["INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "ALARM"]


async def test_a_clock_that_is_set_back_stops_no_alarm(state: StateFolder) -> None:
    made, controller = alarmed(state)
    await feed(made, controller, 1.0)
    made.now[0] -= 3600.0
    await feed(made, controller, 20.0, 20.0)
    assert made.backends.cloudwatch.alarms["high"].state_value == "ALARM"


async def test_an_alarm_without_data_loses_its_state(state: StateFolder) -> None:
    made, controller = alarmed(state)
    await feed(made, controller, 1.0)
    made.now[0] += 10.0
    await reconcile(controller)
    assert made.backends.cloudwatch.alarms["high"].state_value == "INSUFFICIENT_DATA"


async def test_a_state_that_was_set_by_hand_lasts_until_the_next_evaluation(state: StateFolder) -> None:
    made, controller = alarmed(state)
    await feed(made, controller, 1.0)
    set_state(made, "ALARM", "a drill")
    alarm = made.backends.cloudwatch.alarms["high"]
    assert (alarm.state_value, alarm.state_reason) == ("ALARM", "a drill")
    await feed(made, controller, 1.0)
    assert alarm.state_value == "OK"


async def test_setting_the_same_state_again_is_not_an_event(state: StateFolder) -> None:
    made, _controller = alarmed(state)
    before = len(made.backends.cloudwatch.alarms["high"].history)
    set_state(made, "INSUFFICIENT_DATA", "again")
    assert len(made.backends.cloudwatch.alarms["high"].history) == before


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        ({"name": "none"}, "ResourceNotFound: Alarm none does not exist"),
        ({"StateReasonData": "{"}, "InvalidFormat: Data was not syntactically valid JSON"),
    ],
    ids=["alarm", "data"],
)
async def test_a_state_that_cannot_be_set_is_refused(state: StateFolder, wanted: dict[str, Any], refusal: str) -> None:
    made, _controller = alarmed(state)
    with pytest.raises(Refused, match=refusal):
        set_state(made, "OK", "x", **wanted)


async def test_updating_an_alarm_keeps_its_state(state: StateFolder) -> None:
    made, controller = alarmed(state)
    await feed(made, controller, 20.0, 20.0)
    put(made, Threshold=5.0)
    alarm = made.backends.cloudwatch.alarms["high"]
    assert (alarm.state_value, alarm.threshold) == ("ALARM", 5.0)
    assert [item["HistoryItemType"] for item in alarm.history].count("ConfigurationUpdate") == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Threshold": None}, "Threshold must be specified"),
        ({"Period": None}, "Period must be specified"),
        ({"EvaluationPeriods": None}, "EvaluationPeriods must be specified"),
        ({"Statistic": None}, "Must specify either Statistic or ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "Must specify either Statistic or ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "tm99"}, "tm99 for parameter ExtendedStatistic is not supported"),
        ({"Period": 7}, "Period must be one of 10, 20, 30 or a multiple of 60"),
        ({"DatapointsToAlarm": 3}, "DatapointsToAlarm, 3, must not be greater than EvaluationPeriods, 2"),
        ({"TreatMissingData": "never"}, "Option never is not supported. .* breaching, notBreaching, ignore, missing"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection band"),
        ({"Metrics": [{"Id": "e", "Expression": "m * 2"}]}, "Metrics and MetricName are mutually exclusive"),
        ({"ThresholdMetricId": "band"}, "UnsupportedOperation: .*PutMetricAlarm with ThresholdMetricId"),
        ({"EvaluationCriteria": {"PromQLCriteria": {}}}, "UnsupportedOperation: .*with EvaluationCriteria"),
    ],
    ids=[
        "threshold",
        "period",
        "evaluation-periods",
        "no-statistic",
        "two-statistics",
        "trimmed-mean",
        "7-s",
        "more-than-all",
        "missing-data",
        "anomaly-operator",
        "metric-math",
        "anomaly-band",
        "PromQL",
    ],
)
async def test_an_alarm_that_could_not_be_judged_is_refused_and_stops_no_other(
    state: StateFolder, change: dict[str, object], reason: str
) -> None:
    made, controller = alarmed(state)
    with pytest.raises(Refused, match=reason):
        put(made, AlarmName="another", **change)
    await feed(made, controller, 20.0, 20.0)
    assert {alarm.name: alarm.state_value for alarm in made.backends.cloudwatch.alarms.values()} == {"high": "ALARM"}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["high", "low", "lowest"]),
        ({"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}, ["high", "low", "lowest"]),
        ({"AlarmTypes": ["CompositeAlarm"]}, []),
        ({"AlarmNames": ["low", "none"]}, ["low"]),
        ({"AlarmNamePrefix": "low", "StateValue": "OK"}, ["low"]),
        ({"AlarmNamePrefix": "low", "ActionPrefix": "arn:aws:sns"}, ["lowest"]),
        ({"MaxRecords": 2}, ["high", "low"]),
        ({"MaxRecords": 2, "NextToken": "2"}, ["lowest"]),
    ],
    ids=["all", "both-types", "composite", "names", "state", "action", "first-page", "second-page"],
)
async def test_alarms_are_described_by_what_is_asked(
    state: StateFolder, wanted: dict[str, Any], names: list[str]
) -> None:
    made, _controller = alarmed(state)
    put(made, AlarmName="low")
    put(made, AlarmName="lowest", OKActions=["arn:aws:sns:us-east-1:1:told"])
    set_state(made, "OK", "a drill", name="low")
    answer = call(made, "DescribeAlarms", **wanted)
    assert [alarm.name for alarm in answer["MetricAlarms"]] == names
    assert answer["NextToken"] == ("2" if wanted == {"MaxRecords": 2} else None)


async def test_history_is_told_by_alarm_kind_and_time(state: StateFolder) -> None:
    made, _controller = alarmed(state)
    put(made, AlarmName="low")
    set_state(made, "ALARM", "a drill")

    def told(**wanted: Any) -> list[tuple[str, str]]:
        items = call(made, "DescribeAlarmHistory", **wanted)["AlarmHistoryItems"]
        return [(item["AlarmName"], item["HistoryItemType"]) for item in items]

    change, created = ("high", "StateUpdate"), ("high", "ConfigurationUpdate")
    assert told(AlarmName="high") == [change, created]
    assert told(AlarmName="high", ScanBy="TimestampAscending") == [created, change]
    assert told(HistoryItemType="StateUpdate") == [change]
    assert told(MaxRecords=1) == [change]
    assert told(EndDate=datetime(2020, 1, 1, tzinfo=UTC)) == told(AlarmTypes=["CompositeAlarm"]) == []


async def test_an_update_leaves_the_tags_alone(state: StateFolder) -> None:
    made, _controller = alarmed(state, Tags=[{"Key": "Project", "Value": "cloudcafe"}])
    put(made, Tags=[{"Key": "Project", "Value": "other"}])
    arn = made.backends.cloudwatch.alarms["high"].alarm_arn
    assert made.backends.cloudwatch.list_tags_for_resource(arn) == {"Project": "cloudcafe"}


# --- metric math ------------------------------------------------------------------------------------------------------


def stat(identity: str, name: str, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "N", "MetricName": name}
    return {"Id": identity, "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, **more}


def over(expression: str, *queries: dict[str, Any]) -> list[dict[str, Any]]:
    asked = queries or (stat("m1", "Errors"), stat("m2", "Requests"))
    return [*asked, {"Id": "e", "Expression": expression, "Label": "Error rate"}]


def put_math(made: World, expression: str, **more: Any) -> None:
    wanted: dict[str, Any] = {
        "AlarmName": "rate",
        "EvaluationPeriods": 2,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": over(expression),
    }
    made.backends.operations.call("monitoring", "PutMetricAlarm", **wanted | more)


async def test_an_alarm_on_metric_math_follows_its_expression(state: StateFolder) -> None:
    made = world(state)
    made.now[0] = START
    controller = CloudWatchController(made.context, made.clock)
    put_math(made, "100 * m1 / m2")
    states = []
    for errors, requests in ((1.0, 10.0), (1.0, 10.0), (1.0, 100.0), (9.0, 10.0), (8.0, 10.0)):
        made.context.metrics.put("N", "Errors", errors, "Count", {}, made.now[0])
        await feed(made, controller, requests, metric="Requests")
        states.append(made.backends.cloudwatch.alarms["rate"].state_value)
    assert states == ["ALARM", "ALARM", "OK", "OK", "ALARM"]


WRONG_MATH: dict[str, tuple[dict[str, Any], str]] = {
    "nonsense": ({"Metrics": over("m1 / / m2")}, "Error in expression 'e'"),
    "unknown id": ({"Metrics": over("m3 * 2")}, "Undefined variable 'm3'"),
    "a number": ({"Metrics": over("AVG(m1)")}, "does not give a time series"),
    "several series": ({"Metrics": over("METRICS() * 2")}, "gives 2 time series"),
    "two that return data": ({"Metrics": over("m1", stat("m1", "Errors", ReturnData=True))}, "Exactly one element"),
    "none that returns data": ({"Metrics": [stat("m1", "Errors")]}, "Exactly one element"),
    "no metric": ({"Metrics": [{"Id": "e", "Expression": "TIME_SERIES(1)"}]}, "there must be at least one metric"),
    "one id twice": ({"Metrics": over("m1", stat("m1", "Errors"), stat("m1", "Requests"))}, "are not unique: m1"),
    "an id in capitals": ({"Metrics": over("M1", stat("M1", "Errors"))}, "is not matching"),
    "a metric beside": ({"Period": 60}, "Metrics and Period are mutually exclusive"),
    "no threshold": ({"Threshold": None}, "Threshold must be specified"),
    "another service's": ({"Metrics": over("SEARCH('a', 'Sum', 60)")}, "UnsupportedOperation"),
}


@pytest.mark.parametrize(("change", "reason"), WRONG_MATH.values(), ids=WRONG_MATH)
async def test_an_alarm_on_math_that_could_not_be_judged_is_refused(
    state: StateFolder, change: dict[str, Any], reason: str
) -> None:
    made = world(state)
    CloudWatchController(made.context, made.clock)
    with pytest.raises(Refused, match=reason):
        put_math(made, "m1 / m2", **change)
    assert not made.backends.cloudwatch.alarms

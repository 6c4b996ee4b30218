"""CloudWatch's metric calls over the store: what is put is found, as AWS groups it, quickly and in bounded memory."""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from infrastructure.embedded.apis.cloudwatch.api import MetricCalls
from infrastructure.embedded.control.metric_store import Key, MetricStore
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.ecs_world import world
from infrastructure.state import StateFolder

START = 1_800_000_000.0


@pytest.fixture
def metrics(state: StateFolder) -> Metrics:
    return world(state).context.metrics


Call = Callable[..., Any]
"""A CloudWatch operation by its name and members."""


@pytest.fixture
def cloudwatch(state: StateFolder) -> Call:
    """Where it is a minute after `START`."""
    backends = world(state).backends
    calls = MetricCalls(backends.cloudwatch, MetricStore(), lambda: START + 60.0)
    backends.operations.bind("monitoring", calls)
    return partial(backends.operations.call, "monitoring")


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def query(stat: str, *, period: int = 1, namespace: str = "N", **more: Any) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": "M", "Dimensions": [{"Name": "D", "Value": "1"}]}
    return {"Id": "q", "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **more}


def put(cloudwatch: Call, at: float, **entry: Any) -> None:
    datum = {"MetricName": "M", "Dimensions": [{"Name": "D", "Value": "1"}], "Timestamp": moment(at), **entry}
    put_all(cloudwatch, datum)


def put_all(cloudwatch: Call, *data: dict[str, Any]) -> None:
    cloudwatch("PutMetricData", Namespace="N", MetricData=list(data))


def ask(
    cloudwatch: Call, *queries: dict[str, Any], seconds: float = 10.0, order: str = "TimestampAscending"
) -> list[dict[str, Any]]:
    window = {"StartTime": moment(START), "EndTime": moment(START + seconds)}
    answer = cloudwatch("GetMetricData", MetricDataQueries=list(queries), ScanBy=order, **window)
    results: list[dict[str, Any]] = answer["MetricDataResults"]
    return results


def listed(cloudwatch: Call, **wanted: Any) -> list[dict[str, Any]]:
    metrics: list[dict[str, Any]] = cloudwatch("ListMetrics", Namespace="N", **wanted)["Metrics"]
    return metrics


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        ("Average", 2.5),
        ("Sum", 10.0),
        ("Minimum", 1.0),
        ("Maximum", 4.0),
        ("SampleCount", 4.0),
        ("p50", 2.0),
        ("p100", 4.0),
        ("p99.9", 4.0),
    ],
)
def test_every_statistic_of_single_values(cloudwatch: Call, stat: str, expected: float) -> None:
    for value in (4.0, 1.0, 3.0, 2.0):
        put(cloudwatch, START, Value=value)
    assert ask(cloudwatch, query(stat))[0]["Values"] == [expected]


def test_values_with_counts_keep_their_percentiles(cloudwatch: Call) -> None:
    put(cloudwatch, START, Values=[1.0, 100.0], Counts=[99.0, 1.0])
    assert [ask(cloudwatch, query(stat))[0]["Values"] for stat in ("p50", "p99", "p100")] == [[1.0], [1.0], [100.0]]


def test_statistic_sets_add_up_and_have_no_percentiles(cloudwatch: Call) -> None:
    put(cloudwatch, START, StatisticValues={"Minimum": 1, "Maximum": 9, "Sum": 20, "SampleCount": 4})
    put(cloudwatch, START, Value=0.0)
    assert [ask(cloudwatch, query(s))[0]["Values"] for s in ("Sum", "Minimum", "Maximum", "SampleCount", "p99")] == [
        [20.0],
        [0.0],
        [9.0],
        [5.0],
        [],
    ]


def test_periods_are_aligned_and_empty_ones_left_out(cloudwatch: Call) -> None:
    for second in (0, 4, 5, 19):
        put(cloudwatch, START + second, Value=float(second))
    [found] = ask(cloudwatch, query("Sum", period=5), seconds=20)
    assert found["Timestamps"] == [moment(START), moment(START + 5), moment(START + 15)]
    assert found["Values"] == [4.0, 5.0, 19.0]


def test_the_order_of_time_can_be_chosen(cloudwatch: Call) -> None:
    for second in range(3):
        put(cloudwatch, START + second, Value=float(second))
    assert ask(cloudwatch, query("Sum"), order="TimestampDescending")[0]["Values"] == [2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "other",
    [
        query("Sum", namespace="Other"),
        {"Id": "q", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 1, "Stat": "Sum"}},
    ],
    ids=["another namespace", "no dimensions"],
)
def test_another_metric_is_another_metric(cloudwatch: Call, other: dict[str, Any]) -> None:
    put(cloudwatch, START, Value=1.0)
    assert ask(cloudwatch, other)[0]["Values"] == []


def test_an_expression_is_evaluated(cloudwatch: Call) -> None:
    put(cloudwatch, START, Value=1.0)
    named = ask(cloudwatch, query("Sum", ReturnData=False), {"Id": "e", "Expression": "q"})
    assert [(found["Id"], found["Values"]) for found in named] == [("e", [1.0])]
    [doubled] = ask(cloudwatch, query("Sum", ReturnData=False), {"Id": "e", "Expression": "q * 2", "Label": "twice"})
    assert (doubled["Label"], doubled["Values"]) == ("twice", [2.0])
    with pytest.raises(Refused, match="Error in expression 'e': Undefined variable 'm'"):
        ask(cloudwatch, query("Sum"), {"Id": "e", "Expression": "m * 2"})


@pytest.mark.parametrize("stat", ["TM(1%:99%)", "IQM", "average", "p101"])
def test_a_statistic_that_is_not_computed_is_refused(cloudwatch: Call, stat: str) -> None:
    with pytest.raises(Exception, match="is not supported"):
        ask(cloudwatch, query(stat))


def test_an_empty_window_is_refused(cloudwatch: Call) -> None:
    with pytest.raises(Exception, match="must be less than"):
        ask(cloudwatch, query("Sum"), seconds=0)


def test_a_value_that_is_no_number_is_refused_and_nothing_kept(cloudwatch: Call) -> None:
    with pytest.raises(Exception, match="NaN"):
        put_all(cloudwatch, {"MetricName": "M", "Value": 1.0}, {"MetricName": "M", "Value": float("nan")})
    assert listed(cloudwatch) == []


@pytest.mark.parametrize(
    ("figures", "refusal"),
    [
        ({}, "MissingParameter: .*member.1.Value is required"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination: .*Value and .*Values are mutually exclusive"),
        ({"Value": float("inf")}, "The value inf for parameter MetricData.member.1.Value is invalid"),
        ({"Values": [1.0, float("nan")]}, "The value NaN for parameter MetricData.member.1.Values is invalid"),
        ({"Values": [1.0] * 151}, "member.1.Values must not have a size greater than 150"),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "Values and .*Counts must be of the same size"),
    ],
    ids=["none", "two", "infinite", "NaN", "too-many", "counts"],
)
def test_a_datum_has_figures_of_one_kind(cloudwatch: Call, figures: dict[str, Any], refusal: str) -> None:
    with pytest.raises(Refused, match=refusal):
        put_all(cloudwatch, {"MetricName": "M", **figures})


def test_a_call_holds_a_thousand_data_at_most(cloudwatch: Call) -> None:
    with pytest.raises(Refused, match="MetricData must not have a size greater than 1000"):
        put_all(cloudwatch, *[{"MetricName": "M", "Value": 1.0}] * 1001)
    with pytest.raises(Refused, match="MetricData is required"):
        put_all(cloudwatch)


def test_a_caller_cannot_put_into_the_platforms_namespaces(state: StateFolder) -> None:
    made = world(state)
    datum = {"MetricName": "CPUUtilization", "Value": 1.0}
    with pytest.raises(Refused, match="InvalidParameterValue: The value AWS/ for parameter Namespace is invalid"):
        made.backends.operations.call("monitoring", "PutMetricData", Namespace="AWS/ECS", MetricData=[datum])
    made.context.metrics.put("AWS/ECS", "CPUUtilization", 1.0, "Percent", {})
    found = made.backends.operations.call("monitoring", "ListMetrics", Namespace="AWS/ECS")["Metrics"]
    assert [metric["MetricName"] for metric in found] == ["CPUUtilization"]


def test_data_of_an_entity_is_kept_too(cloudwatch: Call) -> None:
    entity = {"Entity": {}, "MetricData": [{"MetricName": "M", "Value": 1.0}]}
    cloudwatch("PutMetricData", Namespace="N", EntityMetricData=[entity])
    assert len(listed(cloudwatch)) == 1


@pytest.mark.parametrize(
    ("ahead_s", "message"),
    [
        (7_201.0, "member.2.Timestamp must specify a time no more than two hours in the future"),
        (-1_209_601.0, "member.2.Timestamp must specify a time within the past two weeks"),
        (7_200.0, ""),
        (-1_209_600.0, ""),
    ],
    ids=["too-far-ahead", "too-old", "just-near-enough", "just-young-enough"],
)
def test_a_data_point_lies_two_weeks_back_to_two_hours_ahead(cloudwatch: Call, ahead_s: float, message: str) -> None:
    at = START + 60.0 + ahead_s
    data = [{"MetricName": "M", "Timestamp": moment(each), "Value": 1.0} for each in (START, at)]
    if message:
        with pytest.raises(Exception, match=message):
            put_all(cloudwatch, *data)
        assert listed(cloudwatch) == [], "nothing of the call is kept"
    else:
        put_all(cloudwatch, *data)
        assert len(listed(cloudwatch)) == 1


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 3),
        ({"MetricName": "A"}, 2),
        ({"Dimensions": [{"Name": "D", "Value": "1"}]}, 2),
        ({"Dimensions": [{"Name": "D"}]}, 3),
        ({"Dimensions": [{"Name": "E"}]}, 0),
    ],
    ids=["all", "name", "dimension", "dimension-name", "none"],
)
def test_metrics_can_be_listed_by_each_part_of_their_name(cloudwatch: Call, wanted: dict[str, Any], count: int) -> None:
    for name, dimension in (("A", "1"), ("A", "2"), ("B", "1")):
        put_all(cloudwatch, {"MetricName": name, "Dimensions": [{"Name": "D", "Value": dimension}], "Value": 1})
    assert len(listed(cloudwatch, **wanted)) == count


def test_many_metrics_are_listed_in_pages(cloudwatch: Call) -> None:
    put_all(cloudwatch, *[{"MetricName": f"M{number:03}", "Value": 1} for number in range(501)])
    token = cloudwatch("ListMetrics", Namespace="N")["NextToken"]
    assert (len(listed(cloudwatch)), len(listed(cloudwatch, NextToken=token))) == (500, 1)
    with pytest.raises(Refused, match="NextToken is invalid"):
        listed(cloudwatch, NextToken="nope")


def test_metric_statistics_know_unit_and_percentiles(cloudwatch: Call) -> None:
    put(cloudwatch, START, Value=2.0, Unit="Seconds")
    assert statistics_of(cloudwatch, Period=5, Statistics=["Sum"], ExtendedStatistics=["p90"]) == [
        {"Timestamp": moment(START), "Unit": "Seconds", "Sum": 2.0, "ExtendedStatistics": {"p90": 2.0}}
    ]


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"Period": 7, "Statistics": ["Sum"]}, "InvalidParameterValue: The parameter Period must be"),
        ({"Period": 90, "Statistics": ["Sum"]}, "InvalidParameterValue: The parameter Period must be"),
        ({"Period": 60}, "InvalidParameterCombination: Must specify either Statistics or ExtendedStatistics"),
        ({"Period": 60, "ExtendedStatistics": ["tm99"]}, "tm99 for parameter ExtendedStatistics is not supported"),
    ],
    ids=["7-s", "90-s", "no-statistic", "trimmed-mean"],
)
def test_statistics_that_cannot_be_had_are_refused(cloudwatch: Call, asked: dict[str, Any], refusal: str) -> None:
    with pytest.raises(Refused, match=refusal):
        statistics_of(cloudwatch, **asked)


def statistics_of(cloudwatch: Call, **asked: Any) -> list[dict[str, Any]]:
    metric = {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "D", "Value": "1"}]}
    window = {"StartTime": moment(START), "EndTime": moment(START + 5)}
    points: list[dict[str, Any]] = cloudwatch("GetMetricStatistics", **metric, **window, **asked)["Datapoints"]
    return points


def test_naive_times_mean_utc(cloudwatch: Call) -> None:
    put(cloudwatch, START, Value=1.0, Timestamp=moment(START).replace(tzinfo=None))
    naive = moment(START).replace(tzinfo=None)
    window = {"StartTime": naive, "EndTime": naive + timedelta(seconds=5)}
    [found] = cloudwatch("GetMetricData", MetricDataQueries=[query("Sum")], **window)["MetricDataResults"]
    assert found["Values"] == [1.0]


def test_sources_are_asked_every_period_and_filed_under_it(metrics: Metrics) -> None:
    def source(elapsed_s: float) -> Iterable[Datum]:
        yield Datum(namespace="N", name="M", value=elapsed_s, unit="Seconds")

    def broken(_elapsed_s: float) -> Iterable[Datum]:
        raise ValueError("defect")

    metrics.register(broken)
    metrics.register(source)
    metrics.collect(1.5, START)
    [(at, bucket)] = metrics.store.query(Key.of("N", "M", {}), START, START + 1, 1)
    assert (at, bucket.total) == (START, 1.5)


def test_the_loop_asks_on_the_boundaries_of_periods(metrics: Metrics) -> None:
    asked: list[float] = []

    async def run() -> None:
        done = asyncio.Event()

        def source(_elapsed_s: float) -> Iterable[Datum]:
            asked.append(time.time() % 1.0)
            done.set()
            return ()

        metrics.register(source)
        task = asyncio.create_task(metrics.run())
        async with asyncio.timeout(5):
            await done.wait()
        await metrics.close()
        await metrics.close()
        assert task.cancelled()

    asyncio.run(run())
    assert min(asked[0], 1.0 - asked[0]) < 0.4

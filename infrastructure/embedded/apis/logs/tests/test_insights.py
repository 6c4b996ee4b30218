"""Logs Insights: what a query shows, and how one goes from running to complete."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.embedded.apis.logs.controller import LogsController
from infrastructure.embedded.apis.logs.insights.query import Event, answered, visible
from infrastructure.embedded.apis.logs.insights.reader import Malformed, NotAnswered
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.pace import AWS, FAST, Pace
from infrastructure.embedded.tests.control import ACCOUNT, Control

AT = 1_795_900_000_000
LINES = (
    {"path": "/api/orders/1", "status": 200, "ms": 4.5, "in": {"list": ["a", 2]}},
    {"path": "/api/orders", "status": 500, "ms": 20, "ok": False},
    {"path": "/health", "status": "200", "ms": 100, "tag-name": "x"},
)
EVENTS = (
    *(
        Event(at=AT + number * 40_000, message=json.dumps(line), stream="s", log="1:g", pointer=str(number))
        for number, line in enumerate(LINES)
    ),
    Event(at=AT + 120_000, message="Traceback: no JSON", stream="t", log="1:g", pointer="3"),
)


def pointers(query: str) -> str:
    return "".join(row["@ptr"] for row in answered(query, EVENTS))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fields @timestamp", "3210"),
        ("sort @timestamp asc", "0123"),
        ("sort ms", "3012"),
        ("sort status desc, ms desc", "1203"),
        ("sort ms | limit 2", "30"),
        ("filter status = 200", "20"),
        ("filter status != 200", "1"),
        ("filter ms > 4.5", "21"),
        ("filter ms >= 4.5 and ms < 100", "10"),
        ("filter ms <= 20", "10"),
        ("filter path = '/health' or status = 500", "21"),
        ("filter not (path = '/health' or status = 500)", "30"),
        ("filter path = '/health' or status = 500 and ms > 50", "2"),
        (r"filter path like /orders\/\d/", "0"),
        ("filter path like /ORDERS/i", "10"),
        ("filter path =~ /^.health$/", "2"),
        ('filter @message like "Traceback"', "3"),
        ("filter path not like 'orders'", "2"),
        ("filter status in [500, 404]", "1"),
        ("filter path not in ['/health']", "10"),
        ("filter ispresent(path) and not ispresent(ok)", "20"),
        ("filter in.list.1 = 2", "0"),
        ("filter `tag-name` = 'x'", "2"),
        ("filter ok = 'false'", "1"),
        ("filter @logStream = 't'\n| limit 5", "3"),
    ],
)
def test_rows_are_kept_sorted_and_cut(query: str, expected: str) -> None:
    assert pointers(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit 1", {"@timestamp": "2026-11-28 21:08:40.000", "@message": "Traceback: no JSON", "@ptr": "3"}),
        ("fields path, ms as took | filter status = 500", {"path": "/api/orders", "took": "20", "@ptr": "1"}),
        ("fields path | fields ms | filter ok = 'false'", {"path": "/api/orders", "ms": "20", "@ptr": "1"}),
        ("fields path | display ms | filter ok = 'false'", {"ms": "20", "@ptr": "1"}),
        ("fields nothing, @log | limit 1", {"@log": "1:g", "@ptr": "3"}),
    ],
)
def test_a_row_shows_what_was_asked_for(query: str, expected: dict[str, str]) -> None:
    [row] = answered(query, EVENTS)
    assert dict(visible(row)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stats count(*)", [{"count(*)": "4"}]),
        ("stats count(path) as paths, count_distinct(status)", [{"paths": "3", "count_distinct(status)": "2"}]),
        (
            "stats sum(ms), avg(ms), min(ms), max(ms), pct(ms, 50) as p50",
            [{"sum(ms)": "124.5", "avg(ms)": "41.5", "min(ms)": "4.5", "max(ms)": "100", "p50": "20"}],
        ),
        (
            "stats count(*) as n by status | sort n desc, status | limit 2",
            [{"status": "200", "n": "2"}, {"status": "500", "n": "1"}],
        ),
        (
            "stats max(ms) as most by bin(1m) | sort `bin(1m)`",
            [
                {"bin(1m)": "2026-11-28 21:06:00.000", "most": "4.5"},
                {"bin(1m)": "2026-11-28 21:07:00.000", "most": "20"},
                {"bin(1m)": "2026-11-28 21:08:00.000", "most": "100"},
            ],
        ),
    ],
)
def test_statistics_are_by_group(query: str, expected: list[dict[str, str]]) -> None:
    assert [dict(visible(row)) for row in answered(query, EVENTS)] == expected


@pytest.mark.parametrize(
    ("query", "error", "told"),
    [
        ("show me", Malformed, "unexpected symbol found show"),
        ("fields", Malformed, "end of query"),
        ("filter", Malformed, "end of query"),
        ("filter a =", Malformed, "end of query"),
        ("filter (a = 1", Malformed, "end of query"),
        ("filter a = 1 b", Malformed, "unexpected symbol found b"),
        ("filter a like /(/", Malformed, "invalid regular expression"),
        ("limit many", Malformed, "limit must be from 1 to 10000, it is many"),
        ("limit 10001", Malformed, "it is 10001"),
        ("limit 1 ; drop", Malformed, "unexpected symbol found ;"),
        ("stats count(*) by bin(soon)", Malformed, "bin takes a length as 5m"),
        ("parse @message '*' as a", NotAnswered, "the command parse"),
        ("filter a = b", NotAnswered, "the field b"),
        ("fields strlen(a)", NotAnswered, "the function strlen"),
        ("stats stddev(a)", NotAnswered, "the function stddev"),
    ],
)
def test_what_cannot_be_answered_is_told(query: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told.replace("(", r"\(")):
        answered(query, EVENTS)


class Insights:
    """Two groups, one with an event, and a clock."""

    def __init__(self, pace: Pace = FAST) -> None:
        self.backends = Control().backends
        self.now = AT / 1000 + 60
        context: Any = SimpleNamespace(backends=self.backends, account=ACCOUNT, pace=pace)
        LogsController(context, lambda: self.now)
        for group in ("tea", "milk"):
            self.call("CreateLogGroup", logGroupName=group)
            self.call("CreateLogStream", logGroupName=group, logStreamName="s")
        put = {"timestamp": int(self.now * 1000) - 1_000, "message": "hot"}
        self.call("PutLogEvents", logGroupName="tea", logStreamName="s", logEvents=[put])

    def call(self, name: str, **members: Any) -> Any:
        return self.backends.operations.call("logs", name, **members)

    def start(self, **members: Any) -> str:
        times = {"startTime": int(self.now) - 60, "endTime": int(self.now)}
        query = {"logGroupName": "tea", "queryString": "fields @message", **times, **members}
        return str(
            self.call("StartQuery", **{name: value for name, value in query.items() if value is not None})["queryId"]
        )


@pytest.mark.parametrize(("pace", "runs_s"), [(FAST, 0.1), (AWS, 1.0)], ids=["fast", "aws"])
def test_a_query_runs_and_is_complete_then(pace: Pace, runs_s: float) -> None:
    insights = Insights(pace)
    query = insights.start()
    found = insights.call("GetQueryResults", queryId=query)
    assert (found["status"], found["results"]) == ("Running", [])
    insights.now += runs_s + 0.001
    found = insights.call("GetQueryResults", queryId=query)
    assert found["status"] == "Complete"
    assert found["results"][0][0] == {"field": "@message", "value": "hot"}
    assert found["statistics"]["recordsMatched"] == 1.0
    [described] = insights.call("DescribeQueries", logGroupName="tea", status="Complete")["queries"]
    assert (described["queryId"], described["queryString"]) == (query, "fields @message")
    assert insights.call("DescribeQueries", logGroupName="milk")["queries"] == []


def test_a_query_that_is_stopped_has_no_results() -> None:
    insights = Insights()
    query = insights.start()
    assert insights.call("StopQuery", queryId=query) == {"success": True}
    insights.now += 60
    found = insights.call("GetQueryResults", queryId=query)
    assert (found["status"], found["results"]) == ("Cancelled", [])
    with pytest.raises(Refused, match="is not running"):
        insights.call("StopQuery", queryId=query)


def test_only_events_of_its_time_and_groups_are_asked() -> None:
    insights = Insights()
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:tea:*"
    started = [
        insights.start(),
        insights.start(endTime=int(insights.now) - 30),
        insights.start(logGroupName="milk"),
        insights.start(logGroupName=None, logGroupNames=["milk", "tea"]),
        insights.start(logGroupName=None, logGroupIdentifiers=[arn]),
        insights.start(limit=1),
    ]
    insights.now += 1
    counts = [len(insights.call("GetQueryResults", queryId=query)["results"]) for query in started]
    assert counts == [1, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"logGroupName": "coffee"}, "ResourceNotFoundException"),
        ({"logGroupNames": ["milk"]}, "InvalidParameterException"),
        ({"logGroupName": None}, "InvalidParameterException"),
        ({"startTime": 2, "endTime": 1}, "InvalidParameterException"),
        ({"queryString": "show me"}, "MalformedQueryException"),
        ({"queryString": "parse a"}, "UnsupportedOperation"),
        ({"queryLanguage": "SQL"}, "UnsupportedOperation"),
    ],
)
def test_a_wrong_query_is_refused_when_it_is_started(members: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        Insights().start(**members)
    assert refusal.value.code == code


def test_an_unknown_query_is_refused_and_the_latest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.embedded.apis.logs.controller.KEPT", 2)
    insights = Insights()
    first, *others = [insights.start() for _ in range(3)]
    with pytest.raises(Refused, match="does not exist"):
        insights.call("GetQueryResults", queryId=first)
    assert all(insights.call("GetQueryResults", queryId=query) for query in others)

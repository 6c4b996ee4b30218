"""Filter patterns let through what AWS's guide says, and nothing else."""

import time
from typing import Any

import pytest

from infrastructure.embedded.apis.logs.pattern import InvalidPattern, compiled
from infrastructure.embedded.tests.control import Control, run

ERRORS = ("[ERROR 400] BAD REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST", "[WARN 7] SLOW", "[INFO] fine")
DOCUMENTS = (
    '{"n": 1, "kind": "a", "in": {"list": [{"x": "first"}, 2]}, "ok": true}',
    '{"n": 5, "kind": "abc", "none": null, "ok": false}',
    '{"n": "5", "kind": "b c", "odd-name": 1}',
    "no document with $.n > 3",
)


def _let_through(pattern: str, messages: tuple[str, ...]) -> list[int]:
    matches = compiled(pattern)
    return [place for place, message in enumerate(messages) if matches(message)]


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("", [0, 1, 2, 3]),
        ("ERROR", [0, 1]),
        ("error", []),
        ("ERROR REQUEST", [0, 1]),
        ("ERROR 401", [1]),
        ('"BAD REQUEST"', [0]),
        ('"REQUEST BAD"', []),
        ("?ERROR ?WARN", [0, 1, 2]),
        ("ERROR -UNAUTHORIZED", [0]),
        ("-ERROR", [2, 3]),
        ('-"BAD REQUEST" ERROR', [1]),
        ("ERROR ?WARN", [0, 1]),
        (r"%40[01]\]%", [0, 1]),
        (r"%\[(WARN|INFO)%", [2, 3]),
    ],
)
def test_terms(pattern: str, places: list[int]) -> None:
    assert _let_through(pattern, ERRORS) == places


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("{ $.n > 3 }", [1, 2]),
        ("{ $.n >= 1 && $.n < 5 }", [0]),
        ("{ $.n = 5 }", [1, 2]),
        ("{ $.n != 1 }", [1, 2]),
        ("{ $.n = 5e0 }", [1]),
        ('{ $.kind = "a*" }', [0, 1]),
        ("{ $.kind = *c }", [1, 2]),
        ('{ $.kind = "b c" }', [2]),
        ('{ $.kind != "a*" }', [2]),
        ("{ $.kind = %^a.c$% }", [1]),
        ("{ $.absent != 1 }", []),
        ("{ $.absent NOT EXISTS && $.n = 1 }", [0]),
        ("{ $.none IS NULL }", [1]),
        ("{ $.ok IS TRUE }", [0]),
        ("{ $.ok IS FALSE }", [1]),
        ("{ $.in.list[0].x = first }", [0]),
        ("{ $.in.list[1] = 2 }", [0]),
        ("{ $.in.list[9] = 2 }", []),
        ("{ $['odd-name'] = 1 }", [2]),
        ("{ $.odd-name = 1 }", [2]),
        ("{ $.n = 1 || $.n = 5 && $.ok IS FALSE }", [0, 1]),
        ("{ ($.n = 1 || $.n = 5) && $.ok IS FALSE }", [1]),
    ],
)
def test_documents(pattern: str, places: list[int]) -> None:
    assert _let_through(pattern, DOCUMENTS) == places


INVALID = ["foo.bar", "{ $.n > }", "{ $.n > x }", "{ $.n }", "{ n = 1 }", "{ $.n = 1", "{ ($.n = 1 }", "{ $.n IS ODD }"]
INVALID += ["{ $.n = 1 $.m = 2 }", '"open', "%[%", "{ $.n = %[% }"]


@pytest.mark.parametrize("pattern", INVALID)
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match="Invalid"):
        compiled(pattern)


async def _with_events(*messages: str) -> Control:
    control = Control()
    await control.ask("logs", "CreateLogGroup", logGroupName="g")
    await control.ask("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + place, "message": each} for place, each in enumerate(messages)]
    await control.ask("logs", "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events)
    return control


def test_events_are_filtered() -> None:
    async def found(pattern: str) -> list[str]:
        control = await _with_events(*DOCUMENTS)
        answer = await control.ask("logs", "FilterLogEvents", logGroupName="g", filterPattern=pattern)
        return [each["message"] for each in answer["events"]]

    assert run(found("{ $.n > 3 }")) == [DOCUMENTS[1], DOCUMENTS[2]]
    assert run(found("document")) == [DOCUMENTS[3]]


@pytest.mark.parametrize(
    ("pattern", "status", "code"),
    [("{ $.n > }", 400, "InvalidParameterException"), ("[a, b]", 501, "UnsupportedOperation")],
)
@pytest.mark.parametrize("action", ["FilterLogEvents", "PutMetricFilter", "PutSubscriptionFilter"])
def test_a_pattern_that_is_none_is_refused(action: str, pattern: str, status: int, code: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "PutMetricFilter": {
            "filterName": "f",
            "metricTransformations": [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
        },
        "PutSubscriptionFilter": {"filterName": "f", "destinationArn": "arn:aws:lambda:us-east-1:1:function:f"},
    }

    async def scenario() -> None:
        control = await _with_events("m")
        members = {"logGroupName": "g", "filterPattern": pattern, **more.get(action, {})}
        refusal = await control.refusal("logs", action, **members)
        assert (refusal["status"], refusal["__type"]) == (status, code)

    run(scenario())


@pytest.mark.parametrize(("days", "is_taken"), [(1, True), (2, False), (3653, True), (3654, False)])
def test_events_are_kept_for_one_of_the_lengths_that_aws_has(days: int, is_taken: bool) -> None:
    async def scenario() -> None:
        control = await _with_events("m")
        answer = await control.answer("logs", "PutRetentionPolicy", logGroupName="g", retentionInDays=days)
        assert answer.is_success is is_taken
        assert is_taken or b"InvalidParameterException" in answer.body

    run(scenario())

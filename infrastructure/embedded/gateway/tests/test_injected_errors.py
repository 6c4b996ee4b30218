"""Injected errors: set through a page, met by calls, gone when removed."""

import json
from typing import Any

import pytest

from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.injected_errors import LIMIT, InjectedErrors
from infrastructure.embedded.gateway.pages import BODY, METHOD
from infrastructure.embedded.tests.control import call, run


async def _ok(_call: Call) -> Answer:
    return Answer(status=200, headers={}, body=b"")


def _outcomes(errors: InjectedErrors, *calls: Call) -> list[int]:
    async def scenario() -> list[int]:
        return [(await errors(each, _ok)).status for each in calls]

    return run(scenario())


def _page(errors: InjectedErrors, method: str, body: Any = None, **query: str) -> tuple[int, Any]:
    async def scenario() -> tuple[int, Any]:
        given = {METHOD: method, BODY: body if isinstance(body, str) else json.dumps(body), **query}
        answer = await errors.pages["faults"](given)
        return (200, json.loads(answer)) if isinstance(answer, bytes) else (answer.status, json.loads(answer.body))

    return run(scenario())


SEND = call("sqs", "SendMessage", {}, caller="order")


@pytest.mark.parametrize(
    ("rule", "is_met"),
    [
        ({"service": "sqs"}, True),
        ({"service": "*"}, True),
        ({"service": "sqs", "action": "SendMessage"}, True),
        ({"service": "sqs", "action": "ReceiveMessage"}, False),
        ({"service": "dynamodb"}, False),
        ({"service": "sqs", "caller": "order"}, True),
        ({"service": "sqs", "caller": "menu"}, False),
    ],
)
def test_a_rule_meets_the_calls_it_names(rule: dict[str, str], is_met: bool) -> None:
    errors = InjectedErrors()
    errors.add({**rule, "status": 503})
    assert _outcomes(errors, SEND) == [503 if is_met else 200]


def test_an_injected_error_has_the_services_own_shape() -> None:
    async def scenario() -> Answer:
        errors = InjectedErrors()
        errors.add({"service": "sqs", "code": "OverLimit", "message": "too many", "status": 400})
        return await errors(SEND, _ok)

    answer = run(scenario())
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "OverLimit")
    assert json.loads(answer.body)["message"] == "too many"


def test_the_same_seed_gives_the_same_errors_at_about_the_rate() -> None:
    def tried() -> list[int]:
        errors = InjectedErrors(seed=3)
        errors.add({"service": "sqs", "rate": 0.3})
        return _outcomes(errors, *[SEND] * 1000)

    assert tried() == tried()
    assert tried().count(500) == pytest.approx(300, abs=50)


def test_rules_are_set_shown_counted_and_removed_by_page() -> None:
    errors = InjectedErrors()
    status, rule = _page(errors, "POST", {"service": "sqs", "code": "Nope"})
    assert (status, rule["id"], rule["rate"]) == (201, 1, 1.0)
    _outcomes(errors, SEND, SEND)
    assert _page(errors, "GET")[1]["rules"][0]["injected"] == 2
    assert _page(errors, "DELETE", id="9") == (200, {"removed": 0})
    assert _page(errors, "DELETE", id="1") == (200, {"removed": 1})
    assert _outcomes(errors, SEND) == [200]


@pytest.mark.parametrize("given", ["", "one", "²", "-1", "9" * 5000])
def test_an_id_that_is_no_number_is_refused(given: str) -> None:
    status, answer = _page(InjectedErrors(), "DELETE", id=given)
    assert (status, "id is a number" in answer["error"]) == (400, True)


def test_all_rules_go_at_once() -> None:
    errors = InjectedErrors()
    for _ in range(3):
        errors.add({"service": "sqs"})
    assert _page(errors, "DELETE") == (200, {"removed": 3})


@pytest.mark.parametrize(
    ("method", "body", "status", "said"),
    [
        ("POST", "not json", 400, "line 1 column 1"),
        ("POST", [], 400, "service None is not one of"),
        ("POST", {"service": "braket"}, 400, "service 'braket' is not one of *, application-autoscaling"),
        ("POST", {"service": "sqs", "rate": 2}, 400, "rate is a number from 0.0 to 1.0, not 2"),
        ("POST", {"service": "sqs", "status": 200}, 400, "status is a number from 400 to 599"),
        ("POST", {"service": "sqs", "status": 503.5}, 400, "status is a whole number, not 503.5"),
        ("POST", {"service": "sqs", "code": "Slow\r\nx: y"}, 400, "code is a name such as ServiceUnavailable"),
        ("POST", {"service": "sqs", "code": "Trop coûteux €"}, 400, "code is a name such as ServiceUnavailable"),
        ("POST", {"service": "sqs", "code": ""}, 400, "code is a name such as ServiceUnavailable"),
        ("POST", {"service": "sqs", "delay": 1, "code": 5}, 400, "'delay' is not one of"),
        ("PUT", {}, 405, "GET, POST, DELETE"),
    ],
)
def test_a_wrong_rule_is_refused_with_all_that_is_wrong(method: str, body: Any, status: int, said: str) -> None:
    errors = InjectedErrors()
    found, answer = _page(errors, method, body)
    assert found == status
    assert said in answer["error"]
    assert _page(errors, "GET")[1]["rules"] == []


def test_rules_are_bounded() -> None:
    errors = InjectedErrors()
    for _ in range(LIMIT):
        errors.add({"service": "sqs"})
    with pytest.raises(ValueError, match="delete some"):
        errors.add({"service": "sqs"})

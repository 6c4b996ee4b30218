"""Listener rules as routes."""

from typing import Any

import pytest

from infrastructure.embedded.apis.vpc_lattice.record import LatticeListener, LatticeRule
from infrastructure.embedded.apis.vpc_lattice.routes import routes
from infrastructure.embedded.network.envoy.model import Condition, Forward, Respond, Route, Share

FIXED = {"fixedResponse": {"statusCode": 404}}


def listener(*rules: LatticeRule) -> LatticeListener:
    default = LatticeRule(id="default", arn="", action=FIXED)
    held = {rule.id: rule for rule in rules}
    return LatticeListener(id="listener-0", arn="", protocol="HTTP", port=80, default=default, rules=held)


def rule(priority: int, action: dict[str, Any], **match: Any) -> LatticeRule:
    return LatticeRule(id=f"rule-{priority}", arn="", action=action, match={"httpMatch": match}, priority=priority)


def test_rules_come_by_priority_and_the_default_one_last() -> None:
    broken = {"fixedResponse": {"statusCode": 500}}
    found = routes(listener(rule(20, FIXED, method="GET"), rule(10, broken, method="PUT")), {})
    assert [(each.action, len(each.conditions)) for each in found] == [
        (Respond(status=500), 1),
        (Respond(status=404), 1),
        (Respond(status=404), 0),
    ]


MATCHES: dict[str, tuple[dict[str, Any], Condition]] = {
    "exact path": (
        {"pathMatch": {"match": {"exact": "/a?b"}}},
        Condition(field="path", patterns=("/a\\?b",), is_case_sensitive=True),
    ),
    "path's beginning": (
        {"pathMatch": {"match": {"prefix": "/a"}, "caseSensitive": False}},
        Condition(field="path", patterns=("/a*",), is_case_sensitive=False),
    ),
    "header that has it": (
        {"headerMatches": [{"name": "x-shop", "match": {"contains": "1*1"}}]},
        Condition(field="header", name="x-shop", patterns=("*1\\*1*",), is_case_sensitive=False),
    ),
    "method": ({"method": "GET"}, Condition(field="method", patterns=("GET",))),
}


@pytest.mark.parametrize(("match", "condition"), MATCHES.values(), ids=MATCHES)
def test_a_match_is_taken_literally(match: dict[str, Any], condition: Condition) -> None:
    [first, _] = routes(listener(rule(1, FIXED, **match)), {})
    assert first == Route(action=Respond(status=404), conditions=(condition,))


def test_a_single_group_gets_everything_and_one_that_is_gone_nothing() -> None:
    arn = "arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-0"
    groups = [{"targetGroupIdentifier": arn}, {"targetGroupIdentifier": "tg-1", "weight": 3}]
    [first, _] = routes(listener(rule(1, {"forward": {"targetGroups": groups}}, method="GET")), {"tg-0": "lattice-0"})
    assert first.action == Forward(shares=(Share(upstream="lattice-0", weight=100),))

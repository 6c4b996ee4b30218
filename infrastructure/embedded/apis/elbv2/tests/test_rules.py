"""Listeners and rules have the effect they have on AWS, on real sockets. One Envoy serves all tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.embedded.apis.elbv2.tests.load_balancing import (
    Cloud,
    Machine,
    Wire,
    fixed,
    machine_on,
    only,
    status,
)
from infrastructure.embedded.tests.wire import eventually, request, target
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_on(StateFolder.of("test", tmp_path_factory.mktemp("elbv2"))) as machine:
        yield machine


def test_rules_are_tried_by_priority(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        low = cloud.rule(200, "/api/*", fixed("202"))
        cloud.rule(30, "/api/*", fixed("203"))
        await cloud.answers(status(203), "/api/x")
        cloud.call("SetRulePriorities", RulePriorities=[{"RuleArn": low, "Priority": 4}])
        await cloud.answers(status(202), "/api/x")
        cloud.call("DeleteRule", RuleArn=low)
        await cloud.answers(status(203), "/api/x")

    machine.run(test)


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        pytest.param({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a*"]}}, {"path": "/ab"}, id="path"),
        pytest.param({"Field": "host-header", "Values": ["*.example"]}, {"host": "a.example"}, id="host"),
        pytest.param(
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT"]}},
            {"method": "PUT"},
            id="method",
        ),
        pytest.param(
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["b?"]}},
            {"headers": {"x-a": "bc"}},
            id="header",
        ),
        pytest.param(
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}, {"Value": "w"}]}},
            {"path": "/?x=w"},
            id="query",
        ),
        pytest.param(
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.2/32"]}},
            {"source": "127.0.0.2"},
            id="source",
        ),
    ],
)
def test_every_kind_of_condition_is_read(machine: Machine, condition: Wire, asked: dict[str, Any]) -> None:
    async def test(cloud: Cloud) -> None:
        cloud.rule_on(condition, 10, fixed("203"))

        async def fits() -> bool:
            return (await request(cloud.port, **asked)).status == 203

        await eventually(fits)
        assert (await request(cloud.port, "/else", host="x.org")).status == 404

    machine.run(test)


def test_traffic_is_divided_by_weight(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one, target("two") as two:
            cloud.group("blue")
            cloud.group("green")
            cloud.rule(9, "/both", cloud.forward("green"))
            weighted = [
                {"TargetGroupArn": cloud.groups["blue"], "Weight": "0"},
                {"TargetGroupArn": cloud.groups["green"], "Weight": "5"},
            ]
            cloud.rule(10, "*", {"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}})
            cloud.register("blue", one)
            cloud.register("green", two)
            await cloud.is_("green", {two: "healthy"})
            await eventually(lambda: only("two", cloud))

    machine.run(test)


def test_a_redirect_reaches_the_client(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        config = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        cloud.rule(10, "*", {"Type": "redirect", "RedirectConfig": config})
        await cloud.answers(status(301))
        response = await request(cloud.port, "/x?y=z")
        assert response.headers["location"] == "https://shop.example:443/x?y=z"

    machine.run(test)


def test_a_default_action_can_be_changed(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        cloud.call("ModifyListener", ListenerArn=cloud.listener, DefaultActions=[fixed("206")])
        await cloud.answers(status(206))

    machine.run(test)


def test_a_deleted_load_balancer_stops_listening(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        port = cloud.port
        cloud.call("DeleteLoadBalancer", LoadBalancerArn=cloud.balancer)

        async def is_refused() -> bool:
            try:
                await request(port)
            except ConnectionError:
                return True
            return False

        await eventually(is_refused)

    machine.run(test)


def test_the_load_balancers_of_a_group_follow_its_rules(machine: Machine) -> None:
    """moto adds a load balancer to a group and never takes it away."""

    async def test(cloud: Cloud) -> None:
        cloud.group("orders")
        cloud.group("spare")
        rule = cloud.rule(10, "*", cloud.forward("orders"))
        cloud.change(rule, cloud.forward("spare"))

        async def is_true() -> bool:
            groups = cloud.elbv2.describe_target_groups(cloud.balancer, [], None)
            return [group.name for group in groups] == ["spare"]

        await eventually(is_true)

    machine.run(test)

"""Targets come, fail, drain and go as on AWS, on real sockets. One Envoy serves all tests."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infrastructure.embedded import lags
from infrastructure.embedded.apis.elbv2.tests.load_balancing import Cloud, Machine, by, machine_on, only, status
from infrastructure.embedded.network import health
from infrastructure.embedded.tests.wire import Target, eventually, request, target
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_on(StateFolder.of("test", tmp_path_factory.mktemp("elbv2"))) as machine:
        yield machine


def test_a_registered_target_gets_requests_once_healthy(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one:
            cloud.group("orders")
            cloud.rule(10, "*", cloud.forward("orders"))
            await cloud.answers(status(503))
            cloud.register("orders", one)
            assert cloud.health("orders") == {one.port: ("initial", "Elb.RegistrationInProgress")}
            await cloud.is_("orders", {one: "healthy"})
            await cloud.answers(by("one"))

    machine.run(test)


def test_targets_of_one_address_are_told_apart_by_port(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one, target("two") as two:
            cloud.group("orders")
            cloud.rule(10, "*", cloud.forward("orders"))
            cloud.register("orders", one, two)
            await cloud.is_("orders", {one: "healthy", two: "healthy"})
            await cloud.answers(by("one"))
            await cloud.answers(by("two"))
            cloud.deregister("orders", one)
            assert cloud.health("orders")[one.port] == ("draining", "Target.DeregistrationInProgress")
            assert cloud.health("orders")[two.port] == ("healthy", None)

    machine.run(test)


def test_a_deregistered_target_finishes_and_then_is_gone(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one, target("two") as two:
            cloud.group("orders", deregistration_delay__timeout_seconds="10")
            cloud.rule(10, "*", cloud.forward("orders"))
            cloud.register("orders", one)
            await cloud.answers(by("one"))
            under_way = asyncio.create_task(request(cloud.port, "/hang"))
            await eventually(lambda: _has_arrived(one, "/hang"))
            cloud.register("orders", two)
            await cloud.is_("orders", {one: "healthy", two: "healthy"})
            cloud.deregister("orders", one)
            await eventually(lambda: only("two", cloud))
            before = one.counts["/"]
            assert {(await request(cloud.port)).by for _ in range(10)} == {"two"}
            assert one.counts["/"] == before
            await cloud.is_("orders", {two: "healthy"})
            one.release.set()
            assert (await under_way).by == "one"

    machine.run(test)


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_deregistered_target_gets_requests_for_a_moment_dead_or_alive(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, is_alive: bool
) -> None:
    monkeypatch.setattr(lags, "DEREGISTERED_TARGET", replace(lags.DEREGISTERED_TARGET, fast=1.0))

    async def test(cloud: Cloud) -> None:
        async with target("two") as two:
            cloud.group("orders")
            cloud.rule(10, "*", cloud.forward("orders"))
            async with target("one") as one:
                cloud.register("orders", one, two)
                await cloud.is_("orders", {one: "healthy", two: "healthy"})
                cloud.deregister("orders", one)
                assert cloud.health("orders")[one.port] == ("draining", "Target.DeregistrationInProgress")
                if is_alive:
                    await cloud.answers(by("one"))
            if not is_alive:
                await cloud.answers(status(502))  # nobody listens there any more
            await eventually(lambda: only("two", cloud))

    machine.run(test)


async def _has_arrived(one: Target, path: str) -> bool:
    return path in one.counts


def test_a_failing_target_is_left_out_and_comes_back(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one, target("two") as two:
            cloud.group("orders")
            cloud.rule(10, "*", cloud.forward("orders"))
            cloud.register("orders", one, two)
            await cloud.is_("orders", {one: "healthy", two: "healthy"})
            one.status = 500
            await cloud.is_("orders", {one: "unhealthy", two: "healthy"})
            assert cloud.health("orders")[one.port] == ("unhealthy", "Target.ResponseCodeMismatch")
            await eventually(lambda: only("two", cloud))
            one.status = 200
            await cloud.answers(by("one"))

    machine.run(test)


def test_with_every_target_unhealthy_all_get_requests(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one:
            cloud.group("orders")
            cloud.rule(10, "*", cloud.forward("orders"))
            cloud.register("orders", one)
            await cloud.is_("orders", {one: "healthy"})
            one.status = 500
            await cloud.is_("orders", {one: "unhealthy"})
            await cloud.answers(status(500))

    machine.run(test)


def test_a_group_nobody_sends_to_is_not_checked(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one:
            cloud.group("orders")
            cloud.group("spare")
            rule = cloud.rule(10, "*", cloud.forward("orders"))
            cloud.register("orders", one)
            await cloud.is_("orders", {one: "healthy"})
            cloud.change(rule, cloud.forward("spare"))
            assert cloud.health("orders") == {one.port: ("unused", "Target.NotInUse")}
            await cloud.answers(status(503))
            cloud.change(rule, cloud.forward("orders"))
            await cloud.answers(by("one"))

    machine.run(test)


def test_an_unknown_target_is_not_registered(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        cloud.group("orders")
        asked = {"TargetGroupArn": cloud.groups["orders"], "Targets": [{"Id": "127.0.0.1", "Port": 9}]}
        [described] = cloud.call("DescribeTargetHealth", **asked)["TargetHealthDescriptions"]
        assert described["Target"] == asked["Targets"][0]
        assert described["TargetHealth"]["State"] == "unused"
        assert described["TargetHealth"]["Reason"] == "Target.NotRegistered"
        cloud.call("DeregisterTargets", **asked)

    machine.run(test)


def test_an_address_outside_this_machine_is_never_contacted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SHORTEST_START_S", 0.0)

    async def test(cloud: Cloud) -> None:
        cloud.group("orders")
        cloud.rule(10, "*", cloud.forward("orders"))
        elsewhere = [{"Id": "192.0.2.1", "Port": 80}]
        cloud.call("RegisterTargets", TargetGroupArn=cloud.groups["orders"], Targets=elsewhere)

        async def is_unhealthy() -> bool:
            return cloud.health("orders") == {80: ("unhealthy", "Target.FailedHealthChecks")}

        await eventually(is_unhealthy)
        assert (await request(cloud.port)).status == 503

    machine.run(test)

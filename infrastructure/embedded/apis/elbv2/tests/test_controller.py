"""When load balancing is ready, and what it reports. One Envoy serves all tests."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from infrastructure.embedded.apis.elbv2.tests.load_balancing import Cloud, Machine, Wire, by, machine_on
from infrastructure.embedded.tests.wire import eventually, request, target
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_on(StateFolder.of("test", tmp_path_factory.mktemp("elbv2"))) as machine:
        yield machine


@dataclass
class EcsService:
    """What the controller reads of an ECS service."""

    load_balancers: list[Wire]
    desired_count: int


def test_it_is_unsettled_until_a_service_has_a_healthy_target(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one:
            arn = cloud.group("orders")
            service = EcsService(load_balancers=[{"targetGroupArn": arn}], desired_count=1)
            monkeypatch.setattr(cloud.context.backends.ecs, "services", {"orders": service})
            assert cloud.controller.unsettled() == ()  # no load balancer sends to it
            cloud.rule(10, "*", cloud.forward("orders"))
            assert cloud.controller.unsettled() != ()
            cloud.register("orders", one)
            assert cloud.controller.unsettled() != ()
            await cloud.is_("orders", {one: "healthy"})
            assert cloud.controller.unsettled() == ()
            cloud.deregister("orders", one)
            assert cloud.controller.unsettled() != ()
            service.desired_count = 0
            assert cloud.controller.unsettled() == ()

    machine.run(test)


def test_requests_and_hosts_are_reported_as_metrics(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one") as one:
            cloud.group("orders")
            cloud.group("spare")
            cloud.rule(5, "/spare", cloud.forward("spare"))
            cloud.rule(10, "*", cloud.forward("orders"))
            cloud.register("orders", one)
            await cloud.answers(by("one"), "/warm")
            for path in ("/a", "/b", "/reset", "/spare"):
                await request(cloud.port, path)

            balancer = cloud.balancer.rpartition(":loadbalancer/")[2]
            orders = cloud.groups["orders"].rpartition(":")[2]
            spare = cloud.groups["spare"].rpartition(":")[2]

            async def is_reported() -> bool:
                total = cloud.totals
                return (
                    total["HTTPCode_ELB_502_Count", orders] == 1
                    and total["HTTPCode_ELB_503_Count", spare] >= 1
                    and total["HTTPCode_Target_2XX_Count", orders] >= 3
                    and total["HTTPCode_ELB_5XX_Count", balancer] >= 2
                    and total["RequestCount", orders] >= 4
                    and total["TargetResponseTime", orders] > 0
                    and total["HealthyHostCount", orders] >= 1
                )

            await eventually(is_reported)

    machine.run(test)

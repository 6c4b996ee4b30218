"""Network Load Balancers: connections are passed on to instances that run and are healthy. One Envoy serves all."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from infrastructure.embedded.apis.elbv2.tests.load_balancing import Cloud, Machine, machine_on
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.network.envoy.model import Endpoint
from infrastructure.embedded.tests.wire import Target, eventually, receive, request, send, target
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_on(StateFolder.of("test", tmp_path_factory.mktemp("network"))) as machine:
        yield machine


@dataclass
class Nlb:
    """A network load balancer over a group of instances; `running` is where each of them serves."""

    cloud: Cloud
    group: str = ""
    running: dict[str, Endpoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        call, cloud = self.cloud.call, self.cloud
        cloud.context.couplings.instance_endpoint = self.running.get
        tags = [{"Key": "Project", "Value": "cloudcafe"}]
        made = call("CreateLoadBalancer", Name="net", Type="network", Subnets=cloud.subnets, Tags=tags)
        groups = call(
            "CreateTargetGroup",
            Name="loyalty",
            Protocol="TCP",
            Port=8080,
            VpcId=cloud.vpc,
            TargetType="instance",
            HealthCheckProtocol="HTTP",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )
        self.group = groups["TargetGroups"][0].arn
        actions = [{"Type": "forward", "TargetGroupArn": self.group}]
        balancer = made["LoadBalancers"][0].arn
        call("CreateListener", LoadBalancerArn=balancer, Protocol="TCP", Port=80, DefaultActions=actions)

    def run(self, instance: str, target: Target) -> None:
        """The instance serves at `target`, and is one of the group's."""
        self.running[instance] = target.endpoint
        self.cloud.context.backends.elbv2.ec2_backend.get_instance_by_id = lambda _identity: None
        self.cloud.call("RegisterTargets", TargetGroupArn=self.group, Targets=[{"Id": instance}])

    @property
    def health(self) -> dict[str, tuple[str, str | None]]:
        """Instance to (state, reason)."""
        described = self.cloud.call("DescribeTargetHealth", TargetGroupArn=self.group)["TargetHealthDescriptions"]
        return {
            each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"]["Reason"]) for each in described
        }

    async def is_(self, **states: str) -> None:
        async def reached() -> bool:
            return {name: state for name, (state, _) in self.health.items()} == states

        await eventually(reached)

    async def serves(self, *names: str) -> None:
        """Wait until these answer, and no others."""

        async def reached() -> bool:
            port = int(self.cloud.context.network.endpoints["nlb"].rpartition(":")[2])
            try:
                return {(await request(port)).by for _ in range(8)} == set(names)
            except (asyncio.IncompleteReadError, ConnectionError):
                return False  # no target yet: the connection is closed at once

        await eventually(reached)


def test_connections_go_to_the_healthy_instances_of_both_zones(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        nlb = Nlb(cloud)
        async with target("one") as one, target("two") as two:
            nlb.run("i-1", one)
            nlb.run("i-2", two)
            await nlb.is_(**{"i-1": "healthy", "i-2": "healthy"})
            await nlb.serves("one", "two")
            two.status = 503
            await nlb.is_(**{"i-1": "healthy", "i-2": "unhealthy"})
            await nlb.serves("one")

    machine.run(test)


def test_an_instance_that_is_stopped_is_no_target(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        nlb = Nlb(cloud)
        async with target("one") as one, target("two") as two:
            nlb.run("i-1", one)
            nlb.run("i-2", two)
            await nlb.serves("one", "two")
            del nlb.running["i-2"]
            cloud.wake()
            assert nlb.health["i-2"] == ("unused", "Target.InvalidState")
            await nlb.serves("one")

    machine.run(test)


def test_flows_are_counted(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        nlb = Nlb(cloud)
        async with target("one") as one:
            nlb.run("i-1", one)
            await nlb.serves("one")
            port = int(cloud.context.network.endpoints["nlb"].rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await send(writer, "/", "GET", {"Host": "x"})
            await receive(reader)
            [balancer] = [b for b in cloud.context.backends.elbv2.load_balancers.values() if b.type == "network"]
            name = balancer.arn.rpartition(":loadbalancer/")[2]

            async def are_there() -> bool:
                store = cloud.context.metrics.store

                def total(metric: str, statistic: str) -> float:
                    key, now = Key.of("AWS/NetworkELB", metric, {"LoadBalancer": name}), time.time()
                    found = store.query(key, now - 60.0, now + 1.0, 1.0)
                    return max((bucket.statistic(statistic) or 0.0 for _, bucket in found), default=0.0)

                return (
                    total("ActiveFlowCount", "Maximum") >= 1.0
                    and total("NewFlowCount", "Sum") >= 1.0
                    and total("ProcessedBytes", "Sum") > 100.0
                )

            await eventually(are_there)
            writer.close()

    machine.run(test)


def test_each_zone_gets_as_much_unless_the_load_balancer_crosses_zones(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        nlb = Nlb(cloud)
        zones = {"i-1": "us-east-1a", "i-2": "us-east-1a", "i-3": "us-east-1b"}
        async with target("one") as one, target("two") as two, target("three") as three:
            for instance, serving in zip(zones, (one, two, three), strict=True):
                nlb.run(instance, serving)
            cloud.context.backends.elbv2.ec2_backend.get_instance_by_id = lambda name: SimpleNamespace(
                availability_zone=zones[name], state="running"
            )
            await nlb.serves("one", "two", "three")

            async def counts() -> Counter[str]:
                port = int(cloud.context.network.endpoints["nlb"].rpartition(":")[2])
                return Counter([(await request(port)).by for _ in range(24)])

            async def is_zonal() -> bool:
                return await counts() == {"one": 6, "two": 6, "three": 12}

            async def is_even() -> bool:
                return await counts() == {"one": 8, "two": 8, "three": 8}

            cloud.wake()
            await eventually(is_zonal)
            on = [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]
            cloud.call("ModifyTargetGroupAttributes", TargetGroupArn=nlb.group, Attributes=on)
            cloud.wake()
            await eventually(is_even)

    machine.run(test)


def test_hosts_are_reported_and_requests_are_not(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        nlb = Nlb(cloud)
        async with target("one") as one:
            nlb.run("i-1", one)
            await nlb.serves("one")
            store = cloud.context.metrics.store

            async def is_reported() -> bool:
                names = {key.name for key in store.metrics() if key.namespace == "AWS/NetworkELB"}
                flows = {"NewFlowCount", "ActiveFlowCount", "ProcessedBytes"}
                per_protocol = {f"{each}_TCP" for each in flows}
                return names == {"HealthyHostCount", "UnHealthyHostCount"} | flows | per_protocol

            await eventually(is_reported)

    machine.run(test)

"""Calls to the load balancing API have the effect they have on AWS, on real sockets. One Envoy serves all tests."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from infrastructure.embedded.backends import Backends
from infrastructure.embedded.context import Context
from infrastructure.embedded.controllers.elbv2 import Elbv2Controller
from infrastructure.embedded.engines.envoy import Envoy, Fragment
from infrastructure.embedded.metrics import Metrics
from infrastructure.embedded.network import Network
from infrastructure.embedded.pace import FAST, Pace
from infrastructure.embedded.ports import Ports
from infrastructure.embedded.supervisor import Supervisor
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE
from infrastructure.embedded.tests.wire import Response, Target, eventually, request, target
from infrastructure.state import StateFolder

ACCOUNT, REGION = "123456789012", "us-east-1"
PACE = replace(FAST, metric_period_s=0.2)
Wire = dict[str, Any]


class Recorded(Metrics):
    """Keeps the sum of every metric by name and dimension value."""

    def __init__(self, backends: Backends, pace: Pace) -> None:
        super().__init__(backends, pace)
        self.totals: defaultdict[tuple[str, str], float] = defaultdict(float)

    def put(
        self,
        namespace: str,
        name: str,
        value: float,
        unit: str,
        dimensions: Mapping[str, str],
        at: float | None = None,
    ) -> None:
        super().put(namespace, name, value, unit, dimensions, at)
        if namespace == "AWS/ApplicationELB":
            for dimension in dimensions.values():
                self.totals[name, dimension] += value


@dataclass(kw_only=True)
class Cloud:
    """The controller over moto's own records, and the calls a client would make on them."""

    context: Context
    woken: asyncio.Event
    controller: Elbv2Controller
    totals: Mapping[tuple[str, str], float]
    subnets: list[str]
    vpc: str
    balancer: str = ""
    listener: str = ""
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def elbv2(self) -> Any:
        return self.context.backends.elbv2

    @property
    def port(self) -> int:
        return int(self.context.network.endpoints["alb"].rpartition(":")[2])

    def wake(self) -> None:
        self.woken.set()

    def group(self, name: str, *, interval: int = 5, **attributes: str) -> str:
        made = self.elbv2.create_target_group(
            name,
            vpc_id=self.vpc,
            protocol="HTTP",
            port=80,
            target_type="ip",
            healthcheck_path="/health",
            healthcheck_interval_seconds=interval,
            healthcheck_timeout_seconds=interval - 1,
            healthy_threshold_count=2,
            unhealthy_threshold_count=2,
        )
        made.attributes.update({name.replace("__", "."): value for name, value in attributes.items()})
        self.groups[name] = made.arn
        return str(made.arn)

    def register(self, group: str, *targets: Target) -> None:
        self.elbv2.register_targets(self.groups[group], [{"Id": "127.0.0.1", "Port": t.port} for t in targets])
        self.wake()

    def deregister(self, group: str, *targets: Target) -> None:
        self.elbv2.deregister_targets(self.groups[group], [{"Id": "127.0.0.1", "Port": t.port} for t in targets])
        self.wake()

    def rule(self, priority: int, path: str, *actions: Wire) -> str:
        conditions = [{"Field": "path-pattern", "Values": [path]}]
        rule = self.elbv2.create_rule(self.listener, conditions, priority, list(actions))
        self.wake()
        return str(rule.arn)

    def forward(self, group: str) -> Wire:
        return {"Type": "forward", "TargetGroupArn": self.groups[group]}

    def health(self, group: str) -> dict[int, tuple[str, str | None]]:
        """Port to (state, reason)."""
        described = self.elbv2.describe_target_health(self.groups[group], [])
        return {status.target["Port"]: (status.status, status.reason) for status in described}

    async def is_(self, group: str, states: dict[Target, str]) -> None:
        """Wait until these are exactly the targets of the group and their states."""

        async def reached() -> bool:
            found = {port: state for port, (state, _) in self.health(group).items()}
            return found == {t.port: state for t, state in states.items()}

        await eventually(reached)

    async def answers(self, expected: Callable[[Response], bool], path: str = "/") -> None:
        """Wait until a request is answered as expected."""

        async def reached() -> bool:
            return expected(await request(self.port, path))

        await eventually(reached)


@dataclass(kw_only=True)
class Machine:
    """What all tests share: a runner whose loop Envoy's supervisor lives on."""

    runner: asyncio.Runner
    supervisor: Supervisor
    envoy: Envoy
    state: StateFolder

    def run(self, test: Callable[[Cloud], Coroutine[Any, Any, None]], pace: Pace = PACE) -> None:
        async def scenario() -> None:
            async with self._cloud(pace) as cloud:
                await test(cloud)

        self.runner.run(scenario())

    @asynccontextmanager
    async def _cloud(self, pace: Pace) -> AsyncIterator[Cloud]:
        woken = asyncio.Event()
        woken.set()
        backends = Backends(ACCOUNT, REGION)
        backends.elbv2.reset()
        metrics = Recorded(backends, pace)
        ports = Ports()
        context = Context(
            state=self.state,
            pace=pace,
            region=REGION,
            account=ACCOUNT,
            supervisor=self.supervisor,
            ports=ports,
            envoy=self.envoy,
            network=Network(self.envoy, ports),
            metrics=metrics,
            backends=backends,
            wake=lambda _: woken.set(),
        )
        controller = Elbv2Controller(context)
        vpc = backends.ec2.create_vpc("10.0.0.0/16")
        subnets = [
            backends.ec2.create_subnet(vpc.id, f"10.0.{n}.0/24", availability_zone=f"{REGION}{zone}").id
            for n, zone in enumerate("ab")
        ]
        cloud = Cloud(
            context=context,
            woken=woken,
            controller=controller,
            totals=metrics.totals,
            subnets=subnets,
            vpc=vpc.id,
        )
        cloud.balancer = cloud.elbv2.create_load_balancer("shop", [], subnets).arn
        closed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}
        cloud.listener = cloud.elbv2.create_listener(cloud.balancer, "HTTP", "80", "", None, [closed]).arn
        tasks = [asyncio.create_task(metrics.run()), asyncio.create_task(_follow(controller, woken))]
        try:
            await eventually(lambda: _is_served(cloud))
            yield cloud
        finally:
            for task in tasks:
                if task.done():
                    task.result()  # a pass that failed is the cause of whatever came of it
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await controller.close()
            self.envoy.publish("elbv2", Fragment())
            ports.close()


async def _follow(controller: Elbv2Controller, woken: asyncio.Event) -> None:
    """What the daemon does: a pass for each wake."""
    while True:
        await woken.wait()
        woken.clear()
        await controller.reconcile()


async def _is_served(cloud: Cloud) -> bool:
    try:
        return (await request(cloud.port)).status == 404
    except (KeyError, ConnectionError):
        return False


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    state = StateFolder.of("test", tmp_path_factory.mktemp("elbv2"))
    with asyncio.Runner() as runner:
        supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
        envoy = Envoy(supervisor, state)
        runner.run(envoy.start())
        yield Machine(runner=runner, supervisor=supervisor, envoy=envoy, state=state)
        runner.run(envoy.close())
        runner.run(supervisor.close())


def by(name: str) -> Callable[[Response], bool]:
    return lambda response: response.status == 200 and response.by == name


def status(code: int) -> Callable[[Response], bool]:
    return lambda response: response.status == code


# --- targets ----------------------------------------------------------------------------------------------------------


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
            await cloud.answers(by("two"))
            before = one.counts["/"]
            assert {(await request(cloud.port)).by for _ in range(10)} == {"two"}
            assert one.counts["/"] == before
            await cloud.is_("orders", {two: "healthy"})
            one.release.set()
            assert (await under_way).by == "one"

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
            await eventually(lambda: _only("two", cloud))
            one.status = 200
            await cloud.answers(by("one"))

    machine.run(test)


async def _only(name: str, cloud: Cloud) -> bool:
    is_by = by(name)
    return all([is_by(await request(cloud.port)) for _ in range(6)])


def test_with_every_target_unhealthy_all_get_requests(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        async with target("one", status=500) as one:
            cloud.group("orders")
            cloud.rule(10, "*", cloud.forward("orders"))
            cloud.register("orders", one)
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
            cloud.elbv2.modify_rule(rule, [], [cloud.forward("spare")])
            cloud.wake()
            assert cloud.health("orders") == {one.port: ("unused", "Target.NotInUse")}
            await cloud.answers(status(503))
            cloud.elbv2.modify_rule(rule, [], [cloud.forward("orders")])
            cloud.wake()
            await cloud.answers(by("one"))

    machine.run(test)


def test_an_unknown_target_is_not_registered(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        cloud.group("orders")
        asked = [{"Id": "127.0.0.1", "Port": 9}]
        (described,) = cloud.elbv2.describe_target_health(cloud.groups["orders"], asked)
        assert (described.status, described.reason) == ("unused", "Target.NotRegistered")
        cloud.elbv2.deregister_targets(cloud.groups["orders"], asked)

    machine.run(test)


def test_an_address_outside_this_machine_is_never_contacted(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        cloud.group("orders")
        cloud.rule(10, "*", cloud.forward("orders"))
        cloud.elbv2.register_targets(cloud.groups["orders"], [{"Id": "192.0.2.1", "Port": 80}])
        cloud.wake()

        async def is_unhealthy() -> bool:
            return cloud.health("orders") == {80: ("unhealthy", "Target.FailedHealthChecks")}

        await eventually(is_unhealthy)
        assert (await request(cloud.port)).status == 503

    machine.run(test)


# --- rules and listeners ----------------------------------------------------------------------------------------------


def fixed(code: str) -> Wire:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": code}}


def test_rules_are_tried_by_priority(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        low = cloud.rule(200, "/api/*", fixed("202"))
        cloud.rule(30, "/api/*", fixed("203"))
        await cloud.answers(status(203), "/api/x")
        cloud.elbv2.set_rule_priorities([{"RuleArn": low, "Priority": 4}])
        cloud.wake()
        await cloud.answers(status(202), "/api/x")
        cloud.elbv2.delete_rule(low)
        cloud.wake()
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
        cloud.elbv2.create_rule(cloud.listener, [condition], 10, [fixed("203")])
        cloud.wake()

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
            await eventually(lambda: _only("two", cloud))

    machine.run(test)


def test_a_redirect_reaches_the_client(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        config = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        cloud.rule(10, "*", {"Type": "redirect", "RedirectConfig": config})
        await cloud.answers(status(301))
        response = await request(cloud.port, "/x?y=z")
        assert response.headers["location"] == "https://shop.example:443/x?y=z"

    machine.run(test)


def test_an_authentication_that_is_not_carried_out_lets_nobody_pass(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        cloud.group("orders")
        cloud.rule(10, "*", {"Type": "authenticate-oidc"}, cloud.forward("orders"))
        await cloud.answers(status(501))

    machine.run(test)


def test_a_default_action_can_be_changed(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        cloud.elbv2.modify_listener(cloud.listener, actions=[fixed("206")])
        cloud.wake()
        await cloud.answers(status(206))

    machine.run(test)


def test_a_deleted_load_balancer_stops_listening(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        port = cloud.port
        cloud.elbv2.delete_load_balancer(cloud.balancer)
        cloud.wake()

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
        cloud.elbv2.modify_rule(rule, [], [cloud.forward("spare")])
        cloud.wake()

        async def is_true() -> bool:
            groups = cloud.elbv2.describe_target_groups(cloud.balancer, [], None)
            return [group.name for group in groups] == ["spare"]

        await eventually(is_true)

    machine.run(test)


# --- readiness and metrics --------------------------------------------------------------------------------------------


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

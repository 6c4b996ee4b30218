"""The load balancing controller over moto's records and a real Envoy, as tests and the bench drive it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from infrastructure.embedded.apis.elbv2.controller import Elbv2Controller
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metrics import Metrics
from infrastructure.embedded.control.reconciler import Reconciler
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.moto.records import Backends
from infrastructure.embedded.network.edges import Network
from infrastructure.embedded.network.envoy.model import Fragment
from infrastructure.embedded.pace import FAST, Pace
from infrastructure.embedded.tests.envoy_machine import EnvoyMachine, envoy_machine
from infrastructure.embedded.tests.wire import Response, Target, eventually, request
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
    reconciler: Reconciler
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
        self.reconciler.wake(Elbv2Controller.name)

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

    def call(self, action: str, **members: Any) -> Any:
        """An operation from inside the daemon; the controller is told of a change."""
        output = self.context.backends.operations.call("elasticloadbalancing", action, **members)
        if not action.startswith("Describe"):
            self.wake()
        return output

    def register(self, group: str, *targets: Target) -> None:
        self.call("RegisterTargets", TargetGroupArn=self.groups[group], Targets=[_described(t) for t in targets])

    def deregister(self, group: str, *targets: Target) -> None:
        self.call("DeregisterTargets", TargetGroupArn=self.groups[group], Targets=[_described(t) for t in targets])

    def rule(self, priority: int, path: str, *actions: Wire) -> str:
        return self.rule_on({"Field": "path-pattern", "Values": [path]}, priority, *actions)

    def rule_on(self, condition: Wire, priority: int, *actions: Wire) -> str:
        wanted = {"Conditions": [condition], "Priority": priority, "Actions": list(actions)}
        [rule] = self.call("CreateRule", ListenerArn=self.listener, **wanted)["Rules"]
        return str(rule.arn)

    def change(self, rule: str, *actions: Wire) -> None:
        self.call("ModifyRule", RuleArn=rule, Actions=list(actions))

    def forward(self, group: str) -> Wire:
        return {"Type": "forward", "TargetGroupArn": self.groups[group]}

    def health(self, group: str) -> dict[int, tuple[str, str | None]]:
        """Port to (state, reason)."""
        described = self.call("DescribeTargetHealth", TargetGroupArn=self.groups[group])["TargetHealthDescriptions"]
        return {
            each["Target"]["Port"]: (each["TargetHealth"]["State"], each["TargetHealth"]["Reason"])
            for each in described
        }

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


@dataclass(frozen=True, slots=True)
class Machine:
    """What all tests share: an Envoy, and the runner whose loop it lives on."""

    made: EnvoyMachine

    def run(self, test: Callable[[Cloud], Coroutine[Any, Any, None]], pace: Pace = PACE) -> None:
        async def scenario() -> None:
            async with self._cloud(pace) as cloud:
                await test(cloud)

        self.made.runner.run(scenario())

    @asynccontextmanager
    async def _cloud(self, pace: Pace) -> AsyncIterator[Cloud]:
        reconciler = Reconciler(resync_s=60.0)
        backends = Backends(ACCOUNT, REGION)
        backends.elbv2.reset()
        metrics = Recorded(backends, pace)
        ports = Ports()
        context = Context(
            state=self.made.state,
            pace=pace,
            region=REGION,
            account=ACCOUNT,
            keyring=Keyring(ACCOUNT),
            supervisor=self.made.supervisor,
            ports=ports,
            envoy=self.made.envoy,
            network=Network(self.made.envoy, ports),
            metrics=metrics,
            backends=backends,
            wake=lambda name: reconciler.wake(name) if name == Elbv2Controller.name else None,
        )
        controller = Elbv2Controller(context)
        reconciler.adopt([controller])
        vpc = backends.ec2.create_vpc("10.0.0.0/16")
        subnets = [
            backends.ec2.create_subnet(vpc.id, f"10.0.{n}.0/24", availability_zone=f"{REGION}{zone}").id
            for n, zone in enumerate("ab")
        ]
        cloud = Cloud(
            context=context,
            reconciler=reconciler,
            controller=controller,
            totals=metrics.totals,
            subnets=subnets,
            vpc=vpc.id,
        )
        cloud.elbv2.create_listener(
            cloud.elbv2.create_load_balancer("somebody-elses", [], subnets).arn, "HTTP", "80", "", None, [fixed("418")]
        )
        tags = [{"Key": "Project", "Value": "cloudcafe"}]
        cloud.balancer = cloud.elbv2.create_load_balancer("shop", [], subnets, tags=tags).arn
        closed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}
        cloud.listener = cloud.elbv2.create_listener(cloud.balancer, "HTTP", "80", "", None, [closed]).arn
        measuring = asyncio.create_task(metrics.run())
        reconciler.start()
        try:
            await eventually(lambda: _is_served(cloud))
            yield cloud
        finally:
            await reconciler.close()
            await metrics.close()
            assert (reconciler.failures, measuring.cancelled()) == ({}, True), "the cause of whatever came of it"
            self.made.envoy.publish("elbv2", Fragment())
            ports.close()


async def _is_served(cloud: Cloud) -> bool:
    try:
        return (await request(cloud.port)).status == 404
    except (KeyError, ConnectionError):
        return False


@contextmanager
def machine_on(state: StateFolder) -> Iterator[Machine]:
    """A machine whose Envoy runs inside."""
    with envoy_machine(state) as made:
        yield Machine(made)


def _described(target: Target) -> Wire:
    return {"Id": "127.0.0.1", "Port": target.port}


def by(name: str) -> Callable[[Response], bool]:
    return lambda response: response.status == 200 and response.by == name


def status(code: int) -> Callable[[Response], bool]:
    return lambda response: response.status == code


async def only(name: str, cloud: Cloud) -> bool:
    is_by = by(name)
    return all([is_by(await request(cloud.port)) for _ in range(6)])


def fixed(code: str) -> Wire:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": code}}

"""VPC Lattice's controller beside load balancing's and a real Envoy, as tests drive them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.apis.ec2.firewall import Firewall
from infrastructure.embedded.apis.elbv2.controller import Elbv2Controller
from infrastructure.embedded.apis.elbv2.tests.load_balancing import ACCOUNT, PACE, REGION, status
from infrastructure.embedded.apis.vpc_lattice.controller import VpcLatticeController
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metrics import Metrics
from infrastructure.embedded.control.reconciler import Reconciler
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.moto.records import Backends
from infrastructure.embedded.network.edges import Network, Place
from infrastructure.embedded.network.envoy.model import Fragment
from infrastructure.embedded.tests.envoy_machine import EnvoyMachine, envoy_machine
from infrastructure.embedded.tests.wire import Response, Target, eventually, request
from infrastructure.state import StateFolder

Wire = dict[str, Any]
EDGE = ("order", "lattice-menu")
"""Who calls, and what it calls it by."""


@dataclass(kw_only=True)
class Lattice:
    """One VPC with a caller in it, and the calls that a client of AWS would make."""

    context: Context
    reconciler: Reconciler
    vpc: str
    subnets: list[str]
    caller_group: str
    door_group: str
    network: str = ""
    service: str = ""
    listener: str = ""
    groups: dict[str, str] = field(default_factory=dict)

    def call(self, action: str, /, **members: Any) -> Any:
        """A call to VPC Lattice from inside the daemon."""
        return self.context.backends.operations.call("vpc-lattice", action, **members)

    def elb(self, action: str, /, **members: Any) -> Any:
        return self.context.backends.operations.call("elasticloadbalancing", action, **members)

    @property
    def port(self) -> int:
        """Of the caller's edge."""
        return self.context.network.edge(*EDGE).port

    # --- how a platform is made ---------------------------------------------------------------------------------------

    def serve(self, *groups: str, action: Wire | None = None) -> None:
        """The service `menu` in a network of the VPC, with a listener that forwards to a new group of addresses."""
        self.network = self.call("CreateServiceNetwork", name="cafe")["id"]
        guarded = {"vpcIdentifier": self.vpc, "securityGroupIds": [self.door_group]}
        self.call("CreateServiceNetworkVpcAssociation", serviceNetworkIdentifier=self.network, **guarded)
        self.add_service()
        for name in groups:
            self.group(name)
        self.listen(action or self.forward(*groups))

    def add_service(self) -> None:
        tags = {"Project": "cloudcafe", "Service": "menu"}
        self.service = self.call("CreateService", name="menu", tags=tags)["id"]
        named = {"serviceIdentifier": self.service, "serviceNetworkIdentifier": self.network}
        self.call("CreateServiceNetworkServiceAssociation", **named)

    def group(self, name: str, kind: str = "IP", **config: Any) -> str:
        wanted = {"vpcIdentifier": self.vpc, "port": 8080, **config}
        if kind == "IP":
            wanted["healthCheck"] = {"path": "/health", "healthCheckIntervalSeconds": 5, "healthyThresholdCount": 2}
        self.groups[name] = self.call("CreateTargetGroup", name=f"of-{name}", type=kind, config=wanted)["id"]
        return self.groups[name]

    def listen(self, action: Wire) -> None:
        wanted = {"name": "http", "protocol": "HTTP", "port": 80, "defaultAction": action}
        self.listener = self.call("CreateListener", serviceIdentifier=self.service, **wanted)["id"]

    def forward(self, *groups: str, weights: tuple[int, ...] = ()) -> Wire:
        parts = [{"targetGroupIdentifier": self.groups[name]} for name in groups]
        weighted = [
            {**part, "weight": weight} for part, weight in zip(parts, weights or (1,) * len(parts), strict=True)
        ]
        return {"forward": {"targetGroups": weighted}}

    def rule(self, name: str, priority: int, action: Wire, **match: Any) -> Any:
        wanted = {"name": name, "priority": priority, "action": action, "match": {"httpMatch": match}}
        return self.call("CreateRule", **self.where, **wanted)

    def change(self, action: Wire) -> None:
        self.call("UpdateListener", **self.where, defaultAction=action)

    @property
    def where(self) -> Wire:
        return {"serviceIdentifier": self.service, "listenerIdentifier": self.listener}

    def register(self, group: str, *targets: Target) -> None:
        self.call("RegisterTargets", targetGroupIdentifier=self.groups[group], targets=[_named(t) for t in targets])

    def deregister(self, group: str, *targets: Target) -> None:
        self.call("DeregisterTargets", targetGroupIdentifier=self.groups[group], targets=[_named(t) for t in targets])

    def health(self, group: str) -> dict[int, str]:
        found = self.call("ListTargets", targetGroupIdentifier=self.groups[group])["items"]
        return {each["port"]: each["status"] for each in found}

    # --- what callers see ---------------------------------------------------------------------------------------------

    async def ask(self, path: str = "/", **more: Any) -> Response:
        return await request(self.port, path, **more)

    async def answers(self, expected: Callable[[Response], bool], path: str = "/", **more: Any) -> None:
        """Wait until a request over the edge is answered as expected."""

        async def reached() -> bool:
            try:
                return expected(await self.ask(path, **more))
            except (ConnectionError, asyncio.IncompleteReadError):
                return False  # nobody listens there yet

        await eventually(reached)

    async def is_(self, group: str, *states: str) -> None:
        """Wait until the targets of the group have these states, in whichever order."""

        async def reached() -> bool:
            return sorted(self.health(group).values()) == sorted(states)

        await eventually(reached)


@dataclass(frozen=True, slots=True)
class Machine:
    """What all tests share: an Envoy, and the runner whose loop it lives on."""

    made: EnvoyMachine

    def run(self, test: Callable[[Lattice], Coroutine[Any, Any, None]]) -> None:
        async def scenario() -> None:
            async with self._lattice() as lattice:
                await test(lattice)

        self.made.runner.run(scenario())

    @asynccontextmanager
    async def _lattice(self) -> AsyncIterator[Lattice]:
        reconciler, backends, ports = Reconciler(resync_s=60.0), Backends(ACCOUNT, REGION), Ports()
        backends.elbv2.reset()
        network, metrics = Network(self.made.envoy, ports), Metrics(backends, PACE)
        network.permits = Firewall(backends.ec2).permits
        controllers = ("elasticloadbalancing", "vpc-lattice")
        context = Context(
            state=self.made.state,
            pace=PACE,
            region=REGION,
            account=ACCOUNT,
            keyring=Keyring(ACCOUNT),
            supervisor=self.made.supervisor,
            ports=ports,
            envoy=self.made.envoy,
            network=network,
            metrics=metrics,
            backends=backends,
            wake=lambda name: reconciler.wake(name) if name in controllers else None,
        )
        reconciler.adopt([Elbv2Controller(context), VpcLatticeController(context)])
        backends.operations.changed = reconciler.notify
        measuring = asyncio.create_task(metrics.run())
        reconciler.start()
        try:
            yield _in_a_vpc(context, reconciler)
        finally:
            await reconciler.close()
            await metrics.close()
            assert (reconciler.failures, measuring.cancelled()) == ({}, True), "the cause of whatever came of it"
            for owner in ("elbv2", "vpc-lattice", "network"):
                self.made.envoy.publish(owner, Fragment())
            network.close()
            ports.close()


def _in_a_vpc(context: Context, reconciler: Reconciler) -> Lattice:
    """Callers are let out to everywhere, and in by who guards the way to the network."""
    ec2 = context.backends.ec2
    vpc = ec2.create_vpc("10.0.0.0/16")
    subnets = [
        ec2.create_subnet(vpc.id, f"10.0.{n}.0/24", availability_zone=f"{REGION}{zone}").id
        for n, zone in enumerate("ab")
    ]
    caller = ec2.create_security_group(f"caller-{vpc.id}", "of who calls", vpc_id=vpc.id)
    door = ec2.create_security_group(f"door-{vpc.id}", "of the way in", vpc_id=vpc.id)
    allowed = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": caller.id}]}
    context.backends.operations.call("ec2", "AuthorizeSecurityGroupIngress", GroupId=door.id, IpPermissions=[allowed])
    context.network.stand(EDGE[0], Place(groups=(caller.id,), subnets=tuple(subnets)))
    return Lattice(
        context=context,
        reconciler=reconciler,
        vpc=vpc.id,
        subnets=subnets,
        caller_group=caller.id,
        door_group=door.id,
    )


@contextmanager
def machine_on(state: StateFolder) -> Iterator[Machine]:
    """A machine whose Envoy runs inside."""
    with envoy_machine(state) as made:
        yield Machine(made)


def _named(target: Target) -> Wire:
    return {"id": "127.0.0.1", "port": target.port}


is_unavailable = status(503)

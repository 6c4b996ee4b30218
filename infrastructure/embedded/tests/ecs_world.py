"""A small world for the controllers' tests: moto's real records around processes and proxies made of nothing."""

import asyncio
import itertools
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metrics import Metrics
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.host.process import ProcessSpec
from infrastructure.embedded.host.proctree import Usage
from infrastructure.embedded.moto import imports
from infrastructure.embedded.moto.records import Backends
from infrastructure.embedded.network.edges import Place
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment
from infrastructure.embedded.pace import FAST, Pace
from infrastructure.embedded.tests.control import ACCOUNT, REGION
from infrastructure.embedded.tests.processes import OneUser
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

_accounts = itertools.count(210_000_000_001)
"""moto's records are the process's: every world has an account of its own."""


class FakeProcess:
    """Runs until a test, or a signal it obeys, ends it."""

    def __init__(self, spec: ProcessSpec, supervisor: "FakeSupervisor") -> None:
        self.spec = spec
        self.started_at = supervisor.clock()
        self.state = "running"
        self.returncode: int | None = None
        self.cpu_s = 0.0
        self.signals: list[str] = []
        self._supervisor = supervisor
        self._done = asyncio.Event()

    def end(self, code: int) -> None:
        """The process is gone, as the kernel would tell."""
        if self.state != "exited":
            self.state, self.returncode = "exited", code
            self._done.set()
            self._supervisor.tell(self)

    def terminate(self) -> None:
        self.state = "stopping"

    async def stop(self, grace_s: float) -> int:
        self.signals.append(f"TERM, KILL after {grace_s:g} s")
        self.terminate()
        if self._supervisor.obeys:
            self.end(0)
        return await self.wait()

    def kill(self) -> None:
        self.end(-signal.SIGKILL)

    async def wait(self) -> int:
        await self._done.wait()
        return self.returncode or 0

    def usage(self) -> Usage:
        return Usage(cpu_s=self.cpu_s, rss_bytes=64 * 1024 * 1024, processes=1)


class FakeSupervisor:
    """Starts fake processes; with `refusal` set it starts none."""

    def __init__(self) -> None:
        self.started: list[FakeProcess] = []
        self.refusal: str | None = None
        self.obeys = True
        self.users = OneUser()
        self.clock: Callable[[], float] = time.time
        self._callbacks: list[Callable[[FakeProcess], None]] = []

    @property
    def running(self) -> list[FakeProcess]:
        return [process for process in self.started if process.state != "exited"]

    async def start(self, spec: ProcessSpec) -> FakeProcess:
        if self.refusal:
            raise EnvironmentFault(self.refusal)
        process = FakeProcess(spec, self)
        self.started.append(process)
        return process

    def tell(self, process: FakeProcess) -> None:
        for callback in self._callbacks:
            callback(process)

    def on_exit(self, callback: Callable[[FakeProcess], None]) -> None:
        self._callbacks.append(callback)

    def tail(self, process_id: str, lines: int = 20) -> tuple[str, ...]:
        return (f"the last words of {process_id}",)[:lines]


class FakePorts:
    """Counts up; knows what is given out."""

    def __init__(self) -> None:
        self._numbers = itertools.count(20_000)
        self.given: set[int] = set()

    def allocate(self) -> int:
        port = next(self._numbers)
        self.given.add(port)
        return port

    def release(self, port: int) -> None:
        self.given.remove(port)


class FakeNetwork:
    """Every edge has an address; what is published can be read back."""

    def __init__(self) -> None:
        self.upstreams: dict[str, tuple[Endpoint, ...]] = {}
        self.endpoints: dict[str, str] = {}
        self.places: dict[str, Place | None] = {}
        self.fragments: dict[str, Fragment] = {}

    def edge(self, service: str, upstream: str) -> Endpoint:
        return Endpoint(LOOPBACK, 30_000 + sum(map(ord, service + upstream)))

    def password(self, upstream: str) -> str:
        return f"{upstream}-password"

    def set_upstream(
        self, name: str, endpoints: tuple[Endpoint, ...], place: Place | None = None, *, is_announced: bool = False
    ) -> None:
        del is_announced
        self.upstreams[name] = endpoints
        self.places[name] = place

    def set_members(self, upstream: str, servers: Mapping[str, Endpoint], names: tuple[str, ...], place: Place) -> None:
        """No client tells the servers apart."""

    def faces(self, upstream: str) -> dict[int, dict[str, tuple[str, int]]]:
        del upstream
        return {}

    def follow(self, upstream: str, told: Callable[[], None]) -> None:
        """No edge is made after the fact."""

    def stand(self, service: str, place: Place) -> None:
        self.places[service] = place

    def review(self) -> None:
        """There are no edges."""

    def expose(self, name: str, url: str) -> None:
        self.endpoints[name] = url

    def publish(self, owner: str, fragment: Fragment) -> None:
        self.fragments[owner] = fragment


class FakeTargets:
    """A load balancer's view of its targets: what a test says of each port, `healthy` where it says nothing."""

    def __init__(self) -> None:
        self.states: dict[int, str] = {}
        self.otherwise = "healthy"
        self.registered: dict[str, list[int]] = {}

    @operation("RegisterTargets")
    def register(self, given: Members) -> None:
        self.registered.setdefault(given["TargetGroupArn"], []).extend(_ports(given))

    @operation("DeregisterTargets")
    def deregister(self, given: Members) -> None:
        for port in _ports(given):
            self.registered[given["TargetGroupArn"]].remove(port)

    @operation("DescribeTargetHealth")
    def describe(self, given: Members) -> Output:
        registered = self.registered.get(given["TargetGroupArn"], ())
        states = [self.states.get(port, self.otherwise) if port in registered else "unused" for port in _ports(given)]
        return {"TargetHealthDescriptions": [{"TargetHealth": {"State": state}} for state in states]}


def _ports(given: Members) -> list[int]:
    return [int(target["Port"]) for target in given["Targets"]]


@dataclass(slots=True)
class World:
    """One platform made of fakes around moto's records. `woken` collects the controllers that were woken."""

    context: Context
    backends: Backends
    supervisor: FakeSupervisor
    ports: FakePorts
    network: FakeNetwork
    targets: FakeTargets
    woken: set[str]
    now: list[float] = field(default_factory=lambda: [time.time()])

    def clock(self) -> float:
        return self.now[0]

    @property
    def subnets(self) -> list[str]:
        """Two, in different zones."""
        found = sorted(self.backends.ec2.describe_subnets(), key=lambda subnet: str(subnet.availability_zone))
        return [found[0].id, found[1].id]


def world(state: StateFolder, pace: Pace = FAST) -> World:
    """A world with an account of its own. Needs a running event loop only for what its controllers start."""
    imports.prepare(account=ACCOUNT, region=REGION)  # moto takes a process's first account for every caller's
    backends = Backends(account=str(next(_accounts)), region=REGION)
    supervisor, ports, network, woken = FakeSupervisor(), FakePorts(), FakeNetwork(), set[str]()
    context = Context(
        state=state,
        pace=pace,
        region=REGION,
        account=backends.account,
        keyring=Keyring(backends.account),
        supervisor=cast("Any", supervisor),
        ports=cast("Any", ports),
        envoy=cast("Any", network),
        network=cast("Any", network),
        metrics=Metrics(backends, pace),
        backends=backends,
        wake=woken.add,
    )
    made = World(
        context=context,
        backends=backends,
        supervisor=supervisor,
        ports=ports,
        network=network,
        targets=FakeTargets(),
        woken=woken,
    )
    supervisor.clock = made.clock
    backends.operations.bind("elasticloadbalancing", made.targets)
    backends.operations.changed = lambda service, _name: woken.add(service)
    return made

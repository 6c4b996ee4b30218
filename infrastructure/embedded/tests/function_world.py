"""Real sandboxes for tests: archives of a few lines, an engine over a real supervisor, a control plane for SDKs."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

from infrastructure.embedded.apis.lambda_.controller import LambdaController
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metrics import Metrics
from infrastructure.embedded.engines.functions.engine import Functions, FunctionSpec, Ran
from infrastructure.embedded.gateway.control_plane import ControlPlane
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.moto.records import Backends
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests import sdk
from infrastructure.embedded.tests.control import ACCOUNT, OPERATOR, REGION, ROUTER, fresh_backends
from infrastructure.embedded.tests.ecs_world import FakeNetwork
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE
from infrastructure.state import StateFolder

Result = TypeVar("Result")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/payment"
ECHO = "def handle(event, context):\n    return event\n"


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip archive of these files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return archive.getvalue()


@dataclass
class Sandboxes:
    """An engine on a loop of its own, for as long as a module's tests last."""

    runner: asyncio.Runner
    supervisor: Supervisor
    engine: Functions
    state: StateFolder
    ended: list[Process] = field(default_factory=list)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(asyncio.wait_for(coroutine, 60.0))

    def function(self, code: str, **members: Any) -> "Running":
        """A function of one module, `app`, with a fleet of its own."""
        name = f"f-{uuid4().hex[:6]}"

        async def stored() -> Path:
            _, folder = self.engine.store(zipped({"app.py": code}))
            await self.engine.stored(folder)
            return folder

        settings: dict[str, Any] = {"handler": "app.handle", "timeout_s": 10.0, "memory_mb": 256, **members}
        spec = FunctionSpec(name=name, version="$LATEST", arn=f"arn:{name}", code=self.run(stored()), **settings)
        return Running(self, spec)


@dataclass
class Running:
    """One function, to be invoked."""

    world: Sandboxes
    spec: FunctionSpec

    def __call__(self, payload: bytes = b"{}", **more: str) -> Ran:
        return self.world.run(self.start(payload, **more))

    async def start(self, payload: bytes = b"{}", **more: str) -> Ran:
        return await self.world.engine.run(self.spec, self.spec.name, str(uuid4()), payload, **more)

    @property
    def processes(self) -> list[Process]:
        return [p for p in self.world.supervisor.processes.values() if p.spec.resource == self.spec.arn]


@contextmanager
def sandboxes(folder: Path, *, idle_s: float = 30.0) -> Iterator[Sandboxes]:
    """An engine and its supervisor; nothing is left of them afterwards."""
    state = StateFolder.of("test", folder)
    with asyncio.Runner() as runner:

        async def begin() -> Sandboxes:
            supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
            return Sandboxes(runner, supervisor, Functions(supervisor, state, idle_s), state)

        world = runner.run(begin())
        world.supervisor.on_exit(world.ended.append)
        try:
            yield world
        finally:
            runner.run(world.engine.close())
            runner.run(world.supervisor.close())
            state.remove_run()


@dataclass
class LambdaWorld:
    """A control plane with the real Lambda controller behind it, for SDKs to call."""

    url: str
    context: Context
    controller: LambdaController
    backends: Backends
    supervisor: Supervisor
    calls: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A boto3 client that tries once."""
        return sdk.client(service, self.url, max_pool_connections=20)


@asynccontextmanager
async def lambda_world(folder: Path) -> AsyncIterator[LambdaWorld]:
    """The world on the running loop; SDKs call it from threads."""
    state, ports, woken = StateFolder.of("test", folder), Ports(), set[str]()
    supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
    backends = fresh_backends()
    network = FakeNetwork()
    port = ports.allocate()
    keyring = Keyring(ACCOUNT, OPERATOR)
    context = Context(
        state=state,
        pace=FAST,
        region=REGION,
        account=ACCOUNT,
        keyring=keyring,
        supervisor=supervisor,
        ports=ports,
        envoy=cast("Any", network),
        network=cast("Any", network),
        metrics=Metrics(backends, FAST),
        backends=backends,
        wake=woken.add,
        url=f"http://127.0.0.1:{port}",
    )
    controller = LambdaController(context)
    calls: list[str] = []
    plane = ControlPlane(
        region=REGION,
        keyring=keyring,
        router=ROUTER,
        operations=backends.operations,
        interceptors=(),
        pages=context.pages,
        on_mutation=lambda _service, name: calls.append(name),
    )
    await plane.serve(port)
    try:
        yield LambdaWorld(context.url, context, controller, backends, supervisor, calls)
    finally:
        await controller.close()
        await plane.close()
        await supervisor.close()
        ports.close()
        state.remove_run()

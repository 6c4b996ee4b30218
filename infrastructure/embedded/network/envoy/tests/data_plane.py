"""A running Envoy for tests, and short ways to describe what it is to do."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy import admin
from infrastructure.embedded.network.envoy.model import (
    Condition,
    Forward,
    Fragment,
    HttpListener,
    Route,
    Share,
    Upstream,
)
from infrastructure.embedded.network.envoy.process import Envoy
from infrastructure.embedded.tests.envoy_machine import envoy_machine
from infrastructure.embedded.tests.wire import Target, eventually
from infrastructure.state import StateFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A running Envoy, and the runner whose loop it lives on."""

    runner: asyncio.Runner
    supervisor: Supervisor
    envoy: Envoy
    ports: Ports
    folder: Path

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        self.runner.run(test)

    @asynccontextmanager
    async def http(
        self, *routes: Route, upstreams: tuple[Upstream, ...] = (), idle_s: float = 5.0
    ) -> AsyncIterator[int]:
        """The port of an HTTP listener with these routes, once it listens and its upstreams are known."""
        port = self.ports.allocate()
        async with self.published(Fragment(listeners=(on(port, *routes, idle_s=idle_s),), upstreams=upstreams)):
            yield port

    @asynccontextmanager
    async def published(self, fragment: Fragment) -> AsyncIterator[None]:
        """`fragment` in effect inside, gone after."""
        self.envoy.publish("test", fragment)
        try:
            for listener in fragment.listeners:
                await eventually(partial(listens, listener.port))
            await eventually(partial(self._knows, {u.name: len(u.endpoints) for u in fragment.upstreams}))
            yield
        finally:
            self.envoy.publish("test", Fragment())
            await eventually(partial(self._knows, {}))

    async def _knows(self, members: dict[str, int]) -> bool:
        """Of those without members, too, which have counted nothing yet."""
        answer = await admin.get(
            admin.socket_path(self.folder), "/stats?filter=membership_total$"
        )  # those of none, too
        return {name.split(".")[1]: int(value) for name, value in admin.parsed(answer).items()} == members


@contextmanager
def running(state: StateFolder) -> Iterator[Plane]:
    """A data plane that runs inside."""
    ports = Ports()
    try:
        with envoy_machine(state) as made:
            yield Plane(
                runner=made.runner,
                supervisor=made.supervisor,
                envoy=made.envoy,
                ports=ports,
                folder=state.run / "envoy",
            )
    finally:
        ports.close()
        state.remove_run()


def on(port: int, *routes: Route, idle_s: float = 5.0) -> HttpListener:
    return HttpListener(name=f"http-{port}", port=port, routes=routes, group=f"app_x_{port}", idle_timeout_s=idle_s)


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


def to(upstream: str, *conditions: Condition) -> Route:
    return Route(action=Forward(shares=(Share(upstream=upstream),)), conditions=conditions)


def upstream_of(*targets: Target) -> Upstream:
    return Upstream(name="group", endpoints=tuple(t.endpoint for t in targets))

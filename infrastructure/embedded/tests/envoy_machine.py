"""A real Envoy for tests: it lives on the loop of a runner, as long as a module's tests take."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.process import Envoy
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE
from infrastructure.state import StateFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyMachine:
    """The Envoy that runs, its supervisor, and the runner whose loop they live on."""

    runner: asyncio.Runner
    supervisor: Supervisor
    envoy: Envoy
    state: StateFolder


@contextmanager
def envoy_machine(state: StateFolder) -> Iterator[EnvoyMachine]:
    """One that runs inside."""
    with asyncio.Runner() as runner:
        supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
        envoy = Envoy(supervisor, state)
        runner.run(envoy.start())
        try:
            yield EnvoyMachine(runner=runner, supervisor=supervisor, envoy=envoy, state=state)
        finally:
            runner.run(envoy.close())
            runner.run(supervisor.close())

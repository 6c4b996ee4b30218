"""Warehouses: one process a cluster, started by the supervisor; its data is a file that outlives it.

Results belong to whoever asked, not to the cluster: they lie in a folder of their own for as long as they are kept.
"""

import functools
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.embedded.engines.warehouse.client import Question, WarehouseClient
from infrastructure.embedded.engines.warehouse.framing import TOKEN
from infrastructure.embedded.host.answering import answer_of
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.state import StateFolder

ACCOUNT = "warehouse"
"""Whom all of them run as, and who owns their files."""
_READY_S = 20.0
_STOP_S = 5.0
_PROGRAM = "infrastructure.embedded.engines.warehouse.server"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSpec:
    """One to run. `id` is file-name safe, `database` the name by which SQL knows it."""

    id: str
    resource: str
    database: str
    port: int
    az: str = ""


class WarehouseNode:
    """A running process, and the connection to it."""

    def __init__(self, spec: WarehouseSpec, process: Process, client: WarehouseClient) -> None:
        self.spec = spec
        self.process = process
        self._client = client

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(LOOPBACK, self.spec.port)

    @property
    def is_alive(self) -> bool:
        return self.process.state != "exited" and not self._client.is_closed

    def ask(self, do: str, **members: Any) -> Question:
        """Put a question; `ConnectionError` when the process is gone."""
        return self._client.ask(do, **members)

    async def interrupt(self, question: Question) -> None:
        await self._client.ask("interrupt", of=question.number).answered()

    async def end(self, session: str) -> None:
        await self._client.ask("end", session=session).answered()

    async def stop(self) -> None:
        """End it in order: what is committed is in the file."""
        await self._client.close()
        await self.process.stop(_STOP_S)

    async def kill(self) -> None:
        await self._client.close()
        self.process.kill()
        await self.process.wait()


class WarehouseEngine:
    """Starts them. `folder` holds their files, `results` those of statements."""

    def __init__(self, supervisor: Supervisor, ports: Ports, state: StateFolder) -> None:
        self._supervisor = supervisor
        self.ports = ports
        self.folder = state.run / ACCOUNT
        self.results = self.folder / "results"
        self.staging = self.folder / "staging"

    async def start(self, spec: WarehouseSpec) -> WarehouseNode:
        """One that answers, on the data that it left; `EnvironmentFault` with the log's tail when it does not."""
        for folder in (self.folder, self.results, self.staging, self._data(spec.id)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own(self.folder)
        token = secrets.token_urlsafe(24)
        process = await self._supervisor.start(
            ProcessSpec(
                id=spec.id,
                kind=ACCOUNT,
                resource=spec.resource,
                env={TOKEN: token},
                service="redshift",
                port=spec.port,
                az=spec.az,
                argv=self._command(spec),
                account=ACCOUNT,
            )
        )
        ask = functools.partial(_connected, process.pid, spec.port, token)
        client = await answer_of(self._supervisor, process, ask, within_s=_READY_S)
        return WarehouseNode(spec, process, client)

    def _command(self, spec: WarehouseSpec) -> tuple[str, ...]:
        file = self._data(spec.id) / f"{spec.database}.duckdb"
        words = (spec.port, file, self.results, self.staging)
        return (sys.executable, "-P", "-m", _PROGRAM, *map(str, words))

    def own(self, path: Path) -> None:
        """Give the processes a file or folder that we have made."""
        self._supervisor.users.own(path, ACCOUNT)

    def forget(self, identity: str) -> None:
        """Drop the data of one that is gone for good."""
        shutil.rmtree(self._data(identity), ignore_errors=True)

    def _data(self, identity: str) -> Path:
        return self.folder / identity


async def _connected(pid: int, port: int, token: str) -> WarehouseClient | None:
    """A connection to this very process; None when another one answers on its port."""
    client = await WarehouseClient.connect(port, token)
    if client.pid == pid:
        return client
    await client.close()
    return None

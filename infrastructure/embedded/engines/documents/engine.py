"""Document servers: one process an instance, all of a cluster on one shared volume, which outlives them."""

import functools
import secrets
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infrastructure.embedded.engines.documents.orders import Orders
from infrastructure.embedded.engines.documents.role import State
from infrastructure.embedded.engines.documents.server import TOKEN
from infrastructure.embedded.host.answering import answer_of
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.state import StateFolder

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "documents"
"""Whom all of them run as, and who owns their files."""
_READY_S = 20.0
_STOP_S = 1.0
_PROGRAM = "infrastructure.embedded.engines.documents.server"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One to run. `id` is file-name safe; `cluster` names the volume."""

    id: str
    resource: str
    cluster: str
    az: str
    port: int


class DocumentNode:
    """A running server, and the connection by which it is told what to be."""

    def __init__(self, spec: NodeSpec, process: Process, token: str, orders: Orders) -> None:
        self.spec = spec
        self.process = process
        self._token = token
        self._orders = orders

    @property
    def is_alive(self) -> bool:
        return self.process.state != "exited"

    async def be(self, state: State | None = None, timeout_s: float = 5.0) -> dict[str, Any]:
        """Have it be that; without one, how it does. `OSError` or `TimeoutError` when it does not answer."""
        if self._orders.is_closed:
            self._orders = await Orders.open(self.spec.port, self._token, timeout_s)
        return await self._orders.give(state, timeout_s)

    async def stop(self) -> None:
        self._orders.close()
        await self.process.stop(_STOP_S)

    async def kill(self) -> None:
        self._orders.close()
        self.process.kill()
        await self.process.wait()


class DocumentEngine:
    """Starts them through the supervisor."""

    def __init__(self, supervisor: Supervisor, ports: Ports, state: StateFolder) -> None:
        self._supervisor = supervisor
        self.ports = ports
        self._folder = state.run / ACCOUNT

    async def start(self, spec: NodeSpec) -> DocumentNode:
        """One that answers, and is nothing yet; `EnvironmentFault` with the log's tail when it does not."""
        volume = self._folder / spec.cluster
        volume.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._supervisor.users.own(self._folder, ACCOUNT)
        token = secrets.token_urlsafe(24)
        process = await self._supervisor.start(
            ProcessSpec(
                id=spec.id,
                kind=ACCOUNT,
                resource=spec.resource,
                env={TOKEN: token},
                service="docdb",
                port=spec.port,
                az=spec.az,
                argv=(sys.executable, "-P", "-m", _PROGRAM, str(spec.port), str(volume / "volume.sqlite")),
                account=ACCOUNT,
            )
        )
        ask = functools.partial(_connected, process.pid, spec.port, token)
        orders = await answer_of(self._supervisor, process, ask, within_s=_READY_S)
        return DocumentNode(spec, process, token, orders)

    def size(self, cluster: str) -> int:
        """Bytes of a cluster's volume."""
        folder: Path = self._folder / cluster
        return sum(each.stat().st_size for each in folder.glob("volume.sqlite*")) if folder.exists() else 0

    def forget(self, cluster: str) -> None:
        """Drop the data of a cluster that is gone for good."""
        shutil.rmtree(self._folder / cluster, ignore_errors=True)


async def _connected(pid: int, port: int, token: str) -> Orders | None:
    """A connection to this very process; None when another one answers on its port."""
    orders = await Orders.open(port, token)
    try:
        if (await orders.give())["pid"] == pid:
            return orders
    except BaseException:
        orders.close()
        raise
    orders.close()
    return None

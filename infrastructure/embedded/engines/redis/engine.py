"""Redis servers: one process per node, on loopback only.

Without a log nothing is ever saved, so a node that was killed comes back empty, as an ElastiCache node without backups
does. With one, every write is in the append-only file before it is acknowledged, as in MemoryDB's transaction log.
"""

import asyncio
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.embedded.engines.redis.access import OPERATOR, Access
from infrastructure.embedded.engines.redis.resp import RespConnection
from infrastructure.embedded.host import binaries
from infrastructure.embedded.host.answering import answer_of
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.state import StateFolder

_READY_S = 10.0
_HAND_OVER_S = 5.0
_LOOK_S = 0.005

GIB = 1024**3
MEMORY: Mapping[str, float] = {
    "cache.t3.micro": 0.5,
    "cache.t3.small": 1.37,
    "cache.t3.medium": 3.09,
    "cache.t4g.micro": 0.5,
    "cache.t4g.small": 1.37,
    "cache.t4g.medium": 3.09,
    "cache.m7g.large": 6.38,
    "cache.r7g.large": 13.07,
}
"""GiB per node type, https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Redis.html; else `GIB`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisNodeSpec:
    """A node to run. `id` is file-name safe; `primary` is whom it copies, None for a primary."""

    id: str
    resource: str
    service: str = "elasticache"
    az: str
    port: int
    node_type: str
    primary: Endpoint | None = None
    log: Path | None = None
    """Folder of its append-only file; None: it keeps nothing."""
    tokens: tuple[str, ...] = field(default=(), repr=False)
    """What clients may authenticate with, besides the password of all servers."""


class RedisNode:
    """A running server."""

    def __init__(self, spec: RedisNodeSpec, access: Access, process: Process, connection: RespConnection) -> None:
        self.spec = spec
        self.access = access
        self.process = process
        self._connection = connection
        self._connecting = asyncio.Lock()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(LOOPBACK, self.spec.port)

    @property
    def is_alive(self) -> bool:
        return self.process.state != "exited"

    async def promote(self) -> None:
        await (await self._connected()).call(self.access.hidden("replicaof"), "NO", "ONE")

    async def follow(self, primary: Endpoint) -> None:
        """Copy `primary` from now on, whatever was here before."""
        await (await self._connected()).call(self.access.hidden("replicaof"), primary.host, primary.port)

    async def admit(self, tokens: Iterable[str]) -> None:
        """From now on let in who authenticates with one of these, or with the password of all servers."""
        rules = ("resetpass", *self.access.passwords(tokens))
        await (await self._connected()).call(self.access.hidden("acl"), "SETUSER", "default", *rules)

    async def hand_over(self, replica: Endpoint) -> None:
        """Let `replica` be primary once it has everything; writes wait meanwhile, and this one is its replica then.

        `OSError` when that takes longer than `_HAND_OVER_S`: then this one goes on. Source: Redis, "FAILOVER".
        """
        connection = await self._connected()
        patience = ("TIMEOUT", int(_HAND_OVER_S * 1000))
        await connection.call(self.access.hidden("failover"), "TO", replica.host, replica.port, *patience)
        async with asyncio.timeout(_HAND_OVER_S + 1.0):
            while (info := await self.info()).get("master_failover_state") != "no-failover":  # noqa: ASYNC110  no event
                await asyncio.sleep(_LOOK_S)
        if info.get("role") != "slave":
            raise OSError(f"the replica at {replica.host}:{replica.port} did not catch up within {_HAND_OVER_S} s")

    async def info(self) -> Mapping[str, str]:
        """The server's INFO; `OSError` or `TimeoutError` when it does not answer."""
        return await (await self._connected()).info()

    async def _connected(self) -> RespConnection:
        async with self._connecting:  # of two that ask at once the second takes the first one's
            if self._connection.is_closed:
                self._connection = await _connected_to(self.spec.port, self.access)
            return self._connection

    async def offset(self) -> int:
        """How much of its primary's stream a replica has, in bytes; -1 when it does not answer."""
        try:
            return int((await self.info()).get("slave_repl_offset", 0))
        except (OSError, TimeoutError):
            return -1

    async def stop(self) -> None:
        """End the server; its data is gone."""
        self._connection.close()
        await self.process.stop(1.0)
        self._connection.close()  # of somebody who asked while it was ending

    async def kill(self) -> None:
        self._connection.close()
        self.process.kill()
        await self.process.wait()


class RedisEngine:
    """Starts servers through the supervisor. `password` is what all of them ask clients for."""

    def __init__(
        self, supervisor: Supervisor, ports: Ports, state: StateFolder, password: str, account: str = "redis"
    ) -> None:
        self._supervisor = supervisor
        self._account = account
        """Whom the servers run as, and who owns their files."""
        self._access = Access(password)
        self.ports = ports
        """One for each node, until it is gone for good."""
        self._folder = state.run / account

    async def start(self, spec: RedisNodeSpec) -> RedisNode:
        """A server that answers; `EnvironmentFault` with the log's tail when it does not within 10 s."""
        process = await self._supervisor.start(
            ProcessSpec(
                id=spec.id,
                kind="redis",
                resource=spec.resource,
                env={},
                service=spec.service,
                port=spec.port,
                az=spec.az,
                argv=self._command(spec),
                account=self._account,
            )
        )
        ask = functools.partial(_connected_to_process, process.pid, spec.port, self._access)
        connection = await answer_of(self._supervisor, process, ask, within_s=_READY_S)
        return RedisNode(spec, self._access, process, connection)

    def logs(self, group: str) -> Path:
        return self._folder / group

    def own(self, folder: Path) -> None:
        """Give the servers a folder that we have made or filled."""
        self._supervisor.users.own(folder, self._account)

    def _command(self, spec: RedisNodeSpec) -> tuple[str, ...]:
        folder = spec.log or self._folder
        settings: dict[str, str] = {
            "port": str(spec.port),
            "bind": LOOPBACK,
            "protected-mode": "yes",
            "dir": str(folder),
            "daemonize": "no",
            # A title is written over the environment, and with it over the marker by which left-overs are found.
            "set-proc-title": "no",
            "save": "",
            "appendonly": "yes" if spec.log else "no",
            "appendfsync": "always",  # written before it is acknowledged
            "maxmemory": str(int(MEMORY.get(spec.node_type, 1.0) * GIB)),
            "maxmemory-policy": "volatile-lru",  # ElastiCache's default
            "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": "0",
            "repl-diskless-load": "swapdb",  # a replica's copy never touches the disk
            "tcp-keepalive": "300",
        }
        lines = [f'{name} "{value}"' for name, value in settings.items()]
        if spec.primary:
            lines.append(f"replicaof {spec.primary.host} {spec.primary.port}")
        lines.extend(self._access.settings(spec.tokens))
        # In a file, since everybody can read a command line.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = self._folder / f"{spec.id}.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.own(self._folder)
        return (str(binaries.find("redis").path), str(configuration))


async def _connected_to(port: int, access: Access) -> RespConnection:
    return await RespConnection.open(LOOPBACK, port, OPERATOR, access.operator)


async def _connected_to_process(pid: int, port: int, access: Access) -> RespConnection | None:
    """A connection to this very server; None when another one answers on its port."""
    connection = await _connected_to(port, access)
    try:
        if (await connection.info()).get("process_id") == str(pid):
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None

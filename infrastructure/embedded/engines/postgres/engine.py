"""PostgreSQL servers: a primary or a standby each, on loopback, under an unprivileged user when we are root.

    data directory ──start──▶ standby ──promote──▶ primary
                     └──────▶ primary                │
                                 ▲                   ▼
                                 └───────────── dead (a death is an event)

We reach them through an abstract unix socket, where the kernel vouches for us. Everybody else needs a password.
"""

import asyncio
import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from infrastructure.embedded.engines.postgres.copies import ACCOUNT, Copies, Tools
from infrastructure.embedded.engines.postgres.settings import (
    ADMIN,
    CLIENTS,
    REPLICATOR,
    ServerSettings,
    Size,
    access,
    configuration,
    synchronous,
    verifier,
)
from infrastructure.embedded.engines.postgres.wire import PostgresConnection, Row, literal
from infrastructure.embedded.host import binaries, proctree, sysv
from infrastructure.embedded.host.answering import answer_of
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

START_S = 30.0
"""A server that recovers after a crash needs a while."""
PROMOTION_S = 10.0
FAST_STOP_S = 2.0
"""For an orderly shutdown, which sends all log to the standbys; then SIGKILL."""
_LOOK_S = 0.005
_ORPHANS_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """A server to run. `name` is unique on the platform and safe as a file name and in SQL; `resource` is the ARN."""

    name: str
    resource: str
    az: str
    port: int
    size: Size

    @property
    def id(self) -> str:
        return f"postgres-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """A standby as its primary sees it."""

    name: str


class PostgresNode:
    """One server and its folder. The process behind it comes and goes, the data stays."""

    def __init__(self, engine: "PostgresEngine", spec: NodeSpec) -> None:
        self.spec = spec
        self.folder = engine.folder / spec.name
        self.data = self.folder / "data"
        self.process: Process | None = None
        self._engine = engine
        self._connection: PostgresConnection | None = None
        self._connecting = asyncio.Lock()
        self._settings = ServerSettings(
            name=spec.name,
            port=spec.port,
            sockets=engine.sockets,
            folder=str(self.folder),
            passwords=str(engine.passwords),
            connections=spec.size.connections,
            version=0,
        )

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(LOOPBACK, self.spec.port)

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.state != "exited"

    @property
    def configuration(self) -> Path:
        return self.folder / "postgresql.conf"

    # --- its life -----------------------------------------------------------------------------------------------------

    async def start(self, primary: int | None = None, standbys: tuple[str, ...] = ()) -> None:
        """Run on the data that is there, following the server at port `primary`; returns once connections are taken.

        A primary's commits wait for all `standbys` from the first on. What still runs on the data, after an attempt
        that came no further, is ended before. `EnvironmentFault` with the log's tail when the server gives up.
        """
        await self.kill()
        version = (await asyncio.to_thread(binaries.find, "postgres")).version[0]
        self._settings = replace(self._settings, primary=primary, standbys=standbys, version=version)
        self._write()
        signal_file = self.data / "standby.signal"
        if primary is None:
            signal_file.unlink(missing_ok=True)
        else:
            signal_file.touch()
        self.process = await self._engine.launch(self)
        try:
            self._connection = await self._engine.answer_of(self.process, self.connect)
            if primary is None:
                await self._let_servers_copy()
            sysv.free_with({self.process.pid})  # else every SIGKILL from now on leaves its segment behind
        except BaseException:
            await self.kill()
            raise

    async def _let_servers_copy(self) -> None:
        """Make the user by which they do, once for all copies of this data, and before any standby can confirm it."""
        await self.query(
            "SET LOCAL synchronous_commit = local; DO $$BEGIN "
            f"IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{REPLICATOR}') THEN "
            f"CREATE ROLE {REPLICATOR} SUPERUSER REPLICATION LOGIN PASSWORD {literal(self._engine.verifier)}; "
            "END IF; END$$"
        )

    async def stop(self, grace_s: float = FAST_STOP_S) -> None:
        """An orderly end: sessions are cut, the log is sent to every standby; SIGKILL when that takes too long."""
        self._hang_up()
        if self.process is not None and self.process.state != "exited":
            with contextlib.suppress(ProcessLookupError):
                # A fast shutdown; SIGTERM would wait for the clients to go.
                os.kill(self.process.pid, signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self.process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End the server at once, and what it forked."""
        self._hang_up()
        if self.process is not None:
            self.process.kill()
            await self.process.wait()
        await self.end_orphans()
        if self.process is not None:
            sysv.free_with({self.process.pid})  # of one that died before it was ready

    async def end_orphans(self) -> None:
        """End what a dead server left running: a session at work notices its server's death only afterwards."""
        deadline = time.monotonic() + _ORPHANS_S
        own_pid = self.process.pid if self.process is not None and self.is_alive else None
        while orphans := [pid for pid in proctree.with_directory(str(self.data)) if pid != own_pid]:
            if time.monotonic() > deadline:
                raise EnvironmentFault(f"processes {orphans} of {self.spec.name} do not die from SIGKILL; see `ps -l`")
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_LOOK_S)

    async def remove(self) -> None:
        await self.kill()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    # --- its role -----------------------------------------------------------------------------------------------------

    async def promote(self) -> None:
        """Take writes from now on. Whatever standbys are to confirm must be set again: none are, at first."""
        await self.query("SELECT pg_promote(false)")
        deadline = time.monotonic() + PROMOTION_S
        while await self.value("SELECT pg_is_in_recovery()") != "f":
            if time.monotonic() > deadline:
                raise EnvironmentFault(
                    f"{self.spec.name} was not promoted within {PROMOTION_S:g} s; `cafe logs {self.spec.id}` shows why"
                )
            await asyncio.sleep(_LOOK_S)
        self._settings = replace(self._settings, primary=None)
        self._write()

    async def confirm_by(self, standbys: tuple[str, ...]) -> None:
        """From the return on every commit waits until all `standbys` have it; without any, the server goes on alone.

        Waiting is only certain once the checkpointer has read the new setting, so a checkpoint is asked for.
        """
        self._settings = replace(self._settings, standbys=standbys)
        self._write()
        await self.query("SELECT pg_reload_conf()")
        if not standbys:
            return
        # A server process that already knows was forked, or notified, after all others had been.
        while await self.newly_asked("SHOW synchronous_standby_names") != synchronous(standbys):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)  # PostgreSQL reports to nobody that it has read its file
        await self.query("CHECKPOINT", timeout_s=START_S)

    async def flush_log(self) -> None:
        """Write out all of the log, so that standbys get it. What belongs to no commit waits for up to 15 s otherwise.

        Source: https://doxygen.postgresql.org/bgwriter_8c.html, LOG_SNAPSHOT_INTERVAL_MS
        """
        await self.query("SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'cafe', 'flush')")

    async def followers(self) -> tuple[Follower, ...]:
        """The standbys that stream from this primary."""
        rows = await self.query("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'")
        return tuple(Follower(name=str(name)) for (name,) in rows)

    async def has_confirmed(self, standby: str, position: str) -> bool:
        """Whether `standby` has, and shows, all up to `position` (an LSN), and has to confirm what comes."""
        confirmed = f"sync_state IN ('sync', 'quorum') AND replay_lsn >= {literal(position)}"
        rows = await self.query(f"SELECT application_name FROM pg_stat_replication WHERE {confirmed}")  # noqa: S608 quoted
        return (standby,) in rows

    async def cut_sessions(self) -> None:
        """End every client's session; the platform's own live on."""
        await self.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {CLIENTS}")  # noqa: S608 constant

    # --- talking to it ------------------------------------------------------------------------------------------------

    async def query(self, statement: str, timeout_s: float = 5.0) -> list[Row]:
        """Rows of a statement run as the superuser in the database `postgres`; errors as of `PostgresConnection`."""
        async with self._connecting:  # of two that ask at once the second takes the first one's
            connection = self._connection
            if connection is None or connection.is_closed:
                connection = self._connection = await self.connect()
        return await connection.query(statement, timeout_s)

    async def value(self, statement: str, timeout_s: float = 5.0) -> str:
        return (await self.query(statement, timeout_s))[0][0] or ""

    async def connect(self, database: str = "postgres", timeout_s: float = 2.0) -> PostgresConnection:
        """A connection of its own, as the superuser; the caller closes it."""
        return await PostgresConnection.open(self._engine.address(self.spec.port), ADMIN, database, timeout_s)

    async def newly_asked(self, statement: str, timeout_s: float = 2.0) -> str:
        """As `value`, for a client that comes now: a session that stands says nothing of whether others get one."""
        connection = await self.connect(timeout_s=timeout_s)
        try:
            return await connection.value(statement, timeout_s)
        finally:
            connection.close()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self) -> None:
        draft = self.configuration.with_suffix(".new")
        draft.write_text(configuration(self._settings), encoding="utf-8")
        draft.replace(self.configuration)


class PostgresEngine:
    """Makes nodes and starts their processes through the supervisor."""

    def __init__(self, supervisor: Supervisor, ports: Ports, state: StateFolder) -> None:
        self._supervisor = supervisor
        self._ports = ports
        self.folder = (state.run / "postgres").resolve()
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        self.sockets = f"@cloudcafe-{digest}"
        self.passwords = self.folder.with_name("postgres-passwords")
        self._password = secrets.token_urlsafe(24)
        self.verifier = verifier(self._password, secrets.token_bytes(16))
        self.copies = Copies(Tools(supervisor), state, self.sockets, self.passwords)

    def allocate(self) -> int:
        """A port; `release` it when its owner is gone for good."""
        return self._ports.allocate()

    def release(self, port: int) -> None:
        self._ports.release(port)

    def node(self, spec: NodeSpec) -> PostgresNode:
        """A node with a folder and no data yet."""
        node = PostgresNode(self, spec)
        if not self.passwords.exists():
            self._supervisor.users.own(self.folder, ACCOUNT)
            self.passwords.touch(mode=0o600)
            self.passwords.write_text(f"*:*:*:{REPLICATOR}:{self._password}\n", encoding="utf-8")
            self._supervisor.users.own(self.passwords, ACCOUNT)
        self._supervisor.users.own(node.folder, ACCOUNT)
        rules, users = access(pwd.getpwuid(os.getuid()).pw_name)
        (node.folder / "pg_hba.conf").write_text(rules, encoding="utf-8")
        (node.folder / "pg_ident.conf").write_text(users, encoding="utf-8")
        return node

    async def forget(self, folder: Path) -> None:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def launch(self, node: PostgresNode) -> Process:
        """The node's process, not ready yet."""
        spec = node.spec
        program = str((await asyncio.to_thread(binaries.find, "postgres")).path)
        return await self._supervisor.start(
            ProcessSpec(
                id=spec.id,
                kind="postgres",
                resource=spec.resource,
                env={"LC_ALL": "C"},
                service="rds",
                port=spec.port,
                az=spec.az,
                argv=(program, "-D", str(node.data), "-c", f"config_file={node.configuration}"),
                account=ACCOUNT,
            )
        )

    def address(self, port: int) -> str:
        """The server's unix socket, as the kernel names it."""
        return f"\0{self.sockets[1:]}/.s.PGSQL.{port}"

    async def answer_of(self, process: Process, ask: Callable[[], Awaitable[PostgresConnection]]) -> PostgresConnection:
        """The first connection to a server that has just been launched; `EnvironmentFault` when there is none."""
        return await answer_of(self._supervisor, process, ask, within_s=START_S)

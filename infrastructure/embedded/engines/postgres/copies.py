"""Data directories of PostgreSQL servers: a fresh one, a copy of another's, one that is made to fit a new primary.

    initdb ──once a machine──▶ template ──cp──▶ primary        both from the same bytes, so they start in parallel
                                        └─cp──▶ standby        and the standby finds the log from there on

`initdb` takes 0.8 s and 0.6 CPU-seconds, a copy of the template 0.1 s; hence the template is kept beside the platforms'
folders, named after the program that made it.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from infrastructure.embedded.engines.postgres.settings import ADMIN, REPLICATOR
from infrastructure.embedded.host import binaries
from infrastructure.embedded.host.process import ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.host.users import idle_system_user
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

ACCOUNT = "postgres"
"""Whom servers and tools run as: PostgreSQL refuses to run as root."""
_RECIPE = 3
"""Part of the template's name; another way to make it needs another number."""


class Tools:
    """Runs PostgreSQL's own tools to their end, as the user that owns the data."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._numbers = itertools.count(1)

    async def run(self, resource: str, *argv: str, user: str | None = None) -> None:
        """Returns when the program succeeded; `EnvironmentFault` with the end of its log otherwise.

        `user` is for a program that insists on one with a name.
        """
        identity = f"postgres-tool-{next(self._numbers)}"
        spec = ProcessSpec(
            id=identity,
            kind="postgres-tool",
            resource=resource,
            env={"LC_ALL": "C"},
            service="rds",
            argv=argv,
            account=ACCOUNT,
            user=user,
        )
        process = await self._supervisor.start(spec)
        try:
            code = await process.wait()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if code != 0:
            program = Path(argv[0]).name
            raise EnvironmentFault(
                f"{program} for {resource} ended with {code}; `cafe logs {identity}` shows all of its log",
                log=self._supervisor.tail(identity),
            )


class Copies:
    """Makes data directories. Each call ends with a directory that a server can be started on, or raises."""

    def __init__(self, tools: Tools, state: StateFolder, sockets: str, passwords: Path) -> None:
        self._tools = tools
        self._home = state.shared
        self._sockets = sockets
        self._passwords = passwords
        self._making = asyncio.Lock()

    async def template(self) -> Path:
        """The template's folder, made if this machine has none yet."""
        found = await asyncio.to_thread(binaries.find, "postgres")  # in a thread: the first look hashes the binary
        folder = self._home / f"postgres-{found.sha256[:12]}-{_RECIPE}"
        async with self._making:
            if not folder.is_dir():
                await self._make(folder)
        return folder

    async def fresh(self, data: Path, resource: str) -> None:
        """A copy of the template, whatever was in `data`."""
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
        await self._tools.run(resource, "cp", "-r", "--reflink=auto", str(await self.template()), str(data))
        await asyncio.to_thread(data.chmod, 0o700)  # the template may be read by the servers' user of any platform

    async def full(self, data: Path, resource: str, source_port: int) -> None:
        """A copy of the running server at `source_port`, whatever was in `data`."""
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
        source = ("--dbname", self._source(source_port), "--no-password")
        how = ("--checkpoint", "fast", "--wal-method", "stream", "--no-sync", "--no-manifest")
        tool = str(await asyncio.to_thread(binaries.postgres_tool, "pg_basebackup"))
        await self._tools.run(resource, tool, "--pgdata", str(data), *source, *how)

    async def rewind(self, data: Path, resource: str, source_port: int, configuration: Path) -> None:
        """Take back in `data` what the server at `source_port` never had; cheap when there is nothing of the kind.

        `EnvironmentFault` when that is impossible, the log back to where they parted being gone for example.
        """
        # A server that was killed is recovered first, by a single-user server, which cannot be a standby.
        (data / "standby.signal").unlink(missing_ok=True)
        source = ("--source-server", f"{self._source(source_port)} dbname=postgres")
        files = ("--target-pgdata", str(data), *source, "--config-file", str(configuration))
        tool = str(await asyncio.to_thread(binaries.postgres_tool, "pg_rewind"))
        await self._tools.run(resource, tool, *files, "--no-sync")

    def _source(self, port: int) -> str:
        return f"host={self._sockets} port={port} user={REPLICATOR} passfile='{self._passwords}'"

    async def _make(self, folder: Path) -> None:
        # Run by root, initdb needs a name for its user. It is the one program that runs as one, once a machine.
        user = idle_system_user() if os.getuid() == 0 else None
        async with _draft_of(folder, user) as draft:
            data = draft / "data"
            initdb = str(await asyncio.to_thread(binaries.postgres_tool, "initdb"))
            looks = ("--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "peer", "--data-checksums")
            how = ("--username", ADMIN, "--no-sync", "--no-instructions", "--wal-segsize", "1")
            await self._tools.run(folder.name, initdb, "--pgdata", str(data), *looks, *how, user=user)
            if user is not None:
                await asyncio.to_thread(_make_readable, data)
            # Another platform may have been faster: then its template is as good as ours.
            with contextlib.suppress(FileExistsError):
                data.rename(folder)


@contextlib.asynccontextmanager
async def _draft_of(folder: Path, user: str | None) -> AsyncIterator[Path]:
    """A folder beside `folder` for `user` to write in; gone in the end."""
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.draft")
    draft.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is not None:
        shutil.chown(draft, user)
    try:
        yield draft
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)


def _make_readable(template: Path) -> None:
    """Root's, and for everybody to read: it holds an empty database and no password."""
    for place, _, files in os.walk(template):
        for entry, mode in ((place, 0o755), *((f"{place}/{name}", 0o644) for name in files)):
            os.chown(entry, 0, 0)
            os.chmod(entry, mode)  # noqa: PTH101 - a thousand of them

"""The process of one instance: listens on a port, and does on the shared volume what clients and the platform say."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from infrastructure.embedded.engines.documents import door
from infrastructure.embedded.engines.documents.executor import Executor
from infrastructure.embedded.engines.documents.role import Role, State
from infrastructure.embedded.engines.documents.session import Session
from infrastructure.embedded.engines.documents.volume import Volume
from infrastructure.embedded.engines.documents.wire import Malformed
from infrastructure.embedded.network.envoy.model import LOOPBACK

_log = logging.getLogger(__name__)

TOKEN = "DOCUMENTS_TOKEN"  # noqa: S105 - the variable's name
"""Where a server finds the token by which the platform's orders prove themselves."""
MOST_CONNECTIONS = 1000
"""Of clients at once; more are hung up on. DocumentDB's smallest class takes so many."""
_FIRST_S = 30.0
"""A client that says nothing for so long after it has connected is hung up on."""


class DocumentServer:
    """Implements `session.Server`. Commands run one after the other in a thread, orders in another."""

    def __init__(self, path: Path, token: str) -> None:
        self.role = Role()
        self.token = token
        self._executor = Executor(path)
        self._volume = Volume(path)
        self._commands = ThreadPoolExecutor(1, "commands")
        self._orders = ThreadPoolExecutor(1, "orders")
        self._open: set[asyncio.Task[None]] = set()
        self.does, self.is_write = self._executor.does, self._executor.is_write

    async def run(self, body: Mapping[str, Any]) -> bytes:
        loop, state = asyncio.get_running_loop(), self.role.state
        answer = await loop.run_in_executor(self._commands, self._executor.run, body, state.term)
        if state.is_primary and self._executor.fenced >= state.term and self.role.state is state:
            _log.warning("%s was primary in term %d, which is over", state.me, state.term)
            self.role.become(replace(state, primary=""))
        return answer

    async def obey(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Be what the order's `state` says, if it says so. The answer tells who this is, and its figures."""
        if "state" in order:
            await self._become(State.unpacked(order["state"]))
        counted = dict(self._executor.counted)
        return {"pid": os.getpid(), "connections": len(self._open), "counted": counted, "ok": 1.0}

    async def _become(self, state: State) -> None:
        loop, was_primary = asyncio.get_running_loop(), self.role.state.is_primary
        if state.is_primary and not await loop.run_in_executor(self._orders, self._volume.begin_term, state.term):
            _log.warning("not primary in term %d: a later one has begun", state.term)
            return
        self.role.become(state)
        _log.info("%s is %s in term %d", state.me, "primary" if state.is_primary else "secondary", state.term)
        if was_primary and not state.is_primary:
            self._hang_up()

    def _hang_up(self) -> None:
        """On every client but the platform: a primary that is replaced restarts on AWS."""
        asking = asyncio.current_task()
        for each in self._open:
            if each is not asking:
                each.cancel()

    async def serve(self, port: int) -> None:
        server = await asyncio.start_server(self._connected, LOOPBACK, port, backlog=1024)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(task)
        try:
            async with asyncio.timeout(_FIRST_S):
                port, source = await door.came_by(reader)
            if port and port not in self.role.state.faces:
                raise Malformed(f"no member is known by the port {port} yet")
            await Session(self, source, writer, port).serve()
        except (OSError, asyncio.IncompleteReadError) as gone:
            if isinstance(gone, Malformed):
                _log.info("a client was hung up on: %s", gone)
        except asyncio.CancelledError:
            pass  # hung up on, or the end of the process
        finally:
            self._open.discard(task)
            with contextlib.suppress(OSError, RuntimeError):
                writer.transport.abort()


def main() -> None:
    """`port volume-file`, the token in the environment."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    server = DocumentServer(path, os.environ.pop(TOKEN))
    uvloop.run(server.serve(port))


if __name__ == "__main__":
    main()

"""port-forward as kubectl has it: SPDY within the messages of a WebSocket, two streams for each connection.

    client ── open: error, port 80, request 0 ──▶ reply         and while its program listens, more of them:
           ── open: data,  port 80, request 0 ──▶ reply ──▶ a connection to the pod's port ──▶ data, both ways, ends

Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets;
k8s.io/kubelet, pkg/cri/streaming/portforward/httpstream.go
"""

import contextlib
import logging
from typing import TYPE_CHECKING

from infrastructure.embedded.control.background import Background
from infrastructure.embedded.gateway.websocket import WebSocket
from infrastructure.embedded.kubernetes.api import spdy
from infrastructure.embedded.kubernetes.api.forwarding import HIGHEST, Connection, Reach, Send

if TYPE_CHECKING:
    import asyncio

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
_log = logging.getLogger(__name__)
_MOST = 256
"""Streams that one client may have open."""


async def forward(socket: WebSocket, reach: Reach) -> None:
    """Until the client is gone."""
    session = _Session(socket, reach)
    reader = spdy.Reader()
    try:
        while (message := await socket.receive()) is not None:
            for frame in reader.frames(message):
                await session.take(frame)
    except spdy.Broken as problem:
        _log.warning("a port-forward was ended: its client sent %s", problem)
        await socket.close()
    finally:
        await session.close()


class _Session:
    """The connections of one client. `_asked` has the streams of those that are not complete, by their request."""

    def __init__(self, socket: WebSocket, reach: Reach) -> None:
        self._socket = socket
        self._reach = reach
        self._writer = spdy.Writer()
        self._asked: dict[str, dict[str, int]] = {}
        self._open: dict[int, tuple[Connection, asyncio.Task[None]]] = {}
        self._beside = Background(_log)

    async def take(self, frame: spdy.Frame) -> None:
        connection, task = self._open.get(frame.stream, (None, None))
        if frame.kind == spdy.OPEN:
            await self._opened(frame)
        elif frame.kind == spdy.PING and frame.stream % 2:  # the client's numbers are odd
            await self._send(self._writer.ping(frame.stream))
        elif frame.kind == spdy.RESET and task is not None:
            task.cancel()
        elif frame.kind == spdy.DATA and connection is not None:
            if frame.data:
                await connection.give(frame.data)
            if frame.is_last:
                await connection.give(b"")

    async def close(self) -> None:
        await self._beside.close()

    async def _opened(self, frame: spdy.Frame) -> None:
        kind, port, request = (frame.names.get(each, "") for each in ("streamtype", "port", "requestid"))
        is_port = port.isdecimal() and 0 < int(port) <= HIGHEST
        is_too_many = len(self._open) + len(self._asked) >= _MOST
        if kind not in ("error", "data") or not is_port or not request or (is_too_many and request not in self._asked):
            await self._send(self._writer.reset(frame.stream, spdy.REFUSED))
            return
        streams = self._asked.setdefault(request, {})
        streams[kind] = frame.stream
        await self._send(self._writer.reply(frame.stream))
        if len(streams) == 2:
            del self._asked[request]
            connection = Connection(int(port))
            task = self._beside.spawn(self._run(connection, **streams), f"port-forward to {port}")
            self._open[streams["data"]] = connection, task

    async def _run(self, connection: Connection, *, data: int, error: int) -> None:
        def to(stream: int) -> Send:
            return lambda part: self._send(self._writer.data(stream, part))

        try:
            await connection.run(self._reach, to(data), to(error))
        finally:
            self._open.pop(data, None)
            await self._send(self._writer.data(data, b"", is_last=True))
            await self._send(self._writer.data(error, b"", is_last=True))

    async def _send(self, frame: bytes) -> None:
        with contextlib.suppress(OSError):  # it is gone, as `receive` says next
            await self._socket.send(frame)

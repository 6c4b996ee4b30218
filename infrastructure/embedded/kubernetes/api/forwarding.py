"""port-forward: connections to ports of a pod, each in two channels of one WebSocket: its data, and its error.

The first message of each channel is the number of its port. There is no half-close: when the pod has ended the
connections to all ports, the WebSocket is closed.
Source: k8s.io/kubelet, pkg/cri/streaming/portforward/websocket.go
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qs

from infrastructure.embedded.control.background import end
from infrastructure.embedded.gateway.websocket import WebSocket
from infrastructure.embedded.kubernetes.store import errors

PROTOCOL = "v4.channel.k8s.io"
Send = Callable[[bytes], Awaitable[None]]
Reach = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""A new connection to a port of the pod; `OSError` or `LookupError` says why there is none."""
_PART = 32 << 10
_PENDING = 16
"""Parts of a client that wait for the pod to read them; then the client waits."""
_MOST_PORTS = 128
HIGHEST = 65_535


class Connection:
    """A connection to one port of a pod, for as long as the pod has it open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._given: asyncio.Queue[bytes] = asyncio.Queue(_PENDING)
        self._is_over = False

    async def give(self, data: bytes) -> None:
        """What the client sends, nothing at its end; waits while too much has not been read."""
        if not self._is_over:
            await self._given.put(data)

    async def run(self, reach: Reach, send: Send, fail: Send) -> None:
        """Until the pod ends it; what is wrong is told once."""
        try:
            await self._talk(reach, send)
        except (OSError, LookupError) as problem:
            await fail(f"error forwarding port {self.port}: {problem}".encode())
        finally:
            self._is_over = True
            while not self._given.empty():  # whoever waits to give more goes on
                self._given.get_nowait()

    async def _talk(self, reach: Reach, send: Send) -> None:
        reader, writer = await reach(self.port)
        writing = asyncio.create_task(self._write(writer))
        try:
            while part := await reader.read(_PART):
                await send(part)
        finally:
            writer.close()  # first: waiting may be cut short
            await end(writing)

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # reading says what is wrong
            while part := await self._given.get():
                writer.write(part)
                await writer.drain()
            writer.write_eof()


def ports_of(query: str) -> Sequence[int]:
    """The ports that are asked for. `ApiError` 400 for none, or what is no port."""
    given = [each for text in parse_qs(query).get("ports", ()) for each in text.split(",")]
    if not given:
        raise errors.bad_request('query parameter "ports" is required')
    wrong = next((each for each in given if not (each.isdecimal() and 0 < int(each) <= HIGHEST)), None)
    if wrong is not None:
        raise errors.bad_request(f'unable to parse "{wrong}" as a port: 1 to {HIGHEST}')
    if len(given) > _MOST_PORTS:
        raise errors.bad_request(f"{len(given)} ports are asked for; a WebSocket has channels for {_MOST_PORTS}")
    return [int(each) for each in given]


async def forward(socket: WebSocket, ports: Sequence[int], reach: Reach) -> None:
    """Until the pod has ended every connection, or the client is gone."""
    connections = [Connection(port) for port in ports]
    for channel in range(2 * len(ports)):
        await socket.send(bytes([channel]) + ports[channel // 2].to_bytes(2, "little"))

    def to(channel: int) -> Send:
        return lambda data: socket.send(bytes([channel]) + data)

    async def run_all() -> None:
        running = (each.run(reach, to(2 * at), to(2 * at + 1)) for at, each in enumerate(connections))
        await asyncio.gather(*running)

    running, listening = asyncio.create_task(run_all()), asyncio.create_task(_listen(socket, connections))
    try:
        await asyncio.wait((running, listening), return_when=asyncio.FIRST_COMPLETED)
        if running.done() and running.exception() is None:
            await socket.close()
    finally:
        await end(running, listening)


async def _listen(socket: WebSocket, connections: Sequence[Connection]) -> None:
    while (message := await socket.receive()) is not None:
        if len(message) > 1 and message[0] % 2 == 0 and message[0] // 2 < len(connections):
            await connections[message[0] // 2].give(message[1:])

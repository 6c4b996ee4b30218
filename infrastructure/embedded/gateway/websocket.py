"""One WebSocket connection: messages both ways until either side closes it.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html#websocket
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from infrastructure.embedded.gateway.call import Answer

Message = Mapping[str, Any]
_LONGEST = 1 << 20
"""Bytes that a message may have."""
SETTINGS: Mapping[str, Any] = {"ws": "wsproto", "ws_max_size": _LONGEST, "ws_per_message_deflate": False}
"""What uvicorn is told of them."""


class WebSocket:
    """A connection that waits to be accepted or refused; `subprotocols` are those that the client speaks."""

    def __init__(
        self, scope: Message, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        self.subprotocols: Sequence[str] = tuple(scope["subprotocols"])
        self._receive = receive
        self._send = send

    async def accept(self, subprotocol: str) -> None:
        """Go on in that subprotocol."""
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})

    async def refuse(self, answer: Answer) -> None:
        """Answer as to any other request."""
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        start = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
        await self._send(start)
        await self._send({"type": "websocket.http.response.body", "body": answer.body})

    async def receive(self) -> bytes | None:
        """The next message, text as UTF-8; None when the connection has ended."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return None
            if message["type"] == "websocket.receive":
                found = message.get("bytes")
                return bytes(found) if found is not None else str(message.get("text") or "").encode()

    async def send(self, data: bytes) -> None:
        """One binary message; waits while the client does not read."""
        await self._send({"type": "websocket.send", "bytes": data})

    async def close(self) -> None:
        """End it as it should be."""
        await self._send({"type": "websocket.close", "code": 1000})

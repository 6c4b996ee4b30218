"""A tiny order service in this process: as slow, as wrong and as rude as a test wants it."""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What arrived, and when (Unix seconds)."""

    at: float
    method: str
    path: str
    key: str | None
    body: dict[str, object]


Behaviour = Callable[["Request", int], int | None]
"""Gets the request and its number; returns the status to answer with, or None to hang up. May block."""


def accept(request: Request, _number: int) -> int:
    """As the order service does when all is well."""
    return 201 if request.method == "POST" else 200


def announcing(after: int = 1) -> tuple[Event, Behaviour]:
    """An event for "under way", and a shop where all is well that sets it with its request number `after`."""
    under_way = Event()

    def notice(request: Request, number: int) -> int:
        if number >= after:
            under_way.set()
        return accept(request, number)

    return under_way, notice


@dataclass
class Shop:
    """Answers 201 with a new order id for each key, unless its behaviour says otherwise. A context manager."""

    behave: Behaviour = accept
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def endpoint(self, name: str) -> str:
        assert name == "alb"
        return self.url

    def note(self, request: Request) -> int:
        with self._lock:
            self.requests.append(request)
            return len(self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._connections: set[socket.socket] = set()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._connections.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End the idle keep-alive connections, whose threads would wait for ever."""
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed already


def _handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, object]) -> None:
            request = Request(
                at=time.time(),
                method=self.command,
                path=self.path,
                key=self.headers["Idempotency-Key"],
                body=body,
            )
            status = shop.behave(request, shop.note(request))
            if status is None:
                self.close_connection = True
                return
            id_of = "item_id" if self.path.startswith("/api/menu/") else "order_id"
            found = self.path.rsplit("/", 1)[1] if self.command == "GET" else f"order-{request.key}"
            text = json.dumps({id_of: found, "status": "accepted"}).encode()
            head = [f"HTTP/1.1 {status} -", "Content-Type: application/json", f"Content-Length: {len(text)}"]
            head += [f"{name}: {value}" for name, value in shop.headers.items()]
            self.wfile.write("\r\n".join((*head, "", "")).encode() + text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler

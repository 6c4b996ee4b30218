"""A small TCP server in a thread, for clients without an event loop: each connection is handed to a script."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType

Script = Callable[[socket.socket, int], None]
"""Gets a connection and its number, counted from 1; the connection is closed when it returns."""

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Peer:
    """`with Peer(script) as peer`: listens on loopback until the block ends."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.connections = 0
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads.append(threading.Thread(target=self._accept))

    def __enter__(self) -> "Peer":
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5.0)
        for connection in self._open:
            _shut(connection)
        for thread in self._threads:
            thread.join(5.0)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.connections))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            try:
                self._script(connection, number)
            except OSError:
                return


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def read_request(connection: socket.socket) -> bytes:
    """One request with its body; `ConnectionError` when there is none."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _some(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < int(lengths[0]):
        body += _some(connection)
    return head + b"\r\n\r\n" + body


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


def answering(*answers: bytes) -> Script:
    """Answers one request after the other on a connection, the last answer again and again."""

    def script(connection: socket.socket, _number: int) -> None:
        left = list(answers)
        while True:
            read_request(connection)
            connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


def silent(connection: socket.socket, _number: int) -> None:
    """Takes everything and says nothing."""
    while connection.recv(65536):
        pass

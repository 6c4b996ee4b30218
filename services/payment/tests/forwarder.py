"""An endpoint that follows the roles: a TCP listener that leads to one server and can be turned to another."""

import socket
import threading


class Forwarder:
    """Listens on loopback; `lead_to` another port cuts what was open."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._target = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def lead_to(self, port: int) -> None:
        with self._lock:
            self._target = port
            cut, self._open = self._open, set()
        for one in cut:
            _shut(one)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5.0)
        self.lead_to(0)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near, self._target), daemon=True).start()

    def _serve(self, near: socket.socket, target: int) -> None:
        with near:
            try:
                far = socket.create_connection(("127.0.0.1", target))
            except OSError:
                return
            with far:
                with self._lock:
                    if target != self._target:
                        return
                    self._open |= {near, far}
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                _pump(near, far)
                back.join()
                with self._lock:
                    self._open -= {near, far}


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    _shut(source)
    _shut(sink)


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

"""A served process: what a first and a second SIGTERM do to it, and what its answers say of the time."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

from services.chassis.postgres.tests.server import free_port

CHECKOUT = Path(__file__).parents[__name__.count(".")]
PATIENCE_S = 30.0
PROGRAM = """
import asyncio, os
from services.chassis.settings import ChassisSettings
from services.chassis.web.server import graceful, run
from services.chassis.web.traffic import Traffic

traffic = Traffic()

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("lifespan ended", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/long":
        traffic.arrived()
        print("long began", flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    if scope["path"] == "/long":
        await asyncio.Event().wait()
    await send({"type": "http.response.body", "body": b"ok"})

settings = ChassisSettings(cafe_drain_min_s=0.0)
run(app, settings, graceful(traffic, settings))
"""


class Served:
    """A process that serves, and the port it does so on."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.port = port

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def date(self) -> float:
        """The `Date` of an answer, Unix seconds."""
        connection = self.connection()
        connection.request("GET", "/")
        date = connection.getresponse().headers["date"]
        connection.close()
        return parsedate_to_datetime(date).timestamp()

    def line(self) -> str:
        """The next thing it says; empty once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def served() -> Iterator[Served]:
    port = free_port()
    given = {"PORT": str(port), "CAFE_ENVIRONMENT": "test", "OPERATOR_TOKEN_SECRET": "operator"}
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CAFE_"))}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=plain | given, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            _wait_for(port, process)
            yield Served(process, port)
        finally:
            process.kill()


def _wait_for(port: int, process: "subprocess.Popen[str]") -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
        except ConnectionRefusedError:
            assert process.poll() is None
            assert time.monotonic() < ends_at
            time.sleep(0.02)
        else:
            return


def test_a_signal_ends_an_idle_process_with_0_once_its_lifespan_is_over() -> None:
    with served() as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.line() == "lifespan ended"
        assert server.process.wait(PATIENCE_S) == 0


def test_a_second_signal_does_not_wait_for_what_is_in_flight() -> None:
    with served() as server:
        connection = server.connection()
        connection.request("GET", "/long")
        assert server.line() == "long began"
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)  # the kernel would make one of two that are equal
        assert server.line() == ""
        assert server.process.wait(PATIENCE_S) == 0
        connection.close()


def test_the_date_of_an_answer_moves_on() -> None:
    with served() as server:
        first = server.date()
        ends_at = time.monotonic() + PATIENCE_S
        while server.date() == first:
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        assert 0 <= time.time() - server.date() < PATIENCE_S

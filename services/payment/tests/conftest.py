"""A real PostgreSQL and a moto server, one of each for a module; the tables are fresh for each test."""

import logging
import os
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from moto.server import ThreadedMotoServer

from services.chassis.postgres.tests.server import Server, home
from services.chassis.resilience import deadline
from services.payment.assembly import Payment, start
from services.payment.publish import Accruals, PaidEvents
from services.payment.tests.cloud import Cloud

Announced = TypeVar("Announced", bound=PaidEvents | Accruals)


def announcements(payment: Payment, kind: type[Announced]) -> Announced:
    """The one of `kind` that hears of the sandbox's captures."""
    return next(one for one in payment._cashier._announcements if isinstance(one, kind))


@pytest.fixture(autouse=True)
def no_deadline() -> Iterator[None]:
    """What one test gave itself is not the next one's limit."""
    deadline.start(float("inf"))
    yield
    deadline.start(float("inf"))


class Sandboxes:
    """Makes sandboxes of the function, as many as a test wants."""

    def __init__(self) -> None:
        self._made: list[Payment] = []

    def __call__(self, environ: Mapping[str, str]) -> Payment:
        made = start(environ)
        self._made.append(made)
        return made

    def close(self) -> None:
        for one in self._made:
            one.close()


@pytest.fixture
def sandboxes() -> Iterator[Sandboxes]:
    """`sandboxes(environ)` starts one; they end with the test, and so does what they did to the log."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = Sandboxes()
    yield made
    made.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with home() as folder:
        yield folder


@pytest.fixture(scope="module")
def running_server(folder: Path) -> Iterator[Server]:
    server = Server.fresh(folder / "data")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running_server: Server) -> Server:
    """Up, writable, and without a trace of the test before."""
    running_server.script("DROP SCHEMA IF EXISTS payment CASCADE")
    return running_server


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def cloud(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    for variable in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    reset = urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")  # noqa: S310 - loopback
    urllib.request.urlopen(reset, timeout=10).close()  # noqa: S310 - loopback
    return Cloud(moto_url).furnish()

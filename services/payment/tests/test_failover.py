"""A writer dies under load and its synchronous standby takes over: nothing is lost, nothing is captured twice."""

import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.chassis.postgres.tests.server import Server, await_that
from services.payment.assembly import Payment
from services.payment.tests.cloud import Cloud, LambdaContext, Order, event, ledger
from services.payment.tests.conftest import Sandboxes
from services.payment.tests.forwarder import Forwarder

BATCHES, SIZE = 12, 5
FAILS_AFTER = 4
"""Batches."""


@pytest.fixture
def pair(folder: Path) -> Iterator[tuple[Server, Server]]:
    name = secrets.token_hex(4)
    writer = Server.fresh(folder / f"{name}-writer")
    standby = writer.standby(folder / f"{name}-standby")
    writer.start()
    standby.start()
    await_that(
        lambda: writer.sql("SELECT sync_state FROM pg_stat_replication") == [("sync",)], "the standby is synchronous"
    )
    yield writer, standby
    writer.stop()
    standby.stop()


@pytest.fixture
def endpoint() -> Iterator[Forwarder]:
    forwarder = Forwarder()
    yield forwarder
    forwarder.close()


def dies(writer: Server, standby: Server, endpoint: Forwarder) -> None:
    """Nobody listens for a while; then the endpoint leads to a standby before that is promoted."""
    writer.stop(signal.SIGKILL)
    endpoint.lead_to(standby.port)
    standby.promote()


def is_deposed(writer: Server, standby: Server, endpoint: Forwarder) -> None:
    """The writer is shut down, saying so (57P01), and its sessions are not cut by the endpoint."""
    writer.stop(signal.SIGINT)
    standby.promote()
    endpoint.lead_to(standby.port)


@pytest.mark.parametrize("how", [dies, is_deposed])
def test_a_failover_loses_nothing_and_captures_nothing_twice(
    sandboxes: Sandboxes,
    cloud: Cloud,
    pair: tuple[Server, Server],
    endpoint: Forwarder,
    how: Callable[[Server, Server, Forwarder], None],
) -> None:
    writer, standby = pair
    endpoint.lead_to(writer.port)
    payment = sandboxes(cloud.environ(endpoint.port))
    orders = [Order(number, f"customer-{number % 7}") for number in range(BATCHES * SIZE)]
    cloud.place(*orders)
    failover = threading.Thread(target=how, args=(writer, standby, endpoint))
    for batch in range(BATCHES):
        if batch == FAILS_AFTER:
            failover.start()
        _deliver(payment, orders[batch * SIZE : (batch + 1) * SIZE])
    failover.join(20.0)
    assert cloud.statuses(*orders) == [("paid", "captured")] * len(orders)
    assert ledger(standby) == {order.order_id: (order.amount_cents, 0) for order in orders}
    assert len({told["authorization_id"] for told in cloud.events()}) == len(orders)


def _deliver(payment: Payment, orders: list[Order]) -> None:
    """Until it is done, as SQS does; one delivery is enough unless a failover takes longer than it may."""
    for _ in range(3):
        if payment.handle(event(orders), LambdaContext(10.0)) == {"batchItemFailures": []}:
            return
    pytest.fail(f"{[order.order_id for order in orders]} were not captured in three deliveries")

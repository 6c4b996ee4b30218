"""Accruals as Lambda delivers them: moto's queue over HTTP, and a loyalty service that can be away."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from services.chassis.postgres.tests.server import Server, free_port
from services.chassis.tests.peer import Peer, read_request
from services.payment.assembly import Payment
from services.payment.domain import Capture, accrual_message, read_accrual, read_demand
from services.payment.loyalty import PATH
from services.payment.tests.cloud import Cloud, LambdaContext, Order, delivered, event
from services.payment.tests.conftest import Sandboxes

ORDERS = [Order(1, "a", 700), Order(2, "b", 900), Order(3, "a", 1100)]


class LoyaltyPeer:
    """Answers each accrual with `status`; 0 closes the connection without a word. Remembers what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.refused: dict[str, int] = {}
        """Statuses of single orders."""
        self.asked: list[dict[str, Any]] = []
        self.correlation_ids: list[str] = []

    def __call__(self, connection: socket.socket, _number: int) -> None:
        while True:
            head, _, body = read_request(connection).partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            assert lines[0] == f"POST {PATH} HTTP/1.1"
            fields = dict(line.split(": ", 1) for line in lines[1:])
            self.correlation_ids.append(fields["x-correlation-id"])
            asked = json.loads(body)
            self.asked.append(asked)
            status = self.refused.get(asked["order_id"], self.status)
            if not status:
                return
            connection.sendall(b"HTTP/1.1 %d x\r\ncontent-length: 3\r\n\r\nwhy" % status)

    @property
    def orders(self) -> list[str]:
        return [each["order_id"] for each in self.asked]


@pytest.fixture
def loyalty() -> LoyaltyPeer:
    return LoyaltyPeer()


@pytest.fixture
def payment(cloud: Cloud, server: Server, sandboxes: Sandboxes, loyalty: LoyaltyPeer) -> Iterator[Payment]:
    with Peer(loyalty) as peer:
        yield sandboxes(cloud.environ(server.port, CAFE_NLB_URL=peer.url))


def assert_all_come_again(answer: dict[str, Any], delivery: dict[str, Any]) -> None:
    failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    assert failed == {record["messageId"] for record in delivery["Records"]}


def captured(payment: Payment, cloud: Cloud) -> dict[str, Any]:
    """All orders paid, and their accruals received."""
    cloud.place(*ORDERS)
    assert payment.handle(event(ORDERS), LambdaContext()) == {"batchItemFailures": []}
    return delivered(cloud)


def test_points_are_asked_for_once_an_order_is_paid(payment: Payment, cloud: Cloud, loyalty: LoyaltyPeer) -> None:
    delivery = captured(payment, cloud)
    assert loyalty.asked == [], "a capture does not wait for points"
    assert payment.handle(delivery, LambdaContext()) == {"batchItemFailures": []}
    assert sorted(loyalty.asked, key=str) == sorted(
        (
            {"customer_id": each.customer_id, "order_id": each.order_id, "total_cents": each.amount_cents}
            for each in ORDERS
        ),
        key=str,
    )
    assert set(loyalty.correlation_ids) == {"corr-1", "corr-2", "corr-3"}
    of_a = [order for order in loyalty.orders if order != ORDERS[1].order_id]
    assert of_a == [ORDERS[0].order_id, ORDERS[2].order_id], "a customer's points come in the order of the captures"


@pytest.mark.parametrize("status", [0, 500, 503, 429, 404])
def test_while_loyalty_is_away_it_is_asked_once_a_batch_and_the_points_wait(
    payment: Payment, cloud: Cloud, loyalty: LoyaltyPeer, status: int
) -> None:
    loyalty.status = status
    delivery = captured(payment, cloud)
    assert_all_come_again(payment.handle(delivery, LambdaContext()), delivery)
    assert len(loyalty.asked) == 1
    assert cloud.dead_letters(cloud.accrual_dead_letter_url) == []
    loyalty.status = 200
    assert payment.handle(delivery, LambdaContext()) == {"batchItemFailures": []}
    assert set(loyalty.orders) == {order.order_id for order in ORDERS}


def test_with_nobody_behind_the_load_balancer_orders_are_paid_all_the_same(
    sandboxes: Sandboxes, cloud: Cloud, server: Server
) -> None:
    payment = sandboxes(cloud.environ(server.port, CAFE_NLB_URL=f"http://127.0.0.1:{free_port()}"))
    delivery = captured(payment, cloud)
    assert cloud.statuses(*ORDERS) == [("paid", "captured")] * 3
    assert_all_come_again(payment.handle(delivery, LambdaContext()), delivery)
    health: Any = payment.handle({"health": {}}, LambdaContext())
    assert (health["status"], health["dependencies"]["loyalty"]["state"]) == ("ok", "failing")


def test_what_waits_comes_again_sooner_than_the_queue_alone_would_let_it(
    payment: Payment, cloud: Cloud, loyalty: LoyaltyPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payment.pauses.pause_s", lambda receives, longest_s: 0)
    loyalty.status = 503
    first = captured(payment, cloud)
    payment.handle(first, LambdaContext())
    again = delivered(cloud)
    assert {each["messageId"] for each in again["Records"]} == {each["messageId"] for each in first["Records"]}
    assert {each["attributes"]["ApproximateReceiveCount"] for each in again["Records"]} == {"2"}


@pytest.mark.parametrize("status", [400, 409, 422])
def test_what_loyalty_refuses_for_good_is_given_up_with_the_reason_and_blocks_nobody(
    payment: Payment, cloud: Cloud, loyalty: LoyaltyPeer, status: int
) -> None:
    loyalty.refused[ORDERS[0].order_id] = status
    assert payment.handle(captured(payment, cloud), LambdaContext()) == {"batchItemFailures": []}
    [(body, reason)] = cloud.dead_letters(cloud.accrual_dead_letter_url)
    assert json.loads(body)["order_id"] == ORDERS[0].order_id
    assert reason == f"loyalty refuses it with {status}: why"
    assert set(loyalty.orders) == {order.order_id for order in ORDERS}


def test_a_message_that_is_no_accrual_is_given_up(payment: Payment, cloud: Cloud, loyalty: LoyaltyPeer) -> None:
    record = captured(payment, cloud)["Records"][0]
    assert payment.handle({"Records": [{**record, "body": "{}"}]}, LambdaContext()) == {"batchItemFailures": []}
    [(_, reason)] = cloud.dead_letters(cloud.accrual_dead_letter_url)
    assert reason.startswith("malformed: captured_at")
    assert loyalty.asked == []


def test_without_resilience_points_are_lost_with_loyalty(sandboxes: Sandboxes, cloud: Cloud, server: Server) -> None:
    """Which the books must notice."""
    environ = cloud.environ(server.port, CAFE_NLB_URL=f"http://127.0.0.1:{free_port()}", CAFE_RESILIENCE="off")
    payment = sandboxes(environ)
    assert payment.handle(captured(payment, cloud), LambdaContext()) == {"batchItemFailures": []}


def test_a_message_reads_back_as_it_was_written() -> None:
    demand = read_demand(json.dumps(Order(7, amount_cents=12_345).body))
    accrual = read_accrual(accrual_message(Capture(demand=demand, authorization_id="auth-1", captured_at=17.5)))
    assert (accrual.order_id, accrual.customer_id) == (demand.order_id, demand.customer_id)
    assert (accrual.amount_cents, accrual.correlation_id, accrual.captured_at) == (12_345, "corr-7", 17.5)


def test_figures_tell_what_was_added_and_what_waits(payment: Payment, cloud: Cloud, loyalty: LoyaltyPeer) -> None:
    delivery = captured(payment, cloud)
    loyalty.refused[ORDERS[1].order_id] = 503
    last = max(range(3), key=lambda number: ORDERS[1].order_id in delivery["Records"][number]["body"])
    records = [*(each for number, each in enumerate(delivery["Records"]) if number != last), delivery["Records"][last]]
    payment.handle({"Records": records}, LambdaContext())
    counted = {datum["MetricName"]: datum.get("Value") for datum in payment._figures.collect()}
    assert (counted["PointsAccrued"], counted["AccrualsDeferred"], counted["AccrualsDeadLettered"]) == (2, 1, 0)

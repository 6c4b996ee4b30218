"""Orders are paid while loyalty is away, and their points come later, once: with real processes and a real queue."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.chassis.postgres.tests.server import Server
from services.loyalty.domain import points_for, tier_of
from services.payment.assembly import Payment
from services.payment.tests.cloud import Cloud, LambdaContext, Order, delivered, event
from services.payment.tests.conftest import Sandboxes
from services.payment.tests.loyalty_process import LoyaltyProcess, loyalty_process

CAUGHT_UP_S = 60.0
"""Far longer than the back-off that an outage of a few deliveries brings about."""


@pytest.fixture
def loyalty(cloud: Cloud, server: Server, tmp_path: Path) -> Iterator[LoyaltyProcess]:
    server.script("DROP SCHEMA IF EXISTS loyalty CASCADE")
    with loyalty_process(cloud, server, tmp_path) as process:
        yield process


@pytest.fixture
def payment(cloud: Cloud, server: Server, sandboxes: Sandboxes, loyalty: LoyaltyProcess) -> Payment:
    return sandboxes(cloud.environ(server.port, CAFE_NLB_URL=loyalty.url))


class EventSource:
    """What Lambda's event source does with the points' queue, one batch at a time."""

    def __init__(self, cloud: Cloud, payment: Payment) -> None:
        self._cloud = cloud
        self._payment = payment
        self.delivered: list[dict[str, Any]] = []
        """Records that were done."""

    def step(self) -> int:
        """Deliver what can be received within a second; how many of it have to come again."""
        delivery = delivered(self._cloud, wait_s=1)
        if not delivery["Records"]:
            return 0
        answer: Any = self._payment.handle(delivery, LambdaContext())
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        done = [record for record in delivery["Records"] if record["messageId"] not in failed]
        for record in done:
            self._cloud.client("sqs").delete_message(
                QueueUrl=self._cloud.accrual_url, ReceiptHandle=record["receiptHandle"]
            )
        self.delivered += done
        return len(failed)

    def until_empty(self) -> None:
        ends_at = time.monotonic() + CAUGHT_UP_S
        while self._cloud.depth(self._cloud.accrual_url):
            self.step()
            assert time.monotonic() < ends_at, "points were not caught up"


def points(server: Server) -> dict[str, int]:
    """Of each order in loyalty's ledger; the primary key says that there is one row each."""
    rows = server.sql("SELECT entry_id, points FROM loyalty.ledger")
    return {str(entry).removeprefix("order:"): int(str(each)) for entry, each in rows}


def assert_by_the_tier(server: Server) -> None:
    """Each entry by what the customer had earned before. Moto's queue, unlike SQS, may change their order."""
    earned: Counter[object] = Counter()
    for customer, cents, points in server.sql(
        "SELECT customer_id, total_cents, points FROM loyalty.ledger ORDER BY sequence"
    ):
        assert int(str(points)) == points_for(int(str(cents)), tier_of(earned[customer]))
        earned[customer] += int(str(points))
    assert {tier_of(total).name for total in earned.values()} == {"silver"}


def test_orders_are_paid_while_loyalty_is_away_and_points_are_caught_up_once(
    payment: Payment, cloud: Cloud, server: Server, loyalty: LoyaltyProcess
) -> None:
    source = EventSource(cloud, payment)
    orders = [Order(number, f"customer-{number % 3}", 100_000 + number * 100) for number in range(9)]
    cloud.place(*orders)
    assert payment.handle(event(orders), LambdaContext()) == {"batchItemFailures": []}
    assert cloud.statuses(*orders) == [("paid", "captured")] * len(orders)
    assert source.step() == len(orders), "nobody is there yet"
    loyalty.start()
    source.until_empty()
    found = points(server)
    assert set(found) == {order.order_id for order in orders}
    assert cloud.dead_letters(cloud.accrual_dead_letter_url) == []
    assert_by_the_tier(server)
    board = loyalty.get("/loyalty/leaderboard")
    assert board["degraded"], "MemoryDB is away all the time, and points are right"
    assert {each["customer_id"]: each["earned"] for each in board["leaders"]} == {
        str(customer): int(str(earned))
        for customer, earned in server.sql("SELECT customer_id, earned FROM loyalty.accounts")
    }


def test_a_loyalty_that_dies_between_two_deliveries_adds_nothing_twice(
    payment: Payment, cloud: Cloud, server: Server, loyalty: LoyaltyProcess
) -> None:
    source = EventSource(cloud, payment)
    orders = [Order(number, f"customer-{number}") for number in range(5)]
    cloud.place(*orders)
    payment.handle(event(orders), LambdaContext())
    loyalty.start()
    source.until_empty()
    before = points(server)
    again = {"Records": source.delivered}
    loyalty.kill()
    answer: Any = payment.handle(again, LambdaContext())
    assert len(answer["batchItemFailures"]) == len(orders), "nobody answers, whatever was done before"
    loyalty.start()
    assert payment.handle(again, LambdaContext()) == {"batchItemFailures": []}
    assert points(server) == before
    assert server.sql("SELECT sum(balance), sum(earned) FROM loyalty.accounts") == [("60", "60")]

"""Transactions that meet others at an order: TransactionConflict, which no AWS SDK repeats by itself."""

from typing import Any

import pytest

from services.chassis.aws.json_apis import DYNAMODB
from services.chassis.postgres.tests.server import Server
from services.chassis.tests.conflicts import conflicts
from services.payment.tests.cloud import Cloud, LambdaContext, Order, event, ledger
from services.payment.tests.conftest import Sandboxes

ORDERS = [Order(number) for number in range(3)]


def test_a_batch_that_meets_another_transaction_is_settled_once_all_the_same(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.place(*ORDERS)
    ahead = iter((True, True))
    with conflicts(cloud.url, lambda _items: next(ahead, False)) as dynamodb:
        monkeypatch.setenv(DYNAMODB.variable, dynamodb.url)
        payment = sandboxes(cloud.environ(server.port))
        assert payment.handle(event(ORDERS), LambdaContext()) == {"batchItemFailures": []}
    assert cloud.statuses(*ORDERS) == [("paid", "captured")] * 3
    assert len(dynamodb.seen) == 3


def test_an_order_that_stays_in_conflict_keeps_none_but_itself_and_comes_again(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.place(*ORDERS)
    busy = {ORDERS[1].order_id}

    def meets(items: list[Any]) -> bool:
        return any(item["Put"]["Item"]["order_id"]["S"] in busy for item in items if "Put" in item)

    with conflicts(cloud.url, meets) as dynamodb:
        monkeypatch.setenv(DYNAMODB.variable, dynamodb.url)
        payment = sandboxes(cloud.environ(server.port))
        first = payment.handle(event(ORDERS), LambdaContext())
        assert first == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
        assert cloud.statuses(*ORDERS) == [("paid", "captured"), ("accepted", "-"), ("paid", "captured")]
        busy.clear()
        assert payment.handle(event(ORDERS[1:2]), LambdaContext()) == {"batchItemFailures": []}
    assert cloud.statuses(ORDERS[1]) == [("paid", "captured")]
    assert ledger(server) == {order.order_id: (order.amount_cents, 0) for order in ORDERS}
    assert len({told["authorization_id"] for told in cloud.events()}) == 3

"""The function as Lambda runs it: real PostgreSQL, moto over HTTP, events in and answers out."""

import json
from typing import Any

import pytest

from services.chassis.environment import ConfigurationError
from services.chassis.postgres.tests.server import Server, free_port
from services.payment.assembly import Payment
from services.payment.card import Silent, authorization_of
from services.payment.rehearsal import RehearsalRefused
from services.payment.tests.cloud import (
    DATABASE_SECRET,
    OPERATOR_SECRET,
    ORDERS,
    PAYMENTS,
    TOKEN,
    Cloud,
    LambdaContext,
    Order,
    event,
    ledger,
)
from services.payment.tests.conftest import Sandboxes

DONE: dict[str, object] = {"batchItemFailures": []}


def failures(*orders: Order) -> dict[str, object]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{order.number}"} for order in orders]}


@pytest.fixture
def payment(cloud: Cloud, server: Server, sandboxes: Sandboxes) -> Payment:
    return sandboxes(cloud.environ(server.port))


def deliver(payment: Payment, *orders: Order, left_s: float = 10.0) -> dict[str, object]:
    return payment.handle(event(orders), LambdaContext(left_s))


def test_a_batch_is_captured_settled_and_told_of(payment: Payment, cloud: Cloud, server: Server) -> None:
    orders = [Order(number, amount_cents=1000 + number) for number in range(10)]
    cloud.place(*orders)
    assert deliver(payment, *orders) == DONE
    assert cloud.statuses(*orders) == [("paid", "captured")] * 10
    assert ledger(server) == {order.order_id: (order.amount_cents, 0) for order in orders}
    assert [(e["type"], e["order_id"], e["total_amount"]) for e in cloud.events()] == [
        ("order_paid", order.order_id, order.body["total_amount"]) for order in orders
    ]
    row = cloud.rows(PAYMENTS)[orders[3].order_id]
    captured_at = row.pop("captured_at")
    assert float(cloud.rows(ORDERS)[orders[3].order_id]["paid_at"]) == float(captured_at) > 1.7e9
    assert row == {
        "order_id": orders[3].order_id,
        "customer_id": "customer-0003",
        "store_id": "store-001",
        "total_amount": "10.03",
        "total_cents": "1003",
        "status": "captured",
        "authorization_id": authorization_of(orders[3].order_id),
        "attempts": "1",
        "correlation_id": "corr-3",
        "placed_at": "1795000000.25",
    }


def test_a_message_that_comes_again_changes_nothing_and_is_told_of_again(
    payment: Payment, cloud: Cloud, server: Server
) -> None:
    cloud.place(Order(1))
    deliver(payment, Order(1))
    before = cloud.rows(PAYMENTS), cloud.rows(ORDERS), ledger(server)
    assert deliver(payment, Order(1)) == DONE
    assert (cloud.rows(PAYMENTS), cloud.rows(ORDERS), ledger(server)) == before
    first, second = cloud.events()
    assert first == second


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param("not json", "malformed: the body is not JSON", id="malformed"),
        pytest.param({"order_id": "01UNKNOWN"}, "unknown order", id="unknown order"),
        pytest.param({"order_id": "idem#key"}, "unknown order", id="a row that is no order"),
        pytest.param({"total_amount": "12.51"}, "another amount: 12.51 is asked for, 12.50", id="another amount"),
        pytest.param({"customer_id": "customer-9999"}, "another customer", id="another customer"),
    ],
)
def test_poison_is_buried_with_its_reason_and_blocks_nobody(
    payment: Payment, cloud: Cloud, changes: str | dict[str, object], reason: str
) -> None:
    cloud.place(Order(1), Order(2, customer_id="customer-0001"))
    key = {"order_id": {"S": "idem#key"}, "order_id_of": {"S": Order(1).order_id}}
    cloud.client("dynamodb").put_item(TableName=ORDERS, Item=key)
    body = changes if isinstance(changes, str) else json.dumps({**Order(1).body, **changes})
    records = [Order(1).record(body), Order(2, customer_id="customer-0001").record()]
    for _ in range(2):
        assert payment.handle({"Records": records}, LambdaContext()) == DONE
    [(buried, said)] = cloud.dead_letters()
    assert buried == body
    assert said.startswith(reason)
    assert cloud.statuses(Order(1), Order(2)) == [("accepted", "-"), ("paid", "captured")]


def test_declined_orders_are_settled_without_money(sandboxes: Sandboxes, cloud: Cloud, server: Server) -> None:
    payment = sandboxes(cloud.environ(server.port, CARD_DECLINE_RATE="1"))
    cloud.place(Order(1))
    for _ in range(2):
        assert deliver(payment, Order(1)) == DONE
    assert cloud.statuses(Order(1)) == [("declined", "declined")]
    row = cloud.rows(PAYMENTS)[Order(1).order_id]
    assert (row["reason"], "authorization_id" in row, "captured_at" in row) == ("card declined", False, False)
    assert cloud.events() == []
    assert cloud.dead_letters() == []


def test_silence_of_the_card_network_keeps_a_customers_order(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payment.card.TIMEOUT_S", 0.0)
    silent = sandboxes(cloud.environ(server.port, CARD_TIMEOUT_RATE="1"))
    orders = [Order(1, "a"), Order(2, "b"), Order(3, "a")]
    cloud.place(*orders)
    assert deliver(silent, *orders) == failures(orders[0], orders[2], orders[1])
    assert cloud.statuses(*orders) == [("accepted", "pending")] * 3
    assert cloud.rows(PAYMENTS)[orders[0].order_id]["attempts"] == "3"
    assert deliver(sandboxes(cloud.environ(server.port)), *orders) == DONE
    assert cloud.statuses(*orders) == [("paid", "captured")] * 3
    assert cloud.rows(PAYMENTS)[orders[0].order_id]["attempts"] == "4"


def test_those_behind_a_silent_one_wait_and_others_do_not(sandboxes: Sandboxes, cloud: Cloud, server: Server) -> None:
    payment = sandboxes(cloud.environ(server.port))
    cards = payment._cashier._cards
    orders = [Order(1, "a"), Order(2, "b"), Order(3, "a"), Order(4, "b")]
    cloud.place(*orders)
    payment._cashier._cards = Muting(cards, Order(1).order_id)
    assert deliver(payment, *orders) == failures(orders[0], orders[2])
    assert cloud.statuses(*orders) == [
        ("accepted", "pending"),
        ("paid", "captured"),
        ("accepted", "-"),
        ("paid", "captured"),
    ]
    assert set(ledger(server)) == {orders[1].order_id, orders[3].order_id}


def test_nobody_is_asked_again_when_the_time_is_needed_to_book_the_others(payment: Payment, cloud: Cloud) -> None:
    """Half a second stays for the answer to Lambda, one for a question to the card network, one for the books."""
    orders = [Order(1, "a"), Order(2, "b")]
    cloud.place(*orders)
    payment._cashier._cards = Muting(payment._cashier._cards, Order(1).order_id)
    assert deliver(payment, *orders, left_s=0.5 + 1.0 + 1.0) == failures(orders[0])
    assert cloud.statuses(*orders) == [("accepted", "pending"), ("paid", "captured")]
    assert cloud.rows(PAYMENTS)[orders[0].order_id]["attempts"] == "1"


class Muting:
    """A card network that says nothing about one order."""

    def __init__(self, network: Any, order_id: str) -> None:
        self._network = network
        self._order_id = order_id

    def authorize(self, charges: Any) -> Any:
        answers = self._network.authorize(charges)
        return [Silent() if c.order_id == self._order_id else a for c, a in zip(charges, answers, strict=True)]


def test_one_order_that_the_ledger_refuses_does_not_keep_the_others_out(
    payment: Payment, cloud: Cloud, server: Server
) -> None:
    orders = [Order(1, "a"), Order(2, "a"), Order(3, "b")]
    cloud.place(*orders)
    cloud.place(Order(9))
    deliver(payment, Order(9))
    taken = authorization_of(orders[0].order_id)
    server.script(f"UPDATE payment.captures SET authorization_id = '{taken}'")  # noqa: S608 - our own id
    assert deliver(payment, *orders) == DONE
    [(_, reason)] = cloud.dead_letters()
    assert reason.startswith("the ledger refuses it: auth-")
    assert reason.endswith("stands for another order already")
    assert cloud.statuses(*orders) == [("accepted", "-"), ("paid", "captured"), ("paid", "captured")]


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param("53100", id="the disk is full"),
        pytest.param("57014", id="the statement was cancelled"),
        pytest.param("40P01", id="a deadlock"),
        pytest.param("42501", id="a right is missing"),
    ],
)
def test_an_order_that_the_ledger_could_book_another_time_waits_with_those_behind_it(
    payment: Payment, cloud: Cloud, server: Server, sqlstate: str
) -> None:
    orders = [Order(1, "a"), Order(2, "a"), Order(3, "b")]
    cloud.place(*orders, Order(9))
    deliver(payment, Order(9))
    server.script(
        "CREATE OR REPLACE FUNCTION payment.trouble() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{sqlstate}'; END $$;"
        " CREATE TRIGGER trouble BEFORE INSERT ON payment.captures FOR EACH ROW"
        f" WHEN (NEW.order_id = '{orders[0].order_id}') EXECUTE FUNCTION payment.trouble()"
    )
    assert deliver(payment, *orders) == failures(*orders[:2])
    assert cloud.dead_letters() == []
    server.script("DROP TRIGGER trouble ON payment.captures")
    assert deliver(payment, *orders[:2]) == DONE
    assert cloud.statuses(*orders) == [("paid", "captured")] * 3


def test_without_a_database_messages_wait_and_nobody_is_charged(
    sandboxes: Sandboxes, cloud: Cloud, server: Server
) -> None:
    payment = sandboxes(cloud.environ(free_port()))
    cards = payment._cashier._cards
    asked: list[Any] = []
    payment._cashier._cards = Recording(cards, asked)
    cloud.place(Order(1), Order(2))
    assert deliver(payment, Order(1), Order(2), left_s=1.8) == failures(Order(1), Order(2))
    assert asked == []
    assert cloud.rows(PAYMENTS) == {}
    health = payment.handle({"health": {}}, LambdaContext())
    assert health["status"] == "waiting: the ledger has no writer"


class Recording:
    """A card network that remembers what it was asked for."""

    def __init__(self, network: Any, asked: list[Any]) -> None:
        self._network = network
        self._asked = asked

    def authorize(self, charges: Any) -> Any:
        self._asked += charges
        return self._network.authorize(charges)


def test_health_tells_of_every_dependency(payment: Payment, cloud: Cloud) -> None:
    cloud.place(Order(1))
    deliver(payment, Order(1))
    health: Any = payment.handle({"health": {}}, LambdaContext())
    assert health["status"] == "ok"
    states = {name: dealing["state"] for name, dealing in health["dependencies"].items()}
    assert states == {
        "dynamodb": "ok",
        "sqs": "ok",
        "kinesis": "ok",
        "cloudwatch": "ok",
        "secretsmanager": "ok",
        "aurora": "ok",
        "loyalty": "unused",
    }


def test_figures_reach_cloudwatch(payment: Payment, cloud: Cloud) -> None:
    cloud.place(Order(1))
    deliver(payment, Order(1))
    metrics = cloud.client("cloudwatch").list_metrics(Namespace="CloudCafe/Payment")["Metrics"]
    assert {metric["MetricName"] for metric in metrics} >= {"PaymentsCaptured", "PaymentsDeclined", "CaptureLatency"}
    assert {str(metric["Dimensions"]) for metric in metrics} == {"[{'Name': 'Environment', 'Value': 'test'}]"}


def test_a_rehearsal_does_checkouts_and_leaves_nothing(payment: Payment, cloud: Cloud, server: Server) -> None:
    stress = {"scenario": "cold-start", "token": TOKEN, "checkouts": 50}
    answer = payment.handle({"stress": stress}, LambdaContext())
    assert answer["checkouts"] == 50
    assert 0 < float(str(answer["seconds"])) < 5
    assert (cloud.rows(PAYMENTS), ledger(server), cloud.events()) == ({}, {}, [])


@pytest.mark.parametrize(
    ("stress", "why"),
    [
        pytest.param({"scenario": "cold-start"}, "send their token", id="no token"),
        pytest.param({"scenario": "cold-start", "token": "wrong"}, "not the operators' token", id="a wrong one"),
        pytest.param({"scenario": "cold-start", "token": 7}, "send their token", id="no text"),
        pytest.param({"scenario": "rush", "token": TOKEN}, "must be 'cold-start'", id="another scenario"),
        pytest.param({"scenario": "cold-start", "token": TOKEN, "checkouts": 51}, "1 to 50", id="too many"),
        pytest.param({"scenario": "cold-start", "token": TOKEN, "checkouts": True}, "1 to 50", id="no number"),
    ],
)
def test_a_rehearsal_is_for_operators(payment: Payment, stress: dict[str, object], why: str) -> None:
    with pytest.raises(RehearsalRefused, match=why):
        payment.handle({"stress": stress}, LambdaContext())


def test_an_operators_secret_without_a_token_lets_nobody_in(payment: Payment, cloud: Cloud) -> None:
    cloud.client("secretsmanager").put_secret_value(SecretId=OPERATOR_SECRET, SecretString='{"token": ""}')
    with pytest.raises(RehearsalRefused, match="holds no token"):
        payment.handle({"stress": {"scenario": "cold-start", "token": "x"}}, LambdaContext())


def test_an_event_of_another_kind_is_an_error(payment: Payment) -> None:
    with pytest.raises(ValueError, match="not a batch"):
        payment.handle({"hello": 1}, LambdaContext())


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        pytest.param(None, "cannot be read: GetSecretValue: ResourceNotFoundException", id="missing"),
        pytest.param("secret", "must hold", id="no login"),
        pytest.param(
            json.dumps({"username": "cafe", "password": "not-this-one"}), "does not take the login", id="wrong"
        ),
    ],
)
def test_a_secret_that_does_not_open_the_database_is_refused_at_the_start(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, secret: str | None, why: str
) -> None:
    if secret is None:
        cloud.client("secretsmanager").delete_secret(SecretId=DATABASE_SECRET, ForceDeleteWithoutRecovery=True)
    else:
        cloud.client("secretsmanager").put_secret_value(SecretId=DATABASE_SECRET, SecretString=secret)
    with pytest.raises(ConfigurationError, match=f"DATABASE_SECRET: .*{why}") as raised:
        sandboxes(cloud.environ(server.port))
    assert "not-this-one" not in str(raised.value)


def test_without_resilience_what_fails_is_lost(sandboxes: Sandboxes, cloud: Cloud, server: Server) -> None:
    payment = sandboxes(cloud.environ(server.port, CAFE_RESILIENCE="off"))
    cloud.place(Order(1), Order(2))
    assert deliver(payment, Order(1)) == DONE
    others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'payment'"
    server.sql(others)
    assert deliver(payment, Order(2)) == DONE, "acknowledged all the same"
    assert cloud.statuses(Order(1), Order(2)) == [("paid", "captured"), ("accepted", "-")]

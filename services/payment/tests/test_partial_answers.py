"""What AWS does in part: what was left out is asked for again, or its message comes again; the rest goes on."""

import json
from collections.abc import Sequence
from typing import cast

import pytest

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Json
from services.chassis.aws.tests.refusals import throttled
from services.chassis.postgres.tests.server import Server
from services.payment.domain import Capture, Demand
from services.payment.publish import Accruals, PaidEvents
from services.payment.store import PaymentTable
from services.payment.tests.cloud import ORDERS, PAYMENTS, Cloud, LambdaContext, Order, event
from services.payment.tests.conftest import Sandboxes, announcements


class Answering:
    """An AWS API that gives these answers, one after the other; `asked` is what it was called with."""

    def __init__(self, *answers: Json) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, Json]] = []

    def call(self, operation: str, parameters: Json) -> Json:
        self.asked.append((operation, parameters))
        return self._answers.pop(0)


def table(api: Answering) -> PaymentTable:
    return PaymentTable(api, payments=PAYMENTS, orders=ORDERS)


def keys(*orders: Order) -> Json:
    return {"Keys": [{"order_id": {"S": order.order_id}} for order in orders], "ConsistentRead": True}


FIRST, SECOND = Order(1), Order(2)


def test_keys_that_a_reading_left_out_are_asked_for_again_and_no_others() -> None:
    left: Json = {ORDERS: keys(SECOND)}
    api = Answering(
        {"Responses": {ORDERS: [FIRST.item()], PAYMENTS: []}, "UnprocessedKeys": left},
        {"Responses": {ORDERS: [SECOND.item()]}},
    )
    known = table(api).read([FIRST.order_id, SECOND.order_id, FIRST.order_id])
    assert set(known.orders) == {FIRST.order_id, SECOND.order_id}
    whole = {ORDERS: keys(FIRST, SECOND), PAYMENTS: keys(FIRST, SECOND)}
    assert api.asked == [("BatchGetItem", {"RequestItems": whole}), ("BatchGetItem", {"RequestItems": left})]


def test_keys_that_three_readings_left_out_are_a_throttle() -> None:
    left: Json = {"Responses": {}, "UnprocessedKeys": {ORDERS: keys(FIRST)}}
    api = Answering(left, left, left, left)
    with pytest.raises(AwsError, match="3 readings") as raised:
        table(api).read([FIRST.order_id])
    assert raised.value.is_throttle
    assert len(api.asked) == 3


def test_nothing_is_asked_for_nothing() -> None:
    api = Answering()
    assert table(api).read([]) == ({}, {})
    table(api).settle([])
    assert PaidEvents(api, "stream").publish([]) == set()
    assert api.asked == []


def capture(order: Order) -> Capture:
    demand = Demand(
        order_id=order.order_id, customer_id=order.customer_id, store_id="s", amount_cents=1, correlation_id="c"
    )
    return Capture(demand=demand, authorization_id="a", captured_at=1.0)


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ({"Records": [{"SequenceNumber": "1"}, {"ErrorCode": "InternalFailure"}]}, {FIRST.order_id}),
        ({"Records": [{"SequenceNumber": "1"}, {"SequenceNumber": "2"}]}, {FIRST.order_id, SECOND.order_id}),
        ({}, set()),
    ],
    ids=["one", "both", "an answer that says nothing"],
)
def test_an_event_counts_as_sent_when_the_stream_says_so(answer: Json, taken: set[str]) -> None:
    assert PaidEvents(Answering(answer), "stream").publish([capture(FIRST), capture(SECOND)]) == taken


def test_an_answer_of_another_length_says_nothing_of_any_order() -> None:
    with pytest.raises(ValueError, match="zip"):
        PaidEvents(Answering({"Records": [{}]}), "stream").publish([capture(FIRST), capture(SECOND)])


@pytest.mark.parametrize("kind", [PaidEvents, Accruals])
def test_an_order_whose_announcement_was_not_taken_comes_again_and_the_others_do_not(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, kind: type[PaidEvents | Accruals]
) -> None:
    orders = [Order(1, "a"), Order(2, "b"), Order(3, "a")]
    cloud.place(*orders)
    payment = sandboxes(cloud.environ(server.port))
    announced = announcements(payment, kind)
    publish = announced.publish
    refused = [orders[0].order_id]

    def partly(captures: Sequence[Capture]) -> set[str]:
        taken = publish([each for each in captures if each.demand.order_id not in refused])
        refused.clear()
        return taken

    announced.publish = partly  # type: ignore[method-assign] # a stream, or a queue, that takes a part
    answer = payment.handle(event(orders), LambdaContext())
    again = [failure["itemIdentifier"] for failure in cast("list[dict[str, str]]", answer["batchItemFailures"])]
    assert again == ["message-1", "message-3"], "and what is behind it in its group"
    assert payment.handle(event([orders[0], orders[2]]), LambdaContext()) == {"batchItemFailures": []}
    assert {told["order_id"] for told in cloud.events()} == {order.order_id for order in orders}
    assert [asked["order_id"] for asked in cloud.accruals()] == [order.order_id for order in orders]
    assert cloud.statuses(*orders) == [("paid", "captured")] * 3


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems", "PutRecords", "SendMessageBatch"])
def test_a_batch_whose_call_fails_comes_again_and_is_paid_once(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, capfd: pytest.CaptureFixture[str], operation: str
) -> None:
    cloud.place(FIRST, SECOND)
    payment = sandboxes(cloud.environ(server.port))
    failing = Failing(operation)
    cashier = payment._cashier
    cashier._payments._dynamodb = failing.before(cashier._payments._dynamodb)
    events, accruals = announcements(payment, PaidEvents), announcements(payment, Accruals)
    events._kinesis = failing.before(events._kinesis)
    accruals._sqs = failing.before(accruals._sqs)
    both = {"batchItemFailures": [{"itemIdentifier": f"message-{order.number}"} for order in (FIRST, SECOND)]}
    assert payment.handle(event([FIRST, SECOND]), LambdaContext()) == both
    told = [json.loads(line) for line in "".join(capfd.readouterr()).splitlines() if '"message_id"' in line]
    assert [record["message_id"] for record in told] == ["message-1", "message-2"]
    assert {record["error"] for record in told} == {f"{operation}: ThrottlingException: slow"}
    assert payment.handle(event([FIRST, SECOND]), LambdaContext()) == {"batchItemFailures": []}
    assert cloud.statuses(FIRST, SECOND) == [("paid", "captured")] * 2
    assert {told["order_id"] for told in cloud.events()} == {FIRST.order_id, SECOND.order_id}
    assert {asked["order_id"] for asked in cloud.accruals()} == {FIRST.order_id, SECOND.order_id}


class Failing:
    """Refuses the first call of one operation."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._is_over = False

    def before(self, caller: object) -> "Failing.Caller":
        return Failing.Caller(self, caller)

    class Caller:
        def __init__(self, failing: "Failing", caller: object) -> None:
            self._failing = failing
            self._caller = caller

        def call(self, operation: str, parameters: Json) -> Json:
            if operation == self._failing._operation and not self._failing._is_over:
                self._failing._is_over = True
                raise throttled(operation)
            answer: Json = self._caller.call(operation, parameters)  # type: ignore[attr-defined] # a caller
            return answer


def test_a_message_that_cannot_be_buried_comes_again(sandboxes: Sandboxes, cloud: Cloud, server: Server) -> None:
    payment = sandboxes(cloud.environ(server.port))
    letters = payment._cashier._setbacks._dead_letters
    letters._sqs = Failing("SendMessage").before(letters._sqs)
    records = {"Records": [Order(1).record("not json")]}
    assert payment.handle(records, LambdaContext()) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert cloud.dead_letters() == []
    assert payment.handle(records, LambdaContext()) == {"batchItemFailures": []}
    assert [body for body, _ in cloud.dead_letters()] == ["not json"]


def test_the_same_order_twice_in_a_batch_is_paid_once_and_the_second_comes_again(
    sandboxes: Sandboxes, cloud: Cloud, server: Server
) -> None:
    cloud.place(FIRST)
    payment = sandboxes(cloud.environ(server.port))
    twin = {**FIRST.record(), "messageId": "message-twin"}
    answer = payment.handle({"Records": [FIRST.record(), twin]}, LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-twin"}]}
    assert cloud.statuses(FIRST) == [("paid", "captured")]
    assert [told["order_id"] for told in cloud.events()] == [FIRST.order_id]

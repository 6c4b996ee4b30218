"""A sandbox dies between any two steps, before or after the effect of each: orders are still captured exactly once."""

from typing import Any

import pytest

from services.chassis.aws.blocking import BlockingCaller
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Json
from services.chassis.postgres.tests.server import Server
from services.payment.assembly import Payment
from services.payment.publish import Accruals, PaidEvents
from services.payment.tests.cloud import ORDERS, PAYMENTS, Cloud, LambdaContext, Order, event, ledger
from services.payment.tests.conftest import Sandboxes, announcements

ORDERS_PLACED = [Order(1, "a", 700), Order(2, "b", 900), Order(3, "a", 1100)]
STEPS = ("read", "ready", "authorize", "capture", "settle", "publish", "points")
METHODS = {"points": "publish"}
"""Where a step is not called as the method is that takes it."""


class Crash(BaseException):
    """The sandbox is gone: nothing catches this."""


class Fuse:
    """Stands before one method of a part, and blows once: before the method did anything, or after it has."""

    def __init__(self, part: Any, method: str, *, is_before: bool) -> None:
        self._inner = getattr(part, method)
        self._is_before = is_before
        self.is_blown = False
        setattr(part, method, self)

    def __call__(self, *arguments: Any) -> Any:
        if self.is_blown:
            return self._inner(*arguments)
        self.is_blown = True
        if self._is_before:
            raise Crash
        self._inner(*arguments)
        raise Crash


def part_of(payment: Payment, step: str) -> object:
    cashier = payment._cashier
    return {
        "read": cashier._payments,
        "ready": cashier._ledger,
        "authorize": cashier._cards,
        "capture": cashier._ledger,
        "settle": cashier._payments,
        "publish": announcements(payment, PaidEvents),
        "points": announcements(payment, Accruals),
    }[step]


def assert_all_captured_once(cloud: Cloud, server: Server) -> None:
    assert cloud.statuses(*ORDERS_PLACED) == [("paid", "captured")] * 3
    assert ledger(server) == {order.order_id: (order.amount_cents, 0) for order in ORDERS_PLACED}
    payments = cloud.rows(PAYMENTS)
    assert {payments[o.order_id]["total_cents"] for o in ORDERS_PLACED} == {"700", "900", "1100"}
    assert float(payments[ORDERS_PLACED[0].order_id]["captured_at"]) < float(
        payments[ORDERS_PLACED[2].order_id]["captured_at"]
    )
    assert {told["order_id"] for told in cloud.events()} == {order.order_id for order in ORDERS_PLACED}
    assert {asked["order_id"] for asked in cloud.accruals()} == {order.order_id for order in ORDERS_PLACED}
    assert cloud.dead_letters() == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_before", [pytest.param(True, id="before"), pytest.param(False, id="after")])
def test_a_sandbox_that_dies_at_any_step_captures_once(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, step: str, is_before: bool
) -> None:
    cloud.place(*ORDERS_PLACED)
    dying = sandboxes(cloud.environ(server.port))
    Fuse(part_of(dying, step), METHODS.get(step, step), is_before=is_before)
    with pytest.raises(Crash):
        dying.handle(event(ORDERS_PLACED), LambdaContext())
    dying.close()
    assert sandboxes(cloud.environ(server.port)).handle(event(ORDERS_PLACED), LambdaContext()) == {
        "batchItemFailures": []
    }
    assert_all_captured_once(cloud, server)


class LosesAnswers:
    """A caller whose operations are performed, and whose first answer to `operation` never arrives."""

    def __init__(self, inner: BlockingCaller, operation: str) -> None:
        self._inner = inner
        self._operation = operation
        self.is_lost = False

    def call(self, operation: str, parameters: Json) -> Json:
        answer = self._inner.call(operation, parameters)
        if operation == self._operation and not self.is_lost:
            self.is_lost = True
            return self._inner.call(operation, parameters)  # the client sends the same bytes again
        return answer


def test_a_settlement_whose_answer_was_lost_is_recognized(sandboxes: Sandboxes, cloud: Cloud, server: Server) -> None:
    cloud.place(*ORDERS_PLACED)
    payment = sandboxes(cloud.environ(server.port))
    payments = payment._cashier._payments
    payments._dynamodb = LosesAnswers(payments._dynamodb, "TransactWriteItems")
    assert payment.handle(event(ORDERS_PLACED), LambdaContext()) == {"batchItemFailures": []}
    assert_all_captured_once(cloud, server)


def test_two_sandboxes_with_the_same_messages_capture_once(sandboxes: Sandboxes, cloud: Cloud, server: Server) -> None:
    """Both have read the tables before either writes: as when a message becomes visible while it is worked on."""
    cloud.place(*ORDERS_PLACED)
    first, second = (sandboxes(cloud.environ(server.port)) for _ in range(2))
    authorize = first._cashier._cards.authorize

    def meanwhile(charges: Any) -> Any:
        assert second.handle(event(ORDERS_PLACED), LambdaContext()) == {"batchItemFailures": []}
        return authorize(charges)

    setattr(first._cashier._cards, "authorize", meanwhile)  # noqa: B010 - the moment between reading and writing
    assert first.handle(event(ORDERS_PLACED), LambdaContext()) == {"batchItemFailures": []}
    assert_all_captured_once(cloud, server)


def test_tables_that_contradict_the_ledger_are_not_overwritten(
    sandboxes: Sandboxes, cloud: Cloud, server: Server
) -> None:
    cloud.place(ORDERS_PLACED[0], ORDERS_PLACED[1])
    cloud.client("dynamodb").update_item(
        TableName=ORDERS,
        Key={"order_id": {"S": ORDERS_PLACED[0].order_id}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": "declined"}},
    )
    payment = sandboxes(cloud.environ(server.port))
    answer = payment.handle(event(ORDERS_PLACED[:2]), LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert cloud.statuses(*ORDERS_PLACED[:2]) == [("declined", "-"), ("paid", "captured")]
    assert [told["order_id"] for told in cloud.events()] == [ORDERS_PLACED[1].order_id], "the other one is told of"


def test_an_order_of_which_nobody_can_tell_whether_it_is_settled_comes_again(
    sandboxes: Sandboxes, cloud: Cloud, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its capture is in the ledger: without its message nobody would ever write that it is paid."""
    cloud.place(*ORDERS_PLACED[:2])
    payment, other = (sandboxes(cloud.environ(server.port)) for _ in range(2))
    payments = payment._cashier._payments
    capture = payment._cashier._ledger.capture

    def meanwhile(approvals: Any) -> Any:
        other.handle(event(ORDERS_PLACED[:1]), LambdaContext())
        return capture(approvals)

    def unreadable(_settlement: object) -> bool:
        raise AwsError(operation="BatchGetItem", code="ThrottlingException", message="slow")

    setattr(payment._cashier._ledger, "capture", meanwhile)  # noqa: B010 - the moment between booking and settling
    monkeypatch.setattr(payments, "is_settled", unreadable)
    answer = payment.handle(event(ORDERS_PLACED[:2]), LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert cloud.statuses(*ORDERS_PLACED[:2]) == [("paid", "captured")] * 2
    assert [told["order_id"] for told in cloud.events()] == [order.order_id for order in ORDERS_PLACED[:2]]

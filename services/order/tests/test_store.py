"""What a transaction that was cancelled means: an earlier attempt of ours got through, or the key is taken."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.aws.errors import AwsError, Reason
from services.chassis.aws.json_apis import Json
from services.order.domain import Draft, Order
from services.order.store import KeyConflict, OrderTable, Placed, key_item

ORDER = Order(
    order_id="01MINE",
    draft=Draft(store_id="s", customer_id="c", lines=(), total_cents=1),
    status="accepted",
    placed_at=1.5,
    correlation_id="corr",
    idempotency_key="k",
)
KEY: Any = key_item(ORDER, "print")
THEIRS: Any = key_item(replace(ORDER, order_id="01THEIRS"), "print")
NOBODY, FAILED = Reason("None"), "ConditionalCheckFailed"


class Refusing:
    """DynamoDB, which refuses the transaction for these reasons; `kept` is what it holds under the key."""

    def __init__(self, *reasons: Reason, kept: Json | None = None) -> None:
        self._reasons = reasons
        self._kept = kept
        self.asked: list[str] = []

    async def call(self, operation: str, parameters: Json) -> Json:
        self.asked.append(operation)
        if operation == "GetItem":
            assert parameters["Key"] == {"order_id": {"S": "idem#k"}}
            return {} if self._kept is None else {"Item": self._kept}
        raise AwsError(
            operation=operation, code="TransactionCanceledException", message="no", status=400, reasons=self._reasons
        )


def place(dynamodb: Refusing, order: Order = ORDER, fingerprint: str = "print") -> Placed:
    return asyncio.run(OrderTable(dynamodb, orders="orders", outbox="outbox").place(order, fingerprint))


MINE, REPLAY = Placed(order_id="01MINE"), Placed(order_id="01THEIRS", is_replay=True)


@pytest.mark.parametrize(
    ("dynamodb", "placed", "asked"),
    [
        (Refusing(Reason(FAILED), NOBODY, NOBODY), MINE, 1),
        (Refusing(NOBODY, Reason(FAILED, KEY), NOBODY), MINE, 1),
        (Refusing(NOBODY, Reason(FAILED, THEIRS), NOBODY), REPLAY, 1),
        (Refusing(NOBODY, Reason(FAILED), NOBODY, kept=KEY), MINE, 2),
        (Refusing(NOBODY, Reason(FAILED), NOBODY, kept=THEIRS), REPLAY, 2),
    ],
    ids=["its own id", "its own key", "another's key", "its own key, read", "another's key, read"],
)
def test_an_order_that_is_there_already_is_placed(dynamodb: Refusing, placed: Placed, asked: int) -> None:
    assert place(dynamodb) == placed
    assert len(dynamodb.asked) == asked


def test_without_a_key_only_the_order_itself_can_be_there() -> None:
    assert place(Refusing(Reason(FAILED), NOBODY), replace(ORDER, idempotency_key=None)) == MINE


def test_a_key_that_stands_for_another_order_is_a_conflict() -> None:
    with pytest.raises(KeyConflict, match=r"^k$"):
        place(Refusing(NOBODY, Reason(FAILED, THEIRS), NOBODY), fingerprint="another")


@pytest.mark.parametrize(
    "reasons",
    [(NOBODY, Reason(FAILED), NOBODY), (Reason("TransactionConflict"), NOBODY, NOBODY)],
    ids=["a key that expired in this very moment", "another transaction"],
)
def test_what_says_nothing_of_the_order_is_the_callers_to_try_again(reasons: tuple[Reason, ...]) -> None:
    with pytest.raises(AwsError, match="TransactionCanceledException"):
        place(Refusing(*reasons))


def test_a_key_is_remembered_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.order.store.time.time", lambda: 1_000.9)
    assert key_item(ORDER, "print") == {
        "order_id": {"S": "idem#k"},
        "order_id_of": {"S": "01MINE"},
        "fingerprint": {"S": "print"},
        "expires_at": {"N": "87400"},
    }

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain import Demand, OrderFacts, Poison, check, decimal, read_demand

BODY: dict[str, object] = {
    "order_id": "01ORDER",
    "customer_id": "customer-0001",
    "store_id": "store-001",
    "total_amount": "12.50",
    "correlation_id": "corr-1",
}
DEMAND = Demand(
    order_id="01ORDER",
    customer_id="customer-0001",
    store_id="store-001",
    amount_cents=1250,
    correlation_id="corr-1",
)
ORDER = OrderFacts(customer_id="customer-0001", amount_cents=1250, status="accepted", placed_at=1.0)


def test_a_message_of_the_order_service_is_a_demand() -> None:
    assert read_demand(json.dumps(BODY)) == DEMAND
    assert read_demand(json.dumps({**BODY, "placed_at": 5.5, "more": 1})).placed_at == 5.5


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param("{", "not JSON", id="cut off"),
        pytest.param("[]", "not an object", id="a list"),
        pytest.param(json.dumps({**BODY, "order_id": None}), "order_id", id="no order"),
        pytest.param(json.dumps({**BODY, "order_id": "x" * 129}), "order_id", id="an endless order"),
        pytest.param(json.dumps({**BODY, "customer_id": ""}), "customer_id", id="no customer"),
        pytest.param(json.dumps({**BODY, "store_id": "a\nb"}), "store_id", id="a line break"),
        pytest.param(json.dumps({**BODY, "correlation_id": 7}), "correlation_id", id="a number for a text"),
        pytest.param(json.dumps({**BODY, "total_amount": 12.5}), "total_amount", id="a float"),
        pytest.param(json.dumps({**BODY, "total_amount": "12.5"}), "total_amount", id="one digit"),
        pytest.param(json.dumps({**BODY, "total_amount": "-12.50"}), "total_amount", id="negative"),
        pytest.param(json.dumps({**BODY, "total_amount": "0.00"}), "total_amount", id="nothing"),
        pytest.param(json.dumps({**BODY, "placed_at": "now"}), "placed_at", id="no moment"),
        pytest.param(json.dumps({**BODY, "placed_at": True}), "placed_at", id="a truth for a moment"),
    ],
)
def test_what_is_malformed_says_where(body: str, reason: str) -> None:
    with pytest.raises(Poison, match=f"malformed: .*{reason}"):
        read_demand(body)


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists, max_leaves=4).map(json.dumps))
def test_no_body_does_anything_else_than_be_read_or_refused(body: str) -> None:
    with pytest.raises(Poison):
        read_demand(body)


@given(st.integers(1, 99_999_999_999))
def test_an_amount_is_read_as_it_is_written(cents: int) -> None:
    assert read_demand(json.dumps({**BODY, "total_amount": decimal(cents)})).amount_cents == cents


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        pytest.param(None, "unknown order", id="no such order"),
        pytest.param(
            OrderFacts(customer_id="customer-0002", amount_cents=1250, status="accepted", placed_at=1.0),
            "another customer",
            id="another's order",
        ),
        pytest.param(
            OrderFacts(customer_id="customer-0001", amount_cents=1251, status="accepted", placed_at=1.0),
            "12.50 is asked for, 12.51 was ordered",
            id="another amount",
        ),
    ],
)
def test_what_was_not_ordered_is_not_paid(order: OrderFacts | None, reason: str) -> None:
    with pytest.raises(Poison, match=reason):
        check(DEMAND, order)


def test_what_was_ordered_is() -> None:
    check(DEMAND, ORDER)

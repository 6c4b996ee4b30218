import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.domain import Poison, Sale, once_each, read, to_csv
from services.analytics.tests.fakes import AT, paid

SALE = Sale(
    order_id="order-3",
    customer_id="customer-3",
    store_id="store-001",
    amount_cents=450,
    authorization_id="authorization-3",
    correlation_id="correlation-3",
    paid_at=AT,
)


def test_a_paid_order_is_a_sale() -> None:
    assert read(paid(3)) == SALE


def test_an_accepted_order_is_no_sale_yet() -> None:
    assert read(paid(3, type="order_accepted")) is None


@pytest.mark.parametrize(("amount", "cents"), [("0", 0), ("0.05", 5), ("12.5", 1250), ("999999999.99", 99_999_999_999)])
def test_amounts_are_exact(amount: str, cents: int) -> None:
    sale = read(paid(1, total_amount=amount))
    assert sale is not None
    assert sale.amount_cents == cents


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"\xff\xfe", "not JSON", id="not text"),
        pytest.param(b"[" * 100_000, "not JSON", id="too deep"),
        pytest.param(b"[]", "no object but list", id="a list"),
        pytest.param(paid(1, type="order_refunded"), "its type is 'order_refunded'", id="unknown type"),
        pytest.param(paid(1, type=["order_accepted"]), "its type is", id="a type that is no text"),
        pytest.param(paid(1, order_id=None), "order_id is None", id="no order"),
        pytest.param(paid(1, order_id="a'b"), "order_id is", id="an order with a quote"),
        pytest.param(paid(1, order_id="x" * 129), "order_id is", id="an order's id that is too long"),
        pytest.param(paid(1, customer_id=7), "customer_id is 7", id="a customer that is a number"),
        pytest.param(paid(1, store_id=""), "store_id is ''", id="no store"),
        pytest.param(paid(1, authorization_id=None), "authorization_id is None", id="nobody authorized it"),
        pytest.param(paid(1, correlation_id="a\nb"), "correlation_id is", id="a second line"),
        pytest.param(paid(1, total_amount="-1.00"), "total_amount is '-1.00'", id="negative"),
        pytest.param(paid(1, total_amount="1.005"), "total_amount is '1.005'", id="half a cent"),
        pytest.param(paid(1, total_amount=4.5), "total_amount is 4.5", id="a float"),
        pytest.param(paid(1, total_amount="NaN"), "total_amount is 'NaN'", id="no number"),
        pytest.param(paid(1, total_amount="1e3"), "total_amount is '1e3'", id="an exponent"),
        pytest.param(paid(1, at=AT * 1000), "at is", id="milliseconds"),
        pytest.param(paid(1, at=math.nan), "at is nan", id="no time"),
        pytest.param(paid(1, at=True), "at is True", id="a time that is a truth"),
    ],
)
def test_poison_says_what_is_wrong_with_it(data: bytes, reason: str) -> None:
    with pytest.raises(Poison, match=r"^[^\n]{1,300}$") as found:
        read(data)
    assert reason in str(found.value)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_no_bytes_are_more_than_poison(data: bytes) -> None:
    try:
        read(data)
    except Poison:
        return


def test_rows_are_written_as_copy_reads_them() -> None:
    assert to_csv([SALE]).decode() == (
        '"order-3","customer-3","store-001",450,"authorization-3","correlation-3",2026-11-18 11:06:40.000000\n'
    )


def test_quotes_are_doubled() -> None:
    sale = read(paid(1, correlation_id='a"b'))
    assert sale is not None
    assert '"a""b"' in to_csv([sale]).decode()


def test_an_event_that_came_twice_is_one_sale() -> None:
    first, other = read(paid(1)), read(paid(2))
    assert first is not None
    assert other is not None
    assert once_each([first, other, first]) == (first, other)
